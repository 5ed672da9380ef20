// SPDX-License-Identifier: GPL-2.0
/* Network interfaces of a VM, as they are asked for. */
#include <string.h>

#include "cmd.h"
#include "mem.h"
#include "nic.h"
#include "text.h"

#define NO_BRIDGE	"host"

/* BRIDGE|host[,mac=MAC] */
enum status read_nic(const struct args *args, const char *what, const char *text, struct nic *nic)
{
	char *copy = xstrdup(text), *rest = copy, *name = strsep(&rest, ","), *word;
	enum status status = STATUS_OK;

	if (!*name)
		status = usage(args, "%s '%s' names no bridge; '" NO_BRIDGE "' is for none", what, text);
	else if (strlen(name) > AERIE_BRIDGE_MAX)
		status = usage(args, "%s: '%s' is longer than an interface's name can be", what, name);
	else if (strcmp(name, NO_BRIDGE))
		strcpy(nic->bridge, name);
	while (status == STATUS_OK && (word = strsep(&rest, ","))) {
		if (strncmp(word, "mac=", 4))
			status = usage(args, "%s: '%s' is not mac=ADDRESS", what, word);
		else if (!parse_mac(word + 4, nic->mac))
			status = usage(args, "%s: '%s' is no address like 52:54:00:12:34:56", what,
				       word + 4);
		else
			nic->has_mac = true;
	}
	free(copy);
	return status;
}

enum status read_nics(const struct args *args, struct nic *nics, size_t *nr)
{
	enum status status;
	size_t i;

	*nr = 0;
	for (i = 0; i < args->nr_given; i++) {
		if (strcmp(args->given[i].option->name, "nic"))
			continue;
		if (*nr == AERIE_NICS_MAX)
			return usage(args, "more than %d network interfaces", AERIE_NICS_MAX);
		status = read_nic(args, "--nic", args->given[i].value, &nics[(*nr)++]);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

void put_nics(struct nl_msg *msg, const struct nic *nics, size_t nr)
{
	struct nlattr *list, *nest;
	size_t i;

	if (!nr)
		return;
	list = put_nest(msg, AERIE_A_NIC_LIST);
	for (i = 0; i < nr; i++) {
		nest = put_nest(msg, AERIE_A_NIC);
		if (*nics[i].bridge)
			put_str(msg, AERIE_A_BRIDGE, nics[i].bridge);
		if (nics[i].has_mac)
			put_data(msg, AERIE_A_MAC, nics[i].mac, MAC_LEN);
		nla_nest_end_keep_empty(msg, nest);
	}
	nla_nest_end(msg, list);
}
