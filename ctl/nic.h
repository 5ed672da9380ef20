/* SPDX-License-Identifier: GPL-2.0 */
/* Network interfaces of a VM: as they are asked for, and as they are shown. */
#ifndef CTL_NIC_H
#define CTL_NIC_H

#include "nl.h"
#include "out.h"
#include "text.h"

struct nic {
	char bridge[AERIE_BRIDGE_MAX + 1];	/* or "": none */
	uint8_t mac[MAC_LEN];
	bool has_mac;
	uint32_t ifindex;			/* of one that there is */
};

/**
 * read_nics() - what --nic options ask for
 * @args: command line
 * @nics: filled in, room for AERIE_NICS_MAX
 * @nr: set to how many
 *
 * Return: STATUS_OK, or STATUS_USAGE after saying why.
 */
enum status read_nics(const struct args *args, struct nic *nics, size_t *nr);
void put_nics(struct nl_msg *msg, const struct nic *nics, size_t nr);

/* One interface of a reply's AERIE_A_NIC_LIST. */
void get_nic(struct nlattr **tb, struct nic *nic);

/* What aerie show has of them; out_table_free() frees. @nics outlive it. */
struct out_table *nic_table(const struct nic *nics, size_t nr);

#endif
