/* SPDX-License-Identifier: GPL-2.0 */
/* Interrupt lines and messages between device models and interrupt controllers. */
#ifndef AERIE_DEV_IRQ_H
#define AERIE_DEV_IRQ_H

#include "types.h"

struct aerie_vm;
struct aerie_vcpu;

/* Global system interrupts: ISA lines 0-15 are also PIC inputs. */
#define AERIE_GSI_PIT		0
#define AERIE_GSI_COM1		4
#define AERIE_GSI_RTC		8
#define AERIE_GSI_SCI		9
#define AERIE_NR_GSIS		24

/* Who drives a shared line; a line is high while any source drives it high. */
enum aerie_irq_source {
	AERIE_IRQ_PIT, AERIE_IRQ_COM1, AERIE_IRQ_RTC, AERIE_IRQ_SCI, AERIE_IRQ_GPE,
	AERIE_IRQ_GPE1,
	AERIE_IRQ_PCI,		/* and up: one a PCI interrupt source */
};

/**
 * aerie_irq_set() - drive an interrupt line
 * @vm: the VM
 * @gsi: line, below AERIE_NR_GSIS
 * @source: enum aerie_irq_source, below 64; sources of one line are ORed
 * @high: level
 *
 * Goes to the PIC (lines 0-15) and to the I/O APIC (line 0 to pin 2).
 * Context: any up to hard interrupt, may be called with a device's lock held
 * (order: device lock, then PIC or I/O APIC lock, then nothing).
 */
void aerie_irq_set(struct aerie_vm *vm, unsigned int gsi, unsigned int source, bool high);

/* What has become of an edge of a line. */
enum aerie_edge {
	AERIE_EDGE_TAKEN,	/* a processor has been interrupted, or there was none */
	AERIE_EDGE_WAITS,	/* another one now would be one with it */
	AERIE_EDGE_UNHEARD,	/* the line is masked everywhere */
};

/**
 * aerie_irq_edge() - what has become of the last edge of an edge-triggered line
 * @vm: the VM
 * @gsi: line, below AERIE_NR_GSIS
 *
 * Context: any up to hard interrupt, a device's lock may be held.
 */
enum aerie_edge aerie_irq_edge(struct aerie_vm *vm, unsigned int gsi);

/* Delivery modes, as in the ICR, redirection entries and MSI data. */
enum aerie_delivery {
	AERIE_DELIVER_FIXED = 0, AERIE_DELIVER_LOWEST = 1, AERIE_DELIVER_SMI = 2,
	AERIE_DELIVER_NMI = 4, AERIE_DELIVER_INIT = 5, AERIE_DELIVER_SIPI = 6,
	AERIE_DELIVER_EXTINT = 7,
};

/**
 * struct aerie_apic_msg - one message on the APIC bus
 * @dest: APIC ID (physical) or logical destination; 32 bits where @x2apic
 * @vector: 0-255
 * @mode: enum aerie_delivery
 * @logical: destination mode
 * @level: trigger mode of the source, for the TMR
 * @x2apic: @dest is in x2APIC format, where 0xffffffff is broadcast; else
 *	    8 bits, where 0xff is broadcast
 */
struct aerie_apic_msg {
	u32 dest;
	u8 vector;
	u8 mode;
	bool logical;
	bool level;
	bool x2apic;
};

/**
 * aerie_apic_send() - deliver a message to every local APIC it addresses
 * @vm: the VM
 * @msg: the message
 *
 * Context: any up to hard interrupt; takes no lock.
 * Return: number of local APICs that took it.
 */
int aerie_apic_send(struct aerie_vm *vm, const struct aerie_apic_msg *msg);

/**
 * aerie_apic_waits() - does a message find itself waiting wherever it would go?
 * @vm: the VM
 * @msg: the message
 *
 * Context: as aerie_apic_send(). Return: 1, 0, or -1 where no local APIC would take it.
 */
int aerie_apic_waits(struct aerie_vm *vm, const struct aerie_apic_msg *msg);

/**
 * aerie_msi_send() - deliver a message-signalled interrupt
 * @vm: the VM
 * @addr: message address (SDM, Message Address Register Format)
 * @data: message data
 *
 * Context: as aerie_apic_send().
 * Return: number of local APICs that took it, -EINVAL for an address outside
 * 0xfeexxxxx.
 */
int aerie_msi_send(struct aerie_vm *vm, u64 addr, u32 data);

#endif
