/* SPDX-License-Identifier: GPL-2.0 */
/* Calls between the chips of the PC: interrupt controllers, power, console. */
#ifndef AERIE_DEV_CHIPS_H
#define AERIE_DEV_CHIPS_H

#include "types.h"

struct aerie_console;
struct aerie_ioapic;
struct aerie_pic;
struct aerie_vcpu;
struct aerie_vm;

/* pic.c: the 8259 pair */

/* Drive input @line (0-15). Context: any up to hard interrupt. */
void aerie_pic_set(struct aerie_pic *pic, unsigned int line, bool high);
/* Does an edge of input @line wait to be acknowledged? -1: nobody listens to it. Any context. */
int aerie_pic_waits(struct aerie_pic *pic, unsigned int line);
/* Is INTR asserted? Any thread. */
bool aerie_pic_pending(struct aerie_pic *pic);
/* Interrupt acknowledge cycle: the vector (spurious where nothing is pending). */
u8 aerie_pic_ack(struct aerie_pic *pic);
/* Called by the PIC when INTR rises: wakes the vCPU that takes ExtINT (core/irq.c). */
void aerie_pic_intr(struct aerie_vm *vm);

/* ioapic.c: 24 pins */

#define AERIE_IOAPIC_BASE	0xfec00000u

/* Drive input @pin (0-23). Context: any up to hard interrupt. */
void aerie_ioapic_set(struct aerie_ioapic *ioapic, unsigned int pin, bool high);
/* As aerie_pic_waits(). */
int aerie_ioapic_waits(struct aerie_ioapic *ioapic, unsigned int pin);
/* A local APIC finished a level-triggered @vector. Context: any. */
void aerie_ioapic_eoi(struct aerie_ioapic *ioapic, u8 vector);

/* pm.c: ACPI fixed hardware */

#define AERIE_PM1A_EVT_PORT	0x600	/* PM1 event block, 4 bytes */
#define AERIE_PM1A_CNT_PORT	0x604	/* PM1 control block, 2 bytes */
#define AERIE_PM_TMR_PORT	0x608	/* PM timer, 4 bytes, 3.579545 MHz */
#define AERIE_PM_S5_TYP		5	/* SLP_TYP of S5, as in the DSDT */
#define AERIE_RESET_PORT	0xcf9	/* reset control; value 6 resets */

/**
 * aerie_pm_power_button() - press the ACPI power button
 * @vm: the VM
 *
 * Return: 0, or -EOPNOTSUPP where the guest has not enabled the button's event.
 * Context: any up to hard interrupt.
 */
int aerie_pm_power_button(struct aerie_vm *vm);

/* The reset control register, for pci.c, among whose ports it lies. Context: any. */
u8 aerie_pm_reset_read(struct aerie_vm *vm);
void aerie_pm_reset_write(struct aerie_vm *vm, u8 val);

/* Called by pm.c when the guest enters S5 (core/vm.c): the VM stops. Any context. */
void aerie_vm_power_off(struct aerie_vm *vm);

/* hotplug.c: PCI slots by ACPI */

#define AERIE_GPE0_PORT		0x610	/* event block: a byte each of status and enable bits */
#define AERIE_HOTPLUG_GPE	0	/* the event of that block */
#define AERIE_HOTPLUG_PORT	0x614	/* masks of 4 bytes: LOOK, ASK, EJECT */

/* Tell the guest to look at @slot, where a device has come; 0: at all, one has gone. */
void aerie_hotplug_look(struct aerie_vm *vm, unsigned int slot);
/* Ask the guest to let go of the device in @slot. Context: any. */
void aerie_hotplug_ask(struct aerie_vm *vm, unsigned int slot);
/* Has it been asked, without having done so yet? Context: any. */
bool aerie_hotplug_asked(struct aerie_vm *vm, unsigned int slot);

/**
 * aerie_hotplug_ejected() - slots whose devices are to be taken out
 * @vm: the VM
 * @also_asked: those too that the guest has only been asked for
 *
 * Context: any. Return: a bit a slot, until aerie_hotplug_empty().
 */
u32 aerie_hotplug_ejected(struct aerie_vm *vm, bool also_asked);

/* The device in @slot has been taken out: nothing waits for it any more. Context: any. */
void aerie_hotplug_empty(struct aerie_vm *vm, unsigned int slot);

/* The guest has ejected a device, or a vCPU: what follows is done soon. Context: any. */
void aerie_vm_eject(struct aerie_vm *vm);

/* cpu_hotplug.c: vCPUs by ACPI */

#define AERIE_GPE1_PORT		0x620	/* event block, as block 0 */
#define AERIE_GPE1_BASE		8	/* number of its first event */
#define AERIE_CPU_HOTPLUG_GPE	8	/* the event of that block */
#define AERIE_CPU_HOTPLUG_PORT	0x628	/* masks of 8 bytes: LOOK, ASK, EJECT, PRESENT */

/*
 * The guest is to have @nr vCPUs, 1 to vm->nr_vcpus: what is missing is there now, what is
 * too much it is asked to let go. That it can be asked again does no harm. Context: any.
 */
void aerie_cpu_hotplug_want(struct aerie_vm *vm, u32 nr);
/* A bit for each vCPU that would come. */
u64 aerie_cpu_hotplug_coming(struct aerie_vm *vm, u32 nr);
u32 aerie_cpu_hotplug_wanted(struct aerie_vm *vm);
/* No guest runs: there are as many as are wanted. vCPUs are parked, or just made. */
void aerie_cpu_hotplug_settle(struct aerie_vm *vm);

/* The guest has ejected a vCPU (lapic_ipi.c): its thread goes to power-on state. Any context. */
void aerie_apic_eject(struct aerie_vcpu *vcpu);
/* Called by cpu_hotplug.c after the guest has ejected vCPUs (core/cpus.c). Any context. */
void aerie_vm_vcpus_ejected(struct aerie_vm *vm);

/* console.c: scroll-back ring, watchers' descriptors; tty.c: the host tty */

#define AERIE_CONSOLE_RING	(64u << 10)	/* bytes kept for late watchers */

/**
 * typedef aerie_console_receive - take what was typed
 * @arg: whose console it is
 * @buf: bytes
 * @len: how many
 *
 * Context: any up to hard interrupt. Return: how many it took; what it did not take waits
 * for aerie_console_room() or aerie_console_take().
 */
typedef size_t aerie_console_receive(void *arg, const u8 *buf, size_t len);

/**
 * aerie_console_create() - make a console
 * @receive: called with what was typed
 * @arg: for it
 *
 * Context: may sleep. Return: the console or ERR_PTR().
 */
struct aerie_console *aerie_console_create(aerie_console_receive *receive, void *arg);
/* Nothing is received any more: the receiver goes. Context: any up to hard interrupt. */
void aerie_console_mute(struct aerie_console *con);
/* Its output ends, and nothing is received any more; NULL is none. Context: may sleep. */
void aerie_console_destroy(struct aerie_console *con);
/* The name of its host tty, "ttyAERIE0", which lives as long as the module; or NULL. */
const char *aerie_console_tty(const struct aerie_console *con);
/* Output from the guest. Context: any up to hard interrupt. */
void aerie_console_put(struct aerie_console *con, const u8 *buf, size_t len);
/* The receiver has room again: push what waits. Context: any. */
void aerie_console_room(struct aerie_console *con);
/* Fetch what was typed; returns how many bytes. Context: any. */
size_t aerie_console_take(struct aerie_console *con, u8 *buf, size_t len);
/**
 * aerie_console_open() - a descriptor that reads output and writes input
 * @con: the console, to which it holds a reference of its own
 *
 * Reads start at the oldest byte in the ring and end (0) when the VM is
 * destroyed; poll() works; every descriptor sees all output.
 * Context: the caller's process; may sleep.
 * Return: a new file, or ERR_PTR().
 */
struct file *aerie_console_open(struct aerie_console *con);
/* tty driver: module load and unload */
int aerie_tty_init(void);
void aerie_tty_exit(void);

/* serial.c: 8250/16550A at 0x3f8, connected to the VM's console */

aerie_console_receive aerie_serial_receive;	/* its argument: the VM */

#endif
