/* SPDX-License-Identifier: GPL-2.0 */
/* Exit reasons of VMX: what each is, and what its qualification says. Pure. */
#ifndef AERIE_VMX_REASON_H
#define AERIE_VMX_REASON_H

#include "backend.h"

/* The exiting instruction's length is in the VMCS. */
#define VMX_R_INSN	BIT(0)
/* The exit qualification is defined. */
#define VMX_R_QUAL	BIT(1)
/* The exit can cut off the delivery of an event (IDT-vectoring information). */
#define VMX_R_VECTOR	BIT(2)

struct vmx_reason {
	const char *name;
	u8 kind;		/* enum aerie_exit_kind */
	u8 flags;		/* VMX_R_* */
};

/* The row of a basic exit reason; one of kind UNCLAIMED where it is unknown. */
const struct vmx_reason *vmx_reason(u32 basic);
const char *vmx_reason_name(u32 hw_reason);

/* SDM, Exit Qualification for I/O Instructions: one less than the size in bytes, then flags. */
#define VMX_IO_SIZE	7u
#define VMX_IO_IN	BIT(3)
#define VMX_IO_STRING	BIT(4)
#define VMX_IO_REP	BIT(5)

/* Exit qualifications to @exit (SDM, Exit Qualification for ...). */
void vmx_decode_cr(u64 qual, struct aerie_exit *exit);
void vmx_decode_dr(u64 qual, struct aerie_exit *exit);
void vmx_decode_pio(u64 qual, struct aerie_exit *exit);
void vmx_decode_task(u64 qual, struct aerie_exit *exit);
/* @gpa and @gva: the fields; @gva is taken where the qualification says it is valid. */
void vmx_decode_ept(u64 qual, gpa_t gpa, gva_t gva, struct aerie_exit *exit);
/* DR6 bits of a #DB. */
u64 vmx_decode_db(u64 qual);

/*
 * VM-entry interruption information of @event, 0 for none; and back. @real: the
 * guest is in real-address mode, where no error code is delivered.
 */
u32 vmx_intr_info(const struct aerie_event *event, bool real);
void vmx_event_from_info(u32 info, u32 error, u8 insn_len, struct aerie_event *event);

#endif
