/* SPDX-License-Identifier: GPL-2.0 */
/* What the module tells about the devices of a VM. */
#ifndef CTL_DEV_H
#define CTL_DEV_H

#include "disk.h"
#include "nl.h"
#include "out.h"
#include "text.h"

#define DEV_QUEUES	17	/* more are not told */

struct dev {
	char name[AERIE_NAME_MAX + 1];
	char kind[16];
	uint32_t id, slot;
	char *backing;			/* or NULL */
	char serial[AERIE_SERIAL_MAX + 1];
	bool read_only, asked;
	struct disk_state disk;		/* without a size: it is none */
	uint32_t ifindex;		/* of the host's network interface; 0: it is none */
	uint8_t mac[MAC_LEN];
	char bridge[AERIE_BRIDGE_MAX + 1];
	size_t nr_queues;
	struct {
		uint64_t requests, interrupts;
	} queue[DEV_QUEUES];
};

struct dev_list {
	struct dev *dev;
	size_t nr;
};

/* The devices of a VM that can be attached and detached. An empty list where it fails. */
enum status dev_list(const struct conn *conn, const char *name, struct dev_list *list,
		     struct refusal *e);
void dev_list_free(struct dev_list *list);

/* One device from the attributes of a message. Its backing is to be freed. */
void dev_read(struct nlattr **tb, struct dev *dev);

/* For people: the devices; disks; network interfaces; and the counters of their queues. */
struct out_table *dev_table(const struct dev_list *list);
struct out_table *dev_disk_table(const struct dev_list *list);
struct out_table *dev_nic_table(const struct dev_list *list);
struct out_table *dev_queue_table(const struct dev_list *list);

#endif
