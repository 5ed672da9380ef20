// SPDX-License-Identifier: GPL-2.0
/*
 * Random accesses to all device models, with time going by.
 *
 * Input is a series of commands: a byte that selects what to do, then its
 * operands. Apart from the sanitizers, it is checked that no read returns more
 * than its size, that lines and chips agree at the end, and that the number of
 * timer expiries stays within what the clamps promise.
 */
// sources: kmod/dev/device.c kmod/dev/irq.c kmod/dev/ioapic.c kmod/dev/pic.c kmod/dev/pit.c kmod/dev/rtc.c kmod/dev/pm.c kmod/dev/cpu_hotplug.c kmod/dev/hotplug.c kmod/dev/serial.c kmod/dev/pci.c kmod/dev/msix.c kmod/dev/bus.c
#include "fake_machine.h"
#include "dev/lapic.h"

static struct aerie_vcpu vcpu;

void aerie_lapic_lint(struct aerie_vcpu *v, unsigned int pin)
{
}

void aerie_vm_eject(struct aerie_vm *v)
{
}

void aerie_apic_eject(struct aerie_vcpu *v)
{
}

void aerie_vm_vcpus_ejected(struct aerie_vm *v)
{
}

void aerie_vcpu_kick(struct aerie_vcpu *v)
{
}

static const u8 *next;
static size_t left;

static u64 take(unsigned int bytes)
{
	u64 val = 0;

	for (; bytes && left; bytes--, left--)
		val = val << 8 | *next++;
	return val;
}

/* Every port that a device claims, the ones beside, and any. */
static u16 take_port(void)
{
	static const u16 ports[] = {
		0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1, 0x40, 0x41, 0x42, 0x43, 0x61, 0x70, 0x71,
		0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x3fe, 0x3ff, 0x600, 0x601, 0x602, 0x603,
		0x604, 0x605, 0x606, 0x608, 0x60b, 0xcf8, 0xcf9, 0xcfc, 0xcfe, 0x92, 0x60, 0x64, 0x80,
		0x610, 0x611, 0x614, 0x618, 0x61c,
		0x620, 0x621, 0x628, 0x62c, 0x630, 0x634, 0x638, 0x63c, 0x640, 0x644,
	};
	u8 n = take(1);

	return n < ARRAY_SIZE(ports) ? ports[n] : take(2);
}

static void check_read(u64 val, unsigned int size)
{
	if (size < 8 && val >> size * 8)
		abort();
}

static void run(void)
{
	struct aerie_dev *dev;
	u64 val, gpa;
	unsigned int size;
	u8 state[1024];
	u16 port;

	while (left) {
		u8 cmd = take(1);

		size = 1u << (cmd >> 6 & 3);
		switch (cmd & 15) {
		case 0: case 1: case 2: case 3:
			port = take_port();
			aerie_bus_write(&vm.pio, &vcpu, port, size, take(size));
			break;
		case 4: case 5: case 6:
			aerie_bus_read(&vm.pio, &vcpu, take_port(), size, &val);
			check_read(val, size);
			break;
		case 7:
			advance(take(2) * 1000);
			break;
		case 8:
			/* At most a minute: what periodic timers do is soon seen. */
			advance(take(1) * 4 * NSEC_PER_MSEC);
			break;
		case 9:
			stall(take(5));
			break;
		case 10:
			gpa = AERIE_IOAPIC_BASE + (take(1) & 0x7f);
			aerie_bus_write(&vm.mmio, &vcpu, gpa, size, take(size));
			break;
		case 11:
			aerie_bus_read(&vm.mmio, &vcpu, AERIE_IOAPIC_BASE + take(2), size, &val);
			check_read(val, size);
			break;
		case 12:
			if (aerie_pic_pending(vm.pic) || cmd & 0x80)
				aerie_pic_ack(vm.pic);
			aerie_ioapic_eoi(vm.ioapic, take(1));
			break;
		case 13:
			val = take(1);
			if (cmd & 0x10)
				aerie_cpu_hotplug_want(&vm, 1 + val % vm.nr_vcpus);
			aerie_irq_set(&vm, (val & 15) + 8, AERIE_IRQ_PCI + (val >> 4 & 3),
				      val >> 7);
			break;
		case 14:
			val = take(4);
			aerie_serial_receive(&vm, (const u8 *)&val, 1 + (cmd >> 6));
			aerie_pm_power_button(&vm);
			wall_ns += take(1) * NSEC_PER_SEC;
			break;
		case 15:
			takers = cmd >> 6;
			vm.state = cmd & 0x20 ? AERIE_VM_PAUSED : AERIE_VM_RUNNING;
			if (cmd >> 4 == 0xf)
				aerie_devices_reset(&vm);
			list_for_each_entry(dev, &vm.devs, node) {
				if (dev->ops->record->size > sizeof(state))
					abort();
				dev->ops->state(dev, state);
			}
			break;
		}
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	u64 began;

	if (size > 4096)
		return 0;
	next = data;
	left = size;
	machine_init();
	for (vm.nr_vcpus = 0; vm.nr_vcpus < AERIE_MAX_VCPUS; vm.nr_vcpus++)
		vm.vcpus[vm.nr_vcpus] = &vcpu;
	if (aerie_devices_create(&vm))
		abort();
	began = now_ns;
	run();
	/* The PIT 20 us apart, the RTC 122 us; each access may bring one forward. */
	if (timers_fired > (now_ns - began) / 15000 + 4 * size + 4)
		abort();
	aerie_devices_reset(&vm);
	if (aerie_pic_pending(vm.pic))
		abort();
	if (hweight64(vm.vcpus_present) != aerie_cpu_hotplug_wanted(&vm) || !(vm.vcpus_present & 1))
		abort();
	aerie_devices_destroy(&vm);
	machine_fini();
	return 0;
}
