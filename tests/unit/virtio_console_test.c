// SPDX-License-Identifier: GPL-2.0
/* The virtio console: what the guest says and what is typed, in whatever buffers it offers. */
// sources: kmod/virtio/console.c kmod/virtio/transport.c kmod/virtio/registers.c kmod/virtio/queue.c kmod/dev/pci.c kmod/dev/msix.c kmod/dev/pm.c kmod/dev/bus.c
#include "dev/chips.h"
#include "ktap.h"
#include "uapi.h"
#include "fake_virtio.h"

#define READY		(VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK)
#define BROKEN		(READY | VIRTIO_CONFIG_S_NEEDS_RESET)
#define DATA		0x100000ull
#define RAM_END		(4ull << 20)

enum { RECEIVE, TRANSMIT };

int shim_fail_alloc;

struct aerie_console {
	aerie_console_receive *receive;
	void *arg;
	bool muted;
	u8 said[2 * AERIE_CONSOLE_RING];
	size_t nr_said;
	char typed[1024];
	size_t nr_typed;
};

static struct aerie_console con;
static unsigned int consoles;
static bool fails;

struct aerie_console *aerie_console_create(aerie_console_receive *receive, void *arg)
{
	if (fails)
		return ERR_PTR(-ENOMEM);
	con = (struct aerie_console) { .receive = receive, .arg = arg };
	consoles++;
	return &con;
}

void aerie_console_mute(struct aerie_console *c)
{
	EXPECT(c == &con);
	c->muted = true;
}

void aerie_console_destroy(struct aerie_console *c)
{
	EXPECT(c == &con);
	consoles--;
}

const char *aerie_console_tty(const struct aerie_console *c)
{
	EXPECT(c == &con);
	return "ttyAERIE7";
}

static void hear(struct aerie_console *c, const u8 *buf, size_t len)
{
	EXPECT(c == &con && consoles);
	EXPECT(c->nr_said + len <= sizeof(c->said));
	memcpy(c->said + c->nr_said, buf, len);
	c->nr_said += len;
}

size_t aerie_console_take(struct aerie_console *c, u8 *buf, size_t len)
{
	EXPECT(c == &con && consoles);
	len = min(len, c->nr_typed);
	memcpy(buf, c->typed, len);
	memmove(c->typed, c->typed + len, c->nr_typed -= len);
	return len;
}

static struct aerie_virtio *hvc;
static struct ring rings[2];

static void setup(void)
{
	unsigned int i;

	virtio_machine(RAM_END);
	console_hook = hear;
	EXPECT_EQ(aerie_virtio_console_create(&vm, NULL), 0);
	EXPECT(vm.hvc == &con);
	EXPECT(!strcmp(vm.hvc_tty, "ttyAERIE7"));
	hvc = container_of(list_entry(vm.devs.prev, struct aerie_dev, node), struct aerie_virtio, dev);
	vm.devs_run = true;
	hvc->dev.ops->reset(&hvc->dev);
	for (i = 0; i < 2; i++) {
		ring_enable(&rings[i], &hvc->vqs[i]);
		rings[i].desc = hvc->vqs[i].desc += 0x1000 * i;
		rings[i].avail = hvc->vqs[i].avail += 0x1000 * i;
		rings[i].used = hvc->vqs[i].used += 0x1000 * i;
	}
	hvc->s.status = READY;
}

static void teardown(void)
{
	virtio_machine_fini();
	EXPECT_EQ(consoles, 0);
}

static void type(const char *text)
{
	size_t len = strlen(text);

	memcpy(con.typed + con.nr_typed, text, len);
	con.nr_typed += len;
	EXPECT_EQ(con.receive(con.arg, (const u8 *)text, len), 0);
	works_run();
}

static void offer(unsigned int i, u16 head)
{
	ring_offer(&rings[i], head);
	queue_work(NULL, &hvc->vqs[i].work);
	works_run();
}

static bool said(const void *what, size_t len)
{
	bool same = con.nr_said == len && !memcmp(con.said, what, len);

	con.nr_said = 0;
	return same;
}

TEST(what_the_guest_says)
{
	setup();
	aerie_mem_write(&vm.mem, DATA, "hello, ", 7, GFP_KERNEL);
	aerie_mem_write(&vm.mem, DATA + 0x1000, "world", 5, GFP_KERNEL);
	ring_desc(&rings[TRANSMIT], 0, DATA, 7, NEXT, 1);
	ring_desc(&rings[TRANSMIT], 1, DATA + 0x1000, 5, NEXT, 2);
	ring_desc(&rings[TRANSMIT], 2, DATA, 7, WRITE, 0);	/* room for an answer: there is none */
	offer(TRANSMIT, 0);
	EXPECT(said("hello, world", 12));
	EXPECT_EQ(ring_used_idx(&rings[TRANSMIT]), 1);
	EXPECT_EQ(ring_used(&rings[TRANSMIT], 0).len, 0);
	/* More than is copied at a time. */
	aerie_mem_write(&vm.mem, DATA + 300, "there", 5, GFP_KERNEL);
	ring_desc(&rings[TRANSMIT], 0, DATA, 305, 0, 0);
	offer(TRANSMIT, 0);
	EXPECT_EQ(con.nr_said, 305);
	EXPECT(!memcmp(con.said, "hello, ", 7) && !memcmp(con.said + 300, "there", 5));
	con.nr_said = 0;
	/* Nothing at all. */
	ring_desc(&rings[TRANSMIT], 0, DATA, 7, WRITE, 0);
	offer(TRANSMIT, 0);
	EXPECT(said("", 0));
	EXPECT_EQ(ring_used_idx(&rings[TRANSMIT]), 3);
	EXPECT_EQ(hvc->s.status, READY);
	teardown();
}

/* A request may claim nearly 32 GiB: eight descriptors of the same memory. */
TEST(of_much_only_the_end)
{
	static u8 all[2 * AERIE_CONSOLE_RING];
	unsigned int i;

	setup();
	for (i = 0; i < sizeof(all); i++)
		all[i] = i * 7 + i / 256;
	aerie_mem_write(&vm.mem, DATA, all, sizeof(all), GFP_KERNEL);
	ring_desc(&rings[TRANSMIT], 0, DATA, AERIE_CONSOLE_RING + 1000, 0, 0);
	offer(TRANSMIT, 0);
	EXPECT(said(all + 1000, AERIE_CONSOLE_RING));
	/* What is left out need not even be there. */
	ring_desc(&rings[TRANSMIT], 0, RAM_END, 5000, NEXT, 1);
	ring_desc(&rings[TRANSMIT], 1, DATA, AERIE_CONSOLE_RING, 0, 0);
	offer(TRANSMIT, 0);
	EXPECT(said(all, AERIE_CONSOLE_RING));
	EXPECT_EQ(hvc->s.status, READY);
	teardown();
}

TEST(buffers_outside_ram_break_it)
{
	setup();
	ring_desc(&rings[TRANSMIT], 0, RAM_END - 4, 8, 0, 0);
	offer(TRANSMIT, 0);
	EXPECT_EQ(hvc->s.status, BROKEN);
	EXPECT_EQ(ring_used_idx(&rings[TRANSMIT]), 0);
	teardown();

	setup();
	ring_desc(&rings[RECEIVE], 0, RAM_END - 4, 8, WRITE, 0);
	offer(RECEIVE, 0);
	EXPECT_EQ(hvc->s.status, READY);	/* nobody has typed anything */
	type("a line");
	EXPECT_EQ(hvc->s.status, BROKEN);
	EXPECT_EQ(ring_used_idx(&rings[RECEIVE]), 0);
	teardown();

	/* A chain that is none. */
	setup();
	ring_desc(&rings[RECEIVE], 0, DATA, 8, WRITE | NEXT, 0);
	offer(RECEIVE, 0);
	EXPECT_EQ(hvc->s.status, BROKEN);
	teardown();
}

TEST(what_is_typed_waits_for_a_buffer)
{
	setup();
	type("abc");
	type("def");
	ring_desc(&rings[RECEIVE], 0, DATA, 4, WRITE, 0);
	offer(RECEIVE, 0);
	EXPECT(fake_mem_equal(&vm.mem, DATA, "abcd", 4));
	EXPECT_EQ(ring_used(&rings[RECEIVE], 0).len, 4);
	offer(RECEIVE, 0);
	EXPECT(fake_mem_equal(&vm.mem, DATA, "efcd", 4));
	EXPECT_EQ(ring_used(&rings[RECEIVE], 1).len, 2);
	EXPECT_EQ(con.nr_typed, 0);
	teardown();
}

TEST(a_buffer_waits_for_what_is_typed)
{
	char text[600];

	setup();
	ring_desc(&rings[RECEIVE], 0, DATA, 2, WRITE | NEXT, 1);
	ring_desc(&rings[RECEIVE], 1, DATA + 0x1000, 4096, WRITE, 0);
	offer(RECEIVE, 0);
	EXPECT_EQ(ring_used_idx(&rings[RECEIVE]), 0);
	type("xyz");
	EXPECT_EQ(ring_used_idx(&rings[RECEIVE]), 1);
	EXPECT_EQ(ring_used(&rings[RECEIVE], 0).len, 3);
	EXPECT(fake_mem_equal(&vm.mem, DATA, "xy", 2));
	EXPECT(fake_mem_equal(&vm.mem, DATA + 0x1000, "z", 1));
	/* More than is given at a time, to as many buffers as there are. */
	memset(text, 'q', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	ring_desc(&rings[RECEIVE], 2, DATA, 1024, WRITE, 0);
	ring_offer(&rings[RECEIVE], 2);
	offer(RECEIVE, 2);
	type(text);
	EXPECT_EQ(ring_used_idx(&rings[RECEIVE]), 3);
	EXPECT_EQ(ring_used(&rings[RECEIVE], 1).len, 256);
	EXPECT_EQ(con.nr_typed, sizeof(text) - 1 - 512);
	teardown();
}

/* It takes nothing: what is typed stays, and the work comes to an end. */
TEST(a_buffer_without_room)
{
	setup();
	ring_desc(&rings[RECEIVE], 0, DATA, 16, 0, 0);
	offer(RECEIVE, 0);
	type("abc");
	EXPECT_EQ(con.nr_typed, 3);
	EXPECT_EQ(ring_used_idx(&rings[RECEIVE]), 0);
	EXPECT_EQ(hvc->s.status, READY);
	teardown();
}

TEST(one_that_was_taken_by_force_says_nothing)
{
	setup();
	aerie_mem_write(&vm.mem, DATA, "hello", 5, GFP_KERNEL);
	ring_desc(&rings[RECEIVE], 0, DATA, 16, WRITE, 0);
	offer(RECEIVE, 0);
	EXPECT(hvc->dev.ops->sever(&hvc->dev));
	EXPECT_EQ(consoles, 0);
	EXPECT(!vm.hvc && !vm.hvc_tty);
	works_run();
	/* Its driver goes on: what it says goes nowhere, buffers stay where they are. */
	ring_desc(&rings[TRANSMIT], 0, DATA, 5, 0, 0);
	offer(TRANSMIT, 0);
	EXPECT_EQ(ring_used_idx(&rings[TRANSMIT]), 1);
	offer(RECEIVE, 0);
	EXPECT_EQ(ring_used_idx(&rings[RECEIVE]), 0);
	EXPECT_EQ(con.nr_said, 0);
	EXPECT_EQ(hvc->s.status, READY);
	teardown();
}

TEST(nothing_is_received_of_one_that_goes)
{
	setup();
	EXPECT(!con.muted);
	teardown();
	EXPECT(con.muted);
}

TEST(no_memory_is_an_error)
{
	unsigned int n;

	virtio_machine(RAM_END);
	fails = true;
	EXPECT_EQ(aerie_virtio_console_create(&vm, NULL), -ENOMEM);
	fails = false;
	for (n = 1; n < 10; n++) {
		shim_fail_alloc = n;
		if (!aerie_virtio_console_create(&vm, NULL))
			break;
		EXPECT_EQ(shim_fail_alloc, 0);
		EXPECT_EQ(consoles, 0);
		EXPECT(!vm.hvc);
	}
	EXPECT_EQ(n, 6);
	shim_fail_alloc = 0;
	teardown();
}

TEST(there_is_one_in_a_vm)
{
	struct aerie_why why = {};

	setup();
	EXPECT_EQ(aerie_virtio_console_create(&vm, &why), -EEXIST);
	EXPECT(why.msg && why.attr == AERIE_A_HVC);
	EXPECT_EQ(consoles, 1);
	teardown();
}
