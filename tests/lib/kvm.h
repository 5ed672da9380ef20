/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A machine under /dev/kvm for multiboot payloads, the peer of Aerie's: the in-kernel
 * interrupt controllers and timer, COM1 output to stdout, the ACPI PM timer, until the
 * payload writes the ACPI S5 value. A program has one, and ends where something fails.
 */
#ifndef KVM_H
#define KVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VM_MAX_CPUS	8

/* Make it, with the image loaded; returns KVM's file of it. Processor 0 can run(). */
int vm_create(const char *payload, size_t bytes, unsigned int cpus, bool large, const char *append);
/* With many bytes of output an exit, which is fast; for machines of one processor. */
void vm_keep_output(int vm);
/* Run a processor until the machine is off; returns an exit status. */
int vm_run(unsigned int cpu);

/* What COM1 receives is read from here; -1, as it is at first: nothing. */
extern int vm_input;
extern uint8_t *vm_ram;
extern size_t vm_ram_bytes;
/* Called for each byte of output, which is not written then; in vm_run() after a signal. */
extern void (*vm_on_output)(void), (*vm_on_signal)(void);

#endif
