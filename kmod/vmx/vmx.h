/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of vmx/ share: the vCPU with its VMCS, capabilities, field access. */
#ifndef AERIE_VMX_VMX_H
#define AERIE_VMX_VMX_H

#include <linux/bug.h>
#include <linux/list.h>
#include <linux/percpu.h>
#include <asm/vmx.h>

#include "backend.h"

/* Control fields whose value is kept beside the VMCS (vmx_ctl_set()). */
enum vmx_ctl {
	VMX_CTL_PIN, VMX_CTL_CPU, VMX_CTL_CPU2, VMX_CTL_EXIT, VMX_CTL_ENTRY,
	VMX_NR_CTLS
};

/* The processor keeps a guest's x2APIC: of the secondary controls, all of them or none. */
#define VMX_APICV	(SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE |	\
			 SECONDARY_EXEC_APIC_REGISTER_VIRT |		\
			 SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY)

/**
 * struct vmx_caps - what the processor can do and what of it is used
 * @basic: IA32_VMX_BASIC
 * @misc: IA32_VMX_MISC
 * @ept_vpid: IA32_VMX_EPT_VPID_CAP
 * @ctl: controls every VMCS starts with
 * @may: controls that may be 1
 * @cr0_fixed1: bits that must be 1 in CR0 in VMX operation; PE and PG are taken
 *	out of it where guests run, because they are unrestricted
 * @cr4_fixed1: the same for CR4
 * @cr4_may: bits that may be 1 in CR4 in VMX operation
 * @eptp: EPT pointer without the table's address
 * @tpr_shadow: guests read and write CR8 without exits
 * @apicv: VMX_APICV is used
 * @pebs: the host may use PEBS, which a guest must not run under
 * @tsc_aux, @xss: MSRs that exist
 */
struct vmx_caps {
	u64 basic, misc, ept_vpid;
	u32 ctl[VMX_NR_CTLS];
	u32 may[VMX_NR_CTLS];
	u64 cr0_fixed1, cr4_fixed1, cr4_may;
	u64 eptp;
	bool tpr_shadow;
	bool apicv;
	bool pebs;
	bool tsc_aux;
	bool xss;
};

extern struct vmx_caps vmx_caps;

/* System-call MSRs, in the processor while the vCPU is loaded. */
enum { VMX_STAR, VMX_LSTAR, VMX_CSTAR, VMX_SFMASK, VMX_KERNEL_GS, VMX_NR_SYSMSRS };

/**
 * struct vmx_cpu - a processor in VMX operation
 * @vmxon: VMXON region, one page
 * @on: VMXON was executed
 * @vmcss: VMCSs that may be cached by this processor: VMCLEAR before it leaves.
 *	Changed with interrupts off, and by the processor itself only
 * @current_vmcs: the vCPU whose VMCS is current
 * @cr0: and the following: what the host state area says of this processor
 * @sysmsr: values of the host; KERNEL_GS_BASE belongs to the thread, not to it
 */
struct vmx_cpu {
	void *vmxon;
	bool on;
	struct list_head vmcss;
	struct vmx_vcpu *current_vmcs;
	u64 cr0, efer, pat;
	u64 gs_base, tr_base, gdt_base, idt_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 sysmsr[VMX_NR_SYSMSRS];
	u64 tsc_aux, xss;
};

DECLARE_PER_CPU(struct vmx_cpu, vmx_cpu);

/**
 * struct vmx_vcpu - a vCPU and its VMCS
 * @vmcs: the VMCS region, one page
 * @node: in vmx_cpu.vmcss of @vmcs_cpu
 * @vmcs_cpu: processor that may cache the VMCS, -1 none
 * @ready: the VMCS holds its constant fields
 * @launched: VMRESUME from now on
 * @ctl: control fields as the VMCS has them
 * @vpid: 0 none
 * @exit_reason: whole field, of the last exit
 * @intr_info: of the last exit, where the reason is EXCEPTION_NMI
 * @intr_state: interruptibility, where @intr_state_known since the last exit
 * @nmi_maybe: blocking by NMI may be set: an NMI was injected
 * @injected: an event waits in the VM-entry field
 * @irq_window: the core wants it; @nmi_window_sti: an NMI waits for the end of
 *	an STI shadow
 * @tpr_threshold: wanted, and @tpr_threshold_hw as the VMCS has it
 * @tpr_watched: the guest may change the task priority, and nothing follows from that by
 *	itself
 * @eoi_exits: vectors whose EOI exits, as the VMCS has them
 * @dr_free: MOV DR does not exit
 * @cr0_mask, @cr4_mask: host-owned bits, read by the guest from
 *	@cr0_shadow and @cr4_shadow
 * @l1d_stale: other work may have left secrets in the L1D since the last flush
 * @host_rsp, @host_cr3, @host_cr4: as the VMCS has them
 * @host_spec_ctrl: SPEC_CTRL while this thread runs (legacy IBRS)
 * @exit: where exits are decoded to
 * @done: what the fast path made of the last exit
 * @host_ldt: given back when put
 * @sysmsr: guest values while not loaded; @host_kernel_gs: the thread's
 * @entry_msr, @exit_msr: switch PEBS_ENABLE where the host uses it
 */
struct vmx_vcpu {
	struct aerie_vcpu vcpu;		/* first: entry assembly finds regs at 0 */

	void *vmcs;
	struct list_head node;
	int vmcs_cpu;
	bool ready;
	bool launched;
	u32 ctl[VMX_NR_CTLS];
	u16 vpid;
	u64 eptp;

	u32 exit_reason;
	u32 intr_info;
	u32 intr_state;
	bool intr_state_known;
	bool nmi_maybe;
	bool injected;
	bool irq_window;
	bool nmi_window_sti;
	bool dr_free;
	u8 tpr_threshold, tpr_threshold_hw;
	bool tpr_watched;
	u64 eoi_exits[4];

	u64 cr0_mask, cr4_mask;
	u64 cr0_shadow, cr4_shadow;

	bool l1d_stale;
	bool msr_switch;
	u64 host_rsp, host_cr3, host_cr4;
	u64 host_spec_ctrl;
	struct aerie_exit *exit;
	enum aerie_fast done;
	u64 host_kernel_gs;
	u16 host_ldt;
	u64 sysmsr[VMX_NR_SYSMSRS];
	struct vmx_msr_entry entry_msr, exit_msr;
};

static inline struct vmx_vcpu *to_vmx(struct aerie_vcpu *vcpu)
{
	return container_of(vcpu, struct vmx_vcpu, vcpu);
}

/* The field must be one the processor has: a failing VMREAD is not noticed. */
static __always_inline u64 vmx_read(unsigned long field)
{
	u64 val;

	asm volatile("vmread %[field], %[val]"
		     : [val] "=r" (val) : [field] "r" (field) : "cc");
	return val;
}

/* CR4 as the guest believes it. */
static __always_inline u64 vmx_cr4(const struct vmx_vcpu *vmx)
{
	return (vmx_read(GUEST_CR4) & ~vmx->cr4_mask) | (vmx->cr4_shadow & vmx->cr4_mask);
}

void vmx_write_failed(unsigned long field, u64 val);

static __always_inline void vmx_write(unsigned long field, u64 val)
{
	asm goto("vmwrite %[val], %[field]\n\t"
		 "jbe %l[failed]"
		 : : [field] "r" (field), [val] "r" (val) : "cc" : failed);
	return;
failed:
	vmx_write_failed(field, val);
}

/* MSRs that exist wherever VMX does; nothing traced, nothing that can fault. */
static __always_inline u64 vmx_rdmsr(u32 msr)
{
	u32 lo, hi;

	asm volatile("rdmsr" : "=a" (lo), "=d" (hi) : "c" (msr));
	return lo | (u64)hi << 32;
}

static __always_inline void vmx_wrmsr(u32 msr, u64 val)
{
	asm volatile("wrmsr" : : "c" (msr), "a" ((u32)val), "d" ((u32)(val >> 32)) : "memory");
}

/* Field encoding of each control. */
static __always_inline unsigned long vmx_ctl_field(enum vmx_ctl ctl)
{
	switch (ctl) {
	case VMX_CTL_PIN:
		return PIN_BASED_VM_EXEC_CONTROL;
	case VMX_CTL_CPU:
		return CPU_BASED_VM_EXEC_CONTROL;
	case VMX_CTL_CPU2:
		return SECONDARY_VM_EXEC_CONTROL;
	case VMX_CTL_EXIT:
		return VM_EXIT_CONTROLS;
	default:
		return VM_ENTRY_CONTROLS;
	}
}

/* Write a control field where it changes. Context: VMCS current. */
static __always_inline void vmx_ctl_set(struct vmx_vcpu *vmx, enum vmx_ctl ctl, u32 val)
{
	if (vmx->ctl[ctl] == val)
		return;
	vmx->ctl[ctl] = val;
	vmx_write(vmx_ctl_field(ctl), val);
}

static __always_inline void vmx_ctl_bit(struct vmx_vcpu *vmx, enum vmx_ctl ctl, u32 bit, bool on)
{
	vmx_ctl_set(vmx, ctl, on ? vmx->ctl[ctl] | bit : vmx->ctl[ctl] & ~bit);
}

/* caps.c */

/* Is everything there that guests need? 0, -ENODEV not VMX, or an error and why. */
int vmx_caps_probe(struct aerie_why *why);
/* Choose the controls. 0 or an error and why. */
int vmx_caps_setup(struct aerie_why *why);
/* Can this processor do what the boot processor can? Context: preemption off. */
bool vmx_caps_fit(void);
void vmx_show_caps(struct seq_file *m);

/* vmcs.c */
int vmx_vcpu_init(struct aerie_vcpu *vcpu);
void vmx_vcpu_fini(struct aerie_vcpu *vcpu);
void vmx_vcpu_reset(struct aerie_vcpu *vcpu);
void vmx_vcpu_load(struct aerie_vcpu *vcpu, int cpu);
void vmx_vcpu_put(struct aerie_vcpu *vcpu);
/* VMCLEAR everything this processor may cache. Context: interrupts off. */
void vmx_vmcs_clear_all(struct vmx_cpu *pc);

/* regs.c */
void vmx_cache_reg(struct aerie_vcpu *vcpu, enum aerie_reg reg);
void vmx_seg_get(struct aerie_vcpu *vcpu, enum aerie_seg seg, struct aerie_segment *s);
void vmx_seg_set(struct aerie_vcpu *vcpu, enum aerie_seg seg, const struct aerie_segment *s);
u8 vmx_cpl(struct aerie_vcpu *vcpu);
void vmx_gdt_get(struct aerie_vcpu *vcpu, struct aerie_dtable *dt);
void vmx_gdt_set(struct aerie_vcpu *vcpu, const struct aerie_dtable *dt);
void vmx_idt_get(struct aerie_vcpu *vcpu, struct aerie_dtable *dt);
void vmx_idt_set(struct aerie_vcpu *vcpu, const struct aerie_dtable *dt);
void vmx_cr_init(struct vmx_vcpu *vmx);
void vmx_cr0_set(struct aerie_vcpu *vcpu, u64 val);
void vmx_cr3_set(struct aerie_vcpu *vcpu, u64 val);
void vmx_cr4_set(struct aerie_vcpu *vcpu, u64 val);
void vmx_efer_set(struct aerie_vcpu *vcpu, u64 val);
u64 vmx_dr7_get(struct aerie_vcpu *vcpu);
void vmx_dr7_set(struct aerie_vcpu *vcpu, u64 val);
u64 vmx_dr6_get(struct aerie_vcpu *vcpu);
void vmx_dr6_set(struct aerie_vcpu *vcpu, u64 val);
void vmx_dr_intercept(struct aerie_vcpu *vcpu, bool on);

/* event.c */
void vmx_inject(struct aerie_vcpu *vcpu, const struct aerie_event *event);
bool vmx_irq_ready(struct aerie_vcpu *vcpu);
bool vmx_nmi_ready(struct aerie_vcpu *vcpu);
void vmx_want_irq_window(struct aerie_vcpu *vcpu, bool on);
void vmx_want_nmi_window(struct aerie_vcpu *vcpu, bool on);
u32 vmx_shadow_get(struct aerie_vcpu *vcpu);
void vmx_shadow_set(struct aerie_vcpu *vcpu, u32 shadow);
void vmx_pend_single_step(struct aerie_vcpu *vcpu);
void vmx_cr8_set(struct aerie_vcpu *vcpu, u8 cr8);
void vmx_want_cr8_window(struct aerie_vcpu *vcpu, u8 threshold);
/* The TPR threshold that may be in the VMCS at this entry. Context: interrupts off. */
void vmx_tpr_threshold_sync(struct vmx_vcpu *vmx);
/* Set or clear blocking by NMI. */
void vmx_nmi_block(struct vmx_vcpu *vmx, bool on);
/* Put what event delivery the exit cut off into vcpu->reinject. */
void vmx_event_cut_off(struct vmx_vcpu *vmx);
/*
 * What exits like a fault has not happened, and no single step is pending after it (SDM, Saving
 * Non-Register State). Bochs leaves one where the exit is that of a fetch.
 */
void vmx_drop_single_step(struct vmx_vcpu *vmx);
/* Pending debug exceptions must agree with TF in a shadow. */
void vmx_pending_dbg_fix(struct vmx_vcpu *vmx);

/* apic.c */
void vmx_apic_init(struct vmx_vcpu *vmx);
void vmx_apic_mode(struct aerie_vcpu *vcpu);
void vmx_virtual_irq(struct aerie_vcpu *vcpu, int vector);

/* exit.c */
void vmx_decode_exit(struct aerie_vcpu *vcpu, struct aerie_exit *exit);

/* run.c */
/* What this host has to have done before each entry. Context: setup. */
int vmx_enter(struct aerie_vcpu *vcpu, struct aerie_exit *exit);
int vmx_cost(struct aerie_vcpu *vcpu, struct aerie_cost *cost);

/* enter.S */
int vmx_enter_guest(struct vmx_vcpu *vmx, u64 *host_rsp, bool launched, u64 spec_ctrl);
bool vmx_exited(struct vmx_vcpu *vmx);
void vmx_guest_exited(void);	/* HOST_RIP; not a function to call */
void vmx_mitigations(u64 spec_ctrl);	/* of the former, alone */

/* msr.c */
int vmx_msr_setup(void);
void vmx_msr_teardown(void);
/* That of guests whose x2APIC the processor keeps, or of others. */
hpa_t vmx_msr_bitmap(bool apicv);
int vmx_msr_get(struct aerie_vcpu *vcpu, u32 msr, u64 *val);
int vmx_msr_set(struct aerie_vcpu *vcpu, u32 msr, u64 val);
void vmx_sysmsr_load(struct vmx_vcpu *vmx, const struct vmx_cpu *pc);
void vmx_sysmsr_put(struct vmx_vcpu *vmx, const struct vmx_cpu *pc);

/* tlb.c */
u16 vmx_vpid_alloc(void);
void vmx_vpid_free(u16 vpid);
void vmx_flush_tlb(struct aerie_vcpu *vcpu);
void vmx_flush_gva(struct aerie_vcpu *vcpu, gva_t gva);

/* dump.c */
void vmx_dump(struct aerie_vcpu *vcpu, struct seq_file *m);
/* The rule of the SDM's VM-entry checks that the current VMCS breaks, or NULL. */
const char *vmx_entry_check(struct vmx_vcpu *vmx);

#endif
