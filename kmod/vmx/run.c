// SPDX-License-Identifier: GPL-2.0
/*
 * Around an entry: what of guest and host has changed since the last one, the
 * entry itself, and host events that must be served before anything else.
 *
 * An NMI that ends guest execution is not pending after the exit: it has been
 * accepted, NMIs are blocked until the next IRET, and its handler has yet to
 * run. INT 2 enters it just as the NMI would have, on its own stack, and its
 * IRET ends the blocking. Nothing before it may IRET, so from the exit to there
 * the code is noinstr. A machine check is delivered the same way.
 *
 * CR2 stays the guest's from the first entry of vmx_enter() to its last exit: with
 * interrupts off, what runs in between faults on no page, and NMIs put it back.
 */
#include <linux/cpufeature.h>
#include <linux/jump_label.h>
#include <asm/apicdef.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/special_insns.h>
#include <asm/trapnr.h>

#include "backend.h"
#include "core/check.h"
#include "core/mitigate.h"
#include "dev/lapic.h"
#include "uapi.h"
#include "vmx/reason.h"
#include "vmx/vmx.h"

static_assert(offsetof(struct vmx_vcpu, vcpu.regs) == 0);
static_assert(AERIE_REG_RAX == 0 && AERIE_REG_RCX == 1 && AERIE_REG_RDX == 2 &&
	      AERIE_REG_RBX == 3 && AERIE_REG_RBP == 5 && AERIE_REG_RSI == 6 &&
	      AERIE_REG_RDI == 7 && AERIE_REG_R8 == 8 && AERIE_REG_R15 == 15);
static_assert(HOST_RSP == 0x6c14);

/* General registers are in regs[] after an exit; the others are read when asked for. */
#define REGS_AT_EXIT	(GENMASK(AERIE_REG_R15, AERIE_REG_RAX) & ~BIT(AERIE_REG_RSP))
#define REGS_IN_VMCS	(BIT(AERIE_REG_RSP) | BIT(AERIE_REG_RIP) | BIT(AERIE_REG_RFLAGS))

/* RFLAGS bits that exist; an entry wants all others 0 and bit 1 set. */
#define RFLAGS_EXIST	0x003f7fd5ull

#define INFO_TYPE_MASK		0x700u
#define INFO_IS_NMI(info)	(((info) & INFO_TYPE_MASK) == INTR_TYPE_NMI_INTR)
#define INFO_IS_MC(info)						\
	(((info) & (INFO_TYPE_MASK | 0xff)) == (INTR_TYPE_HARD_EXCEPTION | X86_TRAP_MC))

static __always_inline void host_machine_check(void)
{
	if (IS_ENABLED(CONFIG_X86_MCE))
		asm volatile("int %0" : : "i" (X86_TRAP_MC) : "memory");
}

static __always_inline void load_cr2(const struct aerie_vcpu *vcpu)
{
	if (native_read_cr2() != vcpu->cr2)
		native_write_cr2(vcpu->cr2);
}

/* Events for the host that have ended guest execution, and are not pending. */
static __always_inline void serve_host(struct vmx_vcpu *vmx, u16 reason)
{
	if (reason == EXIT_REASON_EXCEPTION_NMI) {
		vmx->intr_info = vmx_read(VM_EXIT_INTR_INFO);
		if (INFO_IS_NMI(vmx->intr_info))
			asm volatile("int %0" : : "i" (X86_TRAP_NMI) : "memory");
		else if (INFO_IS_MC(vmx->intr_info))
			host_machine_check();
	} else if (reason == EXIT_REASON_MCE_DURING_VMENTRY) {
		host_machine_check();
	}
}

/* Enter, and again for as long as vmx_exited() has it so. Returns 0 or the error's number. */
static int run(struct vmx_vcpu *vmx)
{
	int err = vmx_enter_guest(vmx, &vmx->host_rsp, vmx->launched, vmx->host_spec_ctrl);

	if (unlikely(err))
		return err == 1 ? vmx_read(VM_INSTRUCTION_ERROR) : -ENXIO;
	vmx->launched = true;
	return 0;
}

static void write_regs(struct vmx_vcpu *vmx, u32 dirty)
{
	const u64 *regs = vmx->vcpu.regs;

	if (dirty & BIT(AERIE_REG_RIP))
		vmx_write(GUEST_RIP, regs[AERIE_REG_RIP]);
	if (dirty & BIT(AERIE_REG_RSP))
		vmx_write(GUEST_RSP, regs[AERIE_REG_RSP]);
	if (dirty & BIT(AERIE_REG_RFLAGS))
		vmx_write(GUEST_RFLAGS, (regs[AERIE_REG_RFLAGS] & RFLAGS_EXIST) |
					X86_EFLAGS_FIXED);
}

/*
 * The host's CR3 changes under a loaded vCPU when the address space that this
 * thread borrows is dropped, CR4 when a counter is opened to user space.
 */
static __always_inline void write_host_crs(struct vmx_vcpu *vmx)
{
	u64 cr3 = __read_cr3(), cr4 = __read_cr4();

	if (unlikely(cr3 != vmx->host_cr3)) {
		vmx->host_cr3 = cr3;
		vmx_write(HOST_CR3, cr3);
	}
	if (unlikely(cr4 != vmx->host_cr4)) {
		vmx->host_cr4 = cr4;
		vmx_write(HOST_CR4, cr4);
	}
}

/*
 * PEBS writes records to a linear address of the host: while a guest runs that
 * would be the guest's. The plain write gives records in flight time to land,
 * the lists keep an NMI handler from turning it on again before the entry. Where it is
 * off it stays off as long as interrupts do: NMI handlers add no events.
 */
static void pebs_off(struct vmx_vcpu *vmx)
{
	u64 val = vmx_rdmsr(MSR_IA32_PEBS_ENABLE);

	if (val)
		vmx_wrmsr(MSR_IA32_PEBS_ENABLE, 0);
	vmx->exit_msr.value = val;
	if (vmx->msr_switch == !!val)
		return;
	vmx->msr_switch = !!val;
	vmx_write(VM_ENTRY_MSR_LOAD_COUNT, vmx->msr_switch);
	vmx_write(VM_EXIT_MSR_LOAD_COUNT, vmx->msr_switch);
}

static void l1d_flush(struct vmx_vcpu *vmx)
{
	vmx_wrmsr(MSR_IA32_FLUSH_CMD, L1D_FLUSH);
	vmx->l1d_stale = false;
}

static bool entry_refused(struct vmx_vcpu *vmx)
{
	const char *rule = vmx_entry_check(vmx);

	if (rule)
		aerie_vm_kill(vmx->vcpu.vm, AERIE_STOP_HOST,
			      "vCPU %u: entry check: %s", vmx->vcpu.id, rule);
	return rule;
}

/* Exits that may be for the fast path, by the exit reason. */
static const u8 fast_kinds[] = {
	[EXIT_REASON_CPUID] = AERIE_EXIT_CPUID,
	[EXIT_REASON_HLT] = AERIE_EXIT_HLT,
	[EXIT_REASON_INVD] = AERIE_EXIT_INVD,
	[EXIT_REASON_IO_INSTRUCTION] = AERIE_EXIT_PIO,
	[EXIT_REASON_VMCALL] = AERIE_EXIT_HYPERCALL,
	[EXIT_REASON_MSR_READ] = AERIE_EXIT_RDMSR,
	[EXIT_REASON_MSR_WRITE] = AERIE_EXIT_WRMSR,
	[EXIT_REASON_WBINVD] = AERIE_EXIT_WBINVD,
	[EXIT_REASON_EPT_VIOLATION] = AERIE_EXIT_FAULT,
};

/*
 * An EPT violation for the fast path. Its qualification also tells whether an IRET
 * had ended blocking by NMI when it faulted: then it is not one.
 */
static bool decode_fault(struct vmx_vcpu *vmx, struct aerie_exit *exit)
{
	u64 qual = vmx_read(EXIT_QUALIFICATION);

	if (qual & INTR_INFO_UNBLOCK_NMI ||
	    vmx_read(IDT_VECTORING_INFO_FIELD) & VECTORING_INFO_VALID_MASK)
		return false;
	exit->fault.acc = 0;
	exit->fault.walk = false;
	exit->fault.nr_insn = 0;
	vmx_decode_ept(qual, vmx_read(GUEST_PHYSICAL_ADDRESS), vmx_read(GUEST_LINEAR_ADDRESS),
		       exit);
	vmx->vcpu.regs[AERIE_REG_CR3] = vmx_read(GUEST_CR3);
	vmx->vcpu.regs[AERIE_REG_CR4] = vmx_cr4(vmx);
	vmx->vcpu.regs_avail |= BIT(AERIE_REG_CR3) | BIT(AERIE_REG_CR4);
	exit->code64 = vmx->vcpu.efer & EFER_LMA && vmx_read(GUEST_CS_AR_BYTES) & AERIE_SEG_L;
	exit->cpl = vmx_cpl(&vmx->vcpu);
	exit->insn_len = 0;
	return true;
}

/* Beyond 4 GiB RIP may have to wrap. */
static __always_inline bool carries(u64 rip, u64 next)
{
	return (u32)next < (u32)rip;
}

static noinline enum aerie_fast fast_fault(struct vmx_vcpu *vmx, u64 rip,
					   struct aerie_exit *exit)
{
	exit->kind = AERIE_EXIT_FAULT;
	vmx->vcpu.regs[AERIE_REG_RIP] = rip;
	vmx->vcpu.regs_avail |= BIT(AERIE_REG_RIP);
	return decode_fault(vmx, exit) ? aerie_fast_fault(&vmx->vcpu, exit) : AERIE_FAST_NO;
}

static enum aerie_fast fast_pio(struct vmx_vcpu *vmx)
{
	u64 qual = vmx_read(EXIT_QUALIFICATION);

	if (qual & VMX_IO_STRING)
		return AERIE_FAST_NO;
	return aerie_fast_pio(&vmx->vcpu, qual >> 16, (qual & VMX_IO_SIZE) + 1, qual & VMX_IO_IN);
}

/*
 * A CPUID takes four VMREADs with the reason's, and two VMWRITEs: ending a shadow by
 * writing the interruptibility state is as dear as looking whether there is one.
 */
static __always_inline enum aerie_fast fast(struct vmx_vcpu *vmx, u8 kind)
{
	struct aerie_vcpu *vcpu = &vmx->vcpu;
	enum aerie_fast done;
	u64 rip, next;

	if (vmx->nmi_maybe ||
	    (vmx->tpr_watched && vcpu->lapic->regs[APIC_TASKPRI] >> 4 != vcpu->hw_cr8))
		return AERIE_FAST_NO;
	if (vmx_read(GUEST_RFLAGS) & (X86_EFLAGS_TF | X86_EFLAGS_RF))
		return AERIE_FAST_NO;
	rip = vmx_read(GUEST_RIP);
	if (likely(kind != AERIE_EXIT_FAULT)) {
		next = rip + vmx_read(VM_EXIT_INSTRUCTION_LEN);
		if (unlikely(carries(rip, next)))
			return AERIE_FAST_NO;
		done = kind == AERIE_EXIT_PIO ? fast_pio(vmx) : aerie_fast(vcpu, kind);
	} else {
		done = fast_fault(vmx, rip, vmx->exit);
		next = rip + vmx->exit->insn_len;
		if (next == rip)
			return done;
	}
	if (!done)
		return done;
	vmx_write(GUEST_RIP, next);
	vmx_write(GUEST_INTERRUPTIBILITY_INFO, 0);
	return done;
}

/* Whether something is to be done between the fast path and the next entry. */
static __always_inline bool must_prepare(const struct vmx_vcpu *vmx)
{
	return vmx->tpr_threshold | vmx->tpr_threshold_hw | vmx->msr_switch ||
	       static_branch_unlikely(&aerie_check_entry);
}

static __always_inline bool go_on(struct vmx_vcpu *vmx, u32 reason, u8 kind)
{
	enum aerie_fast done = AERIE_FAST_NO;

	aerie_exited(&vmx->vcpu);
	vmx->vcpu.regs_avail = REGS_AT_EXIT;
	vmx->intr_state_known = false;
	if (likely(kind)) {
		done = fast(vmx, kind);
		if (likely(done == AERIE_FAST_AGAIN && !must_prepare(vmx)))
			return true;
	}
	vmx->exit_reason = reason;
	vmx->done = done;
	return false;
}

/*
 * Called after each exit, interrupts off and NMIs perhaps blocked. Does what the fast path
 * can; whether all is done and the next entry may follow at once.
 */
noinstr bool vmx_exited(struct vmx_vcpu *vmx)
{
	u32 reason = vmx_read(VM_EXIT_REASON);
	u8 kind = likely(reason < ARRAY_SIZE(fast_kinds)) ? fast_kinds[reason] : 0;
	bool again;

	if (unlikely(!kind))
		serve_host(vmx, reason);
	instrumentation_begin();
	again = go_on(vmx, reason, kind);
	instrumentation_end();
	return again;
}

/* What one entry wants that others do not. Returns 0, or what to say of one that cannot be. */
static int prepare(struct vmx_vcpu *vmx)
{
	if (unlikely(vmx->tpr_threshold | vmx->tpr_threshold_hw))
		vmx_tpr_threshold_sync(vmx);
	if (static_branch_unlikely(&aerie_check_entry) && entry_refused(vmx))
		return VMXERR_ENTRY_INVALID_CONTROL_FIELD;
	if (vmx_caps.pebs)
		pebs_off(vmx);
	if (aerie_mit_l1d_flush && vmx->l1d_stale)
		l1d_flush(vmx);
	return 0;
}

int vmx_enter(struct aerie_vcpu *vcpu, struct aerie_exit *exit)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u32 dirty = vcpu->regs_dirty & REGS_IN_VMCS;
	u64 debugctl;
	int err;

	if (dirty)
		write_regs(vmx, dirty);
	vcpu->regs_dirty = 0;
	write_host_crs(vmx);
	/* Exits clear it. With interrupts off only an NMI could change it, and puts it back. */
	debugctl = vmx_rdmsr(MSR_IA32_DEBUGCTLMSR);
	vmx->exit = exit;
	load_cr2(vcpu);
	do {
		err = prepare(vmx);
		if (likely(!err))
			err = run(vmx);
	} while (!err && vmx->done == AERIE_FAST_AGAIN);
	vcpu->cr2 = native_read_cr2();
	if (unlikely(debugctl))
		vmx_wrmsr(MSR_IA32_DEBUGCTLMSR, debugctl);
	if (unlikely(err))
		return err;
	vmx->injected = false;
	exit->done = vmx->done;
	if (!exit->done)
		vmx_decode_exit(vcpu, exit);
	return 0;
}

/*
 * What the switch costs is measured with the guest's own VMCS and an interrupt window
 * open: an exit before the first instruction.
 */
struct trip {
	struct vmx_vcpu *vmx;
	bool failed;
};

/* What is for the host comes before the window: it waits, or run() has served it. */
static bool trip_ended(const struct vmx_vcpu *vmx)
{
	switch (vmx->exit_reason) {
	case EXIT_REASON_INTERRUPT_WINDOW:
	case EXIT_REASON_NMI_WINDOW:
	case EXIT_REASON_TPR_BELOW_THRESHOLD:
	case EXIT_REASON_EXTERNAL_INTERRUPT:
		return true;
	case EXIT_REASON_EXCEPTION_NMI:
		return INFO_IS_NMI(vmx->intr_info);
	}
	return false;
}

static void trip(void *arg)
{
	struct trip *t = arg;

	if (vmx_caps.pebs)
		pebs_off(t->vmx);
	load_cr2(&t->vmx->vcpu);
	if (unlikely(run(t->vmx) || !trip_ended(t->vmx)))
		t->failed = true;
	t->vmx->vcpu.cr2 = native_read_cr2();
}

/* The rest of the host's state comes with the exit itself. */
static void trip_host_state(void *arg)
{
	struct trip *t = arg;

	if (vmx_caps.pebs)
		pebs_off(t->vmx);
	load_cr2(&t->vmx->vcpu);
	t->vmx->vcpu.cr2 = native_read_cr2();
}

static void trip_mitigations(void *arg)
{
	struct trip *t = arg;

	vmx_mitigations(t->vmx->host_spec_ctrl);
}

int vmx_cost(struct aerie_vcpu *vcpu, struct aerie_cost *cost)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u64 rflags = vmx_read(GUEST_RFLAGS), shadow = vmx_read(GUEST_INTERRUPTIBILITY_INFO);
	u64 debug = vmx_read(GUEST_PENDING_DBG_EXCEPTIONS);
	u64 event = vmx_read(VM_ENTRY_INTR_INFO_FIELD), debugctl;
	u32 regs_avail = vcpu->regs_avail;
	bool intr_state_known = vmx->intr_state_known;
	bool window = vmx->ctl[VMX_CTL_CPU] & CPU_BASED_INTR_WINDOW_EXITING;
	struct trip t = { .vmx = vmx };
	struct aerie_exit exit;

	vmx->exit = &exit;
	vmx_write(GUEST_RFLAGS, (rflags & ~(u64)X86_EFLAGS_TF) | X86_EFLAGS_IF | X86_EFLAGS_FIXED);
	vmx_write(GUEST_INTERRUPTIBILITY_INFO, 0);
	vmx_write(GUEST_PENDING_DBG_EXCEPTIONS, 0);
	vmx_write(VM_ENTRY_INTR_INFO_FIELD, 0);
	vmx_ctl_bit(vmx, VMX_CTL_CPU, CPU_BASED_INTR_WINDOW_EXITING, true);
	vmx_tpr_threshold_sync(vmx);
	write_host_crs(vmx);
	debugctl = vmx_rdmsr(MSR_IA32_DEBUGCTLMSR);

	cost->trip = aerie_cost_of(trip, &t);
	cost->host_state = aerie_cost_of(trip_host_state, &t);
	cost->mitigations = aerie_cost_of(trip_mitigations, &t);

	if (debugctl)
		vmx_wrmsr(MSR_IA32_DEBUGCTLMSR, debugctl);
	/* These exits are not the guest's. */
	vcpu->regs_avail = regs_avail;
	vmx->intr_state_known = intr_state_known;
	vmx_ctl_bit(vmx, VMX_CTL_CPU, CPU_BASED_INTR_WINDOW_EXITING, window);
	vmx_write(VM_ENTRY_INTR_INFO_FIELD, event);
	vmx_write(GUEST_PENDING_DBG_EXCEPTIONS, debug);
	vmx_write(GUEST_INTERRUPTIBILITY_INFO, shadow);
	vmx_write(GUEST_RFLAGS, rflags);
	return t.failed ? -EIO : 0;
}
