// SPDX-License-Identifier: GPL-2.0
/* What the module tells about the devices of a VM. */
#include <net/if.h>
#include <string.h>

#include "dev.h"
#include "mem.h"

static void read_queues(struct nlattr *list, struct dev *dev)
{
	struct nlattr *tb[AERIE_A_MAX + 1];
	struct nlattr *nest;
	int rest;

	nla_for_each_nested(nest, list, rest) {
		if (dev->nr_queues == DEV_QUEUES || !get_nest(nest, tb))
			return;
		dev->queue[dev->nr_queues].requests = get_u64(tb[AERIE_A_QUEUE_REQUESTS]);
		dev->queue[dev->nr_queues].interrupts = get_u64(tb[AERIE_A_QUEUE_INTERRUPTS]);
		dev->nr_queues++;
	}
}

void dev_read(struct nlattr **tb, struct dev *dev)
{
	memset(dev, 0, sizeof(*dev));
	get_str(tb[AERIE_A_DEV_NAME], dev->name, sizeof(dev->name));
	get_str(tb[AERIE_A_DEV_KIND], dev->kind, sizeof(dev->kind));
	dev->id = get_u32(tb[AERIE_A_DEV_ID]);
	dev->slot = get_u32(tb[AERIE_A_SLOT]);
	if (tb[AERIE_A_BACKING])
		dev->backing = nla_strdup(tb[AERIE_A_BACKING]);
	get_str(tb[AERIE_A_SERIAL], dev->serial, sizeof(dev->serial));
	dev->read_only = tb[AERIE_A_READ_ONLY];
	disk_state_read(tb, &dev->disk);
	dev->ifindex = get_u32(tb[AERIE_A_IFINDEX]);
	if (tb[AERIE_A_MAC])
		memcpy(dev->mac, nla_data(tb[AERIE_A_MAC]), MAC_LEN);
	get_str(tb[AERIE_A_BRIDGE], dev->bridge, sizeof(dev->bridge));
	dev->asked = tb[AERIE_A_DEV_ASKED];
	if (tb[AERIE_A_QUEUE_LIST])
		read_queues(tb[AERIE_A_QUEUE_LIST], dev);
}

static void add_dev(struct nlattr **tb, void *arg)
{
	struct dev_list *list = arg;

	list->dev = xrealloc(list->dev, list->nr + 1, sizeof(*list->dev));
	dev_read(tb, &list->dev[list->nr++]);
}

enum status dev_list(const struct conn *conn, const char *name, struct dev_list *list,
		     struct refusal *e)
{
	struct nl_msg *msg = conn_request(conn, AERIE_CMD_DEV_GET, NLM_F_DUMP);
	enum status status;

	*list = (struct dev_list){};
	put_str(msg, AERIE_A_NAME, name);
	status = conn_call(conn, msg, add_dev, list, e);
	if (status != STATUS_OK)
		dev_list_free(list);
	return status;
}

void dev_list_free(struct dev_list *list)
{
	size_t i;

	for (i = 0; i < list->nr; i++)
		free(list->dev[i].backing);
	free(list->dev);
	*list = (struct dev_list){};
}

static const struct out_col dev_cols[] = {
	{ "DEVICE", OUT_STR }, { "KIND", OUT_STR }, { "SLOT", OUT_U64 }, { "READ_ONLY", OUT_BOOL },
	{ "ASKED", OUT_BOOL }, { "SERIAL", OUT_STR }, { "BACKING", OUT_STR },
};

struct out_table *dev_table(const struct dev_list *list)
{
	struct out_table *table = out_table_new(dev_cols, sizeof(dev_cols) / sizeof(dev_cols[0]));
	size_t i;

	for (i = 0; i < list->nr; i++) {
		const struct dev *dev = &list->dev[i];

		out_table_row(table, (struct out_val[]){
			{ .str = dev->name },
			{ .str = dev->kind },
			{ .u64 = dev->slot },
			{ .u64 = dev->read_only },
			{ .u64 = dev->asked },
			{ .str = dev->serial, .none = !*dev->serial },
			{ .str = dev->backing, .none = !dev->backing },
		});
	}
	return table;
}

static const struct out_col disk_cols[] = {
	{ "DEVICE", OUT_STR }, { "SIZE", OUT_SIZE }, { "IOPS", OUT_U64 }, { "BPS", OUT_SIZE },
	{ "BURST", OUT_TIME },
};

struct out_table *dev_disk_table(const struct dev_list *list)
{
	struct out_table *table =
		out_table_new(disk_cols, sizeof(disk_cols) / sizeof(disk_cols[0]));
	size_t i;

	for (i = 0; i < list->nr; i++) {
		const struct disk_state *disk = &list->dev[i].disk;

		if (disk->size)
			out_table_row(table, (struct out_val[]){
				{ .str = list->dev[i].name },
				{ .u64 = disk->size },
				{ .u64 = disk->iops, .none = !disk->iops },
				{ .u64 = disk->bps, .none = !disk->bps },
				{ .u64 = disk->burst_ms * 1000000ull },
			});
	}
	return table;
}

static const struct out_col nic_cols[] = {
	{ "DEVICE", OUT_STR }, { "INTERFACE", OUT_STR }, { "MAC", OUT_STR }, { "BRIDGE", OUT_STR },
};

struct out_table *dev_nic_table(const struct dev_list *list)
{
	struct out_table *table = out_table_new(nic_cols, sizeof(nic_cols) / sizeof(nic_cols[0]));
	char name[IF_NAMESIZE], mac[TEXT_LEN];
	size_t i;

	for (i = 0; i < list->nr; i++) {
		const struct dev *dev = &list->dev[i];

		if (!dev->ifindex)
			continue;
		/* In another network namespace it has no name here. */
		out_table_row(table, (struct out_val[]){
			{ .str = dev->name },
			{ .str = if_indextoname(dev->ifindex, name) ? name : "" },
			{ .str = text_mac(dev->mac, mac) },
			{ .str = dev->bridge, .none = !*dev->bridge },
		});
	}
	return table;
}

static const struct out_col queue_cols[] = {
	{ "DEVICE", OUT_STR }, { "QUEUE", OUT_U64 }, { "REQUESTS", OUT_U64 },
	{ "INTERRUPTS", OUT_U64 },
};

struct out_table *dev_queue_table(const struct dev_list *list)
{
	struct out_table *table =
		out_table_new(queue_cols, sizeof(queue_cols) / sizeof(queue_cols[0]));
	size_t i, q;

	for (i = 0; i < list->nr; i++) {
		const struct dev *dev = &list->dev[i];

		for (q = 0; q < dev->nr_queues; q++)
			out_table_row(table, (struct out_val[]){
				{ .str = dev->name },
				{ .u64 = q },
				{ .u64 = dev->queue[q].requests },
				{ .u64 = dev->queue[q].interrupts },
			});
	}
	return table;
}
