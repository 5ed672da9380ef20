/* SPDX-License-Identifier: GPL-2.0 */
/* The SDM's VM-entry checks as rules on a copy of the VMCS. Pure. */
#ifndef AERIE_VMX_CHECK_H
#define AERIE_VMX_CHECK_H

#include "types.h"

/**
 * struct vmx_state - what the rules look at
 * @pin: and the following: the five control fields
 * @cr0_fixed1: bits that must be 1 in a guest's CR0; @cr4_fixed1 in CR4
 * @cr4_may: bits that may be 1 in CR4
 * @phys_bits: of physical addresses, @virt_bits of linear ones
 * @vtpr: task priority in the virtual-APIC page
 */
struct vmx_state {
	/* Limits */
	u64 cr0_fixed1, cr4_fixed1, cr4_may;
	u8 phys_bits, virt_bits;
	/* Controls */
	u32 pin, cpu, cpu2, exit, entry;
	u32 entry_info, entry_error, entry_len;
	u64 eptp, msr_bitmap, vapic;
	u16 vpid;
	u32 tpr_threshold;
	u8 vtpr;
	/* Host */
	u64 host_cr0, host_cr3, host_cr4, host_efer, host_pat;
	u64 host_fs, host_gs, host_tr, host_gdt, host_idt;
	u64 host_rip, host_sysenter_esp, host_sysenter_eip;
	u16 host_cs_sel, host_ss_sel, host_ds_sel, host_es_sel;
	u16 host_fs_sel, host_gs_sel, host_tr_sel;
	/* Guest */
	u64 cr0, cr3, cr4, efer, pat, dr7, debugctl;
	u64 rip, rflags, sysenter_esp, sysenter_eip;
	u64 pdpte[4], link;
	struct aerie_segment seg[AERIE_NR_SEGS];
	u64 gdt_base, idt_base;
	u32 gdt_limit, idt_limit;
	u32 activity, intr_state;
	u64 pending_dbg;
};

/* The first rule that @s breaks, or NULL. */
const char *vmx_check_state(const struct vmx_state *s);

#endif
