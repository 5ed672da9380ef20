// SPDX-License-Identifier: GPL-2.0
/* One look of aerie top at all VMs: what the module tells of them, their memory and devices. */
#include <errno.h>
#include <netlink/genl/ctrl.h>
#include <string.h>

#include "cmd.h"
#include "mem.h"
#include "top.h"

static void read_memory(struct nlattr **tb, void *arg)
{
	struct top_look *look = arg;
	char name[AERIE_NAME_MAX + 1];
	size_t i;

	get_str(tb[AERIE_A_NAME], name, sizeof(name));
	for (i = 0; i < look->nr; i++) {
		struct top_vm *vm = &look->vm[i];

		if (strcmp(vm->vm.name, name))
			continue;
		vm->saved = get_u64(tb[AERIE_A_SAVED]);
		vm->out = get_u64(tb[AERIE_A_STORED]) + get_u64(tb[AERIE_A_SWAPPED]) +
			  get_u64(tb[AERIE_A_ON_DISK]);
	}
}

/* One that has gone in the meantime has no devices any more. */
static enum status get_devices(const struct conn *conn, struct top_look *look, struct refusal *e)
{
	enum status status;
	size_t i;

	for (i = 0; i < look->nr; i++) {
		status = dev_list(conn, look->vm[i].vm.name, &look->vm[i].devs, e);
		if (status != STATUS_OK && e->err != ENOENT)
			return status;
	}
	return STATUS_OK;
}

enum status top_look_get(const struct conn *conn, struct top_look *look, struct refusal *e)
{
	enum status status;
	struct vm_list list;
	size_t i;

	*look = (struct top_look){ 0 };
	status = vm_list(conn, &list, e);
	if (status != STATUS_OK)
		return status;
	look->ns = now_ns();
	look->nr = list.nr;
	look->vm = xcalloc(list.nr + 1, sizeof(*look->vm));
	for (i = 0; i < list.nr; i++)
		look->vm[i].vm = list.vm[i];
	/* What each of its VMs owns is the look's now. */
	free(list.vm);

	status = conn_call(conn, conn_request(conn, AERIE_CMD_MEM_GET, NLM_F_DUMP), read_memory,
			   look, e);
	if (status == STATUS_OK)
		status = get_devices(conn, look, e);
	if (status != STATUS_OK)
		top_look_free(look);
	return status;
}

void top_look_free(struct top_look *look)
{
	size_t i;

	for (i = 0; i < look->nr; i++) {
		vm_free(&look->vm[i].vm);
		dev_list_free(&look->vm[i].devs);
	}
	free(look->vm);
	*look = (struct top_look){ 0 };
}

/* The family's number is another one when the module is loaded again. */
enum status top_failed(const struct top *top, enum status status, const struct refusal *e)
{
	if (genl_ctrl_resolve(top->conn->sock, AERIE_GENL_NAME) == top->conn->family) {
		fail(NULL, "cannot look at the VMs", e);
		return status;
	}
	complain(NULL, "the module has been unloaded, there is nothing to see any more");
	return STATUS_NO_MODULE;
}
