/* SPDX-License-Identifier: GPL-2.0 */
/* Network interfaces of a VM, as they are asked for. */
#ifndef CTL_NIC_H
#define CTL_NIC_H

#include "nl.h"
#include "text.h"

struct nic {
	char bridge[AERIE_BRIDGE_MAX + 1];	/* or "": none */
	uint8_t mac[MAC_LEN];
	bool has_mac;
};

/**
 * read_nic() - what BRIDGE[,mac=ADDRESS] asks for
 * @args: command line
 * @what: what it follows there, for messages
 * @text: it
 * @nic: zeroed; filled in
 *
 * Return: STATUS_OK, or STATUS_USAGE after saying why.
 */
enum status read_nic(const struct args *args, const char *what, const char *text, struct nic *nic);

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

#endif
