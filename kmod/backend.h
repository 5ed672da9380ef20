/* SPDX-License-Identifier: GPL-2.0 */
/* What the core asks of VMX and SVM: registers, control blocks, entry and exit. */
#ifndef AERIE_BACKEND_H
#define AERIE_BACKEND_H

#include <linux/static_call.h>
#include <asm/tsc.h>

#include "aerie.h"

struct seq_file;

/* What became of an exit on the fast path. */
enum aerie_fast {
	AERIE_FAST_NO,		/* not one for it: nothing has happened */
	AERIE_FAST_AGAIN,	/* done: enter again at once */
	AERIE_FAST_DONE,	/* done, but the core has to look at something */
};

/* One kind each, for the following. */
enum aerie_fast aerie_fast_cpuid(struct aerie_vcpu *vcpu);
enum aerie_fast aerie_fast_rdmsr(struct aerie_vcpu *vcpu);
enum aerie_fast aerie_fast_wrmsr(struct aerie_vcpu *vcpu);
enum aerie_fast aerie_fast_hypercall(struct aerie_vcpu *vcpu);
enum aerie_fast aerie_fast_hlt(struct aerie_vcpu *vcpu);
enum aerie_fast aerie_fast_nothing(struct aerie_vcpu *vcpu, unsigned int kind);

/**
 * aerie_fast() - do what an exiting instruction does, if it can be done at once
 * @vcpu: the vCPU, just after an exit; vcpu->regs_avail is right
 * @kind: enum aerie_exit_kind
 *
 * For instructions whose end is a new RIP and nothing else, see core/fast.c;
 * unless it returns NO the caller moves RIP and ends an interrupt shadow.
 * Context: loaded, interrupts off.
 */
static __always_inline enum aerie_fast aerie_fast(struct aerie_vcpu *vcpu, unsigned int kind)
{
	/* In the order in which guests want them quick: MSRs are how they program timers. */
	if (kind == AERIE_EXIT_WRMSR)
		return aerie_fast_wrmsr(vcpu);
	if (kind == AERIE_EXIT_RDMSR)
		return aerie_fast_rdmsr(vcpu);
	if (kind == AERIE_EXIT_CPUID)
		return aerie_fast_cpuid(vcpu);
	if (kind == AERIE_EXIT_HLT)
		return aerie_fast_hlt(vcpu);
	if (kind == AERIE_EXIT_HYPERCALL)
		return aerie_fast_hypercall(vcpu);
	/* Guest caches are the host's. */
	if (kind == AERIE_EXIT_INVD || kind == AERIE_EXIT_WBINVD)
		return aerie_fast_nothing(vcpu, kind);
	return AERIE_FAST_NO;
}

/**
 * aerie_fast_pio() - the same for IN and OUT, which are AERIE_EXIT_PIO
 * @vcpu: as above
 * @port: I/O port
 * @size: 1, 2 or 4 bytes
 * @in: IN, else OUT
 */
enum aerie_fast aerie_fast_pio(struct aerie_vcpu *vcpu, u16 port, unsigned int size, bool in);

struct aerie_exit;

/**
 * aerie_fast_decoded() - the same where there are operands, or no length is known
 * @vcpu: as above; RIP, CR3 and CR4 are available
 * @exit: @kind, @code64 and @cpl. Updates @insn_len
 *
 * Where @insn_len is not 0 the caller clears RF, too.
 */
enum aerie_fast aerie_fast_decoded(struct aerie_vcpu *vcpu, struct aerie_exit *exit);

/* The same for AERIE_EXIT_FAULT, with @fault. @insn_len 0: the instruction is executed again. */
enum aerie_fast aerie_fast_fault(struct aerie_vcpu *vcpu, struct aerie_exit *exit);

/* Control-register accesses, neutral. */
enum aerie_cr_op {
	AERIE_CR_WRITE, AERIE_CR_READ, AERIE_CR_CLTS, AERIE_CR_LMSW,
	AERIE_CR_SMSW,			/* never decoded by the hardware */
};

/**
 * struct aerie_exit - an exit, decoded to what both vendors can say
 * @kind: enum aerie_exit_kind; starts as AERIE_EXIT_UNCLAIMED
 * @done: by the fast path; of the rest only @kind means anything
 * @code64, @cpl: for the fast path where it has to look at the instruction: is
 *	      it 64-bit code, and the privilege level
 * @insn_len: bytes of the exiting instruction, 0 where the hardware does not
 *	      say (then the core decodes it) or the exit is no instruction's
 * @hw_reason: the hardware's own number, for traces and dumps
 * @hw_qual: exit qualification or EXITINFO1
 *
 * GPA in @fault is the guest physical address; @fault.gva_valid says whether
 * @fault.gva holds the guest linear address.
 */
struct aerie_exit {
	u8 kind;
	u8 insn_len;
	bool done;
	bool code64;
	u8 cpl;
	u32 hw_reason;
	u64 hw_qual;
	union {
		struct {		/* FAULT */
			gpa_t gpa;
			gva_t gva;
			u32 acc;	/* AERIE_ACC_* */
			bool gva_valid;
			bool walk;	/* on the guest's own page tables */
			u8 nr_insn;	/* instruction bytes the hardware gave */
			u8 insn[16] __aligned(8);	/* the last one means nothing */
		} fault;
		struct {		/* PIO */
			u16 port;
			u8 size;	/* 1, 2, 4 */
			bool in;
			bool string;
			bool rep;
		} pio;
		struct {		/* CR */
			u8 cr;		/* 0, 2, 3, 4, 8 */
			u8 op;		/* enum aerie_cr_op */
			u8 reg;		/* enum aerie_reg; operand of MOV */
			u16 lmsw;	/* source of LMSW */
			bool decoded;	/* false: the core must decode (no assists) */
		} cr;
		struct {		/* DR */
			u8 dr;
			u8 reg;
			bool write;
			bool decoded;
		} dr;
		struct {		/* EXCEPTION intercepted by us */
			u8 vector;
			bool has_error;
			u32 error;
			u64 payload;	/* CR2 or DR6 bits */
		} exc;
		struct {		/* TASK_SWITCH */
			u16 selector;
			u8 source;	/* 0 CALL, 1 IRET, 2 JMP, 3 IDT gate */
			bool has_error;
			u32 error;
		} task;
		struct {		/* INVLPG */
			gva_t gva;
			bool decoded;
		} invlpg;
		struct {		/* EOI of an interrupt that somebody waits for, done */
			u8 vector;
		} eoi;
		struct {		/* MSR (RDMSR/WRMSR operands are in registers) */
			bool write;
		} msr;
	};
};

/*
 * Instructions that a guest gets only where the backend lets them through (VMX
 * has a control for each); the processor must have them too (core/cpuid.c).
 */
#define AERIE_CAP_INVPCID	BIT(0)
#define AERIE_CAP_RDTSCP	BIT(1)	/* RDPID too */
#define AERIE_CAP_XSAVES	BIT(2)

/**
 * struct aerie_cost - TSC cycles of what every exit takes besides its handler
 * @trip: enter.S as a whole, but nothing of the guest's time
 * @host_state: of @trip, what is done for state that the host needs again and the
 *	switch itself leaves alone
 * @mitigations: of @trip, what is done on entry and exit for them; nothing of
 *	what comes with some entries only (L1D flush, IBPB between vCPUs)
 */
struct aerie_cost {
	u64 trip;
	u64 host_state;
	u64 mitigations;
};

/**
 * aerie_cost_of() - how long something takes
 * @fn: what
 * @arg: its argument
 *
 * Context: interrupts off.
 * Return: TSC cycles, the median, without those of the call.
 */
u64 aerie_cost_of(void (*fn)(void *arg), void *arg);

/**
 * struct aerie_backend - one vendor's implementation
 *
 * Contexts: [S] may sleep; [L] the vCPU is loaded on this processor, preemption
 * off; [I] as [L] and interrupts off; [P] one processor, interrupts off.
 */
struct aerie_backend {
	const char *name;		/* "vmx" or "svm" */
	const char *kvm_module;		/* KVM's for the same vendor */
	bool crash_must_leave;		/* no kernel can start in this operation after a crash */
	size_t vm_size;			/* bytes of the structure that starts with aerie_vm */
	size_t vcpu_size;		/* bytes of the one that starts with aerie_vcpu */
	const struct aerie_pte_ops *pte_ops;	/* set by setup */
	u64 caps;				/* AERIE_CAP_*, set by setup */
	bool pause_exits;		/* of a loop that spins; set by setup */

	/* [S] Does the processor have it, on, and complete? 0 or an error and why. */
	int (*probe)(struct aerie_why *why);
	/* [S] Allocate module-wide and per-CPU memory; read capabilities. */
	int (*setup)(struct aerie_why *why);
	void (*teardown)(void);

	/* [P] Is VMX/SVM operation on already (somebody else has it)? */
	bool (*cpu_in_use)(void);
	/* [P] Enter and leave VMX/SVM operation on this processor. */
	int (*cpu_enable)(void);
	void (*cpu_disable)(void);

	/* [S] Backend part of a VM and a vCPU; fini undoes a successful init. */
	int (*vm_init)(struct aerie_vm *vm);
	void (*vm_fini)(struct aerie_vm *vm);
	int (*vcpu_init)(struct aerie_vcpu *vcpu);
	void (*vcpu_fini)(struct aerie_vcpu *vcpu);
	/* [L] INIT state (SDM, Processor State After Reset); the core sets regs[]. */
	void (*vcpu_reset)(struct aerie_vcpu *vcpu);

	/* [L] Take and give back the processor: control block, system-call MSRs. */
	void (*vcpu_load)(struct aerie_vcpu *vcpu, int cpu);
	void (*vcpu_put)(struct aerie_vcpu *vcpu);

	/*
	 * [I] Enter the guest, and again after every exit that aerie_fast() does;
	 * return after another one with interrupts still off, @exit and
	 * vcpu->reinject filled. Host interrupts and NMIs that caused it are
	 * pending or served. Every exit goes through aerie_exited().
	 * Returns 0 or a hardware instruction error: the VM is then killed.
	 */
	int (*enter)(struct aerie_vcpu *vcpu, struct aerie_exit *exit);

	/*
	 * [I] Measure the switch, with entries that end before the guest has executed
	 * anything; it finds nothing changed. 0; -EIO where such an entry ended
	 * otherwise; -ENOMEM.
	 */
	int (*cost)(struct aerie_vcpu *vcpu, struct aerie_cost *cost);

	/* [L] Make regs[reg] current; write-back happens in enter from regs_dirty. */
	void (*cache_reg)(struct aerie_vcpu *vcpu, enum aerie_reg reg);
	void (*seg_get)(struct aerie_vcpu *vcpu, enum aerie_seg seg, struct aerie_segment *s);
	void (*seg_set)(struct aerie_vcpu *vcpu, enum aerie_seg seg,
			const struct aerie_segment *s);
	u8 (*cpl)(struct aerie_vcpu *vcpu);
	void (*gdt_get)(struct aerie_vcpu *vcpu, struct aerie_dtable *dt);
	void (*gdt_set)(struct aerie_vcpu *vcpu, const struct aerie_dtable *dt);
	void (*idt_get)(struct aerie_vcpu *vcpu, struct aerie_dtable *dt);
	void (*idt_set)(struct aerie_vcpu *vcpu, const struct aerie_dtable *dt);

	/*
	 * [L] Values are checked legal by the core (core/cr.c). In PAE paging
	 * vcpu->pdpte[] is loaded and checked before the call that makes it count;
	 * EFER.LMA is set and cleared through efer_set before cr0_set changes PG.
	 */
	void (*cr0_set)(struct aerie_vcpu *vcpu, u64 val);
	void (*cr3_set)(struct aerie_vcpu *vcpu, u64 val);
	void (*cr4_set)(struct aerie_vcpu *vcpu, u64 val);
	void (*efer_set)(struct aerie_vcpu *vcpu, u64 val);
	/*
	 * [L] Debug registers. DR7 lives in the control block on both vendors,
	 * DR6 only on SVM: on VMX dr6_get and dr6_set are the register itself
	 * while vcpu->dr_dirty, else vcpu->dr6. DR0-DR3 are the core's business.
	 */
	u64 (*dr7_get)(struct aerie_vcpu *vcpu);
	void (*dr7_set)(struct aerie_vcpu *vcpu, u64 val);
	u64 (*dr6_get)(struct aerie_vcpu *vcpu);
	void (*dr6_set)(struct aerie_vcpu *vcpu, u64 val);
	/* [L] Intercept all MOV DR (the default), or let the guest have the registers. */
	void (*dr_intercept)(struct aerie_vcpu *vcpu, bool on);
	void (*tsc_offset_set)(struct aerie_vcpu *vcpu, u64 offset);
	/* [L] PAT that guest page tables use. */
	void (*pat_set)(struct aerie_vcpu *vcpu, u64 pat);

	/*
	 * [L] MSRs whose guest value lives in the control block or the processor:
	 * FS_BASE, GS_BASE, KERNEL_GS_BASE, STAR, LSTAR, CSTAR, SYSCALL_MASK,
	 * SYSENTER_CS/ESP/EIP, DEBUGCTL, TSC_AUX (set: vcpu->tsc_aux is already
	 * written; put it where RDTSCP finds it). 0, or -ENOENT for any other.
	 */
	int (*msr_get)(struct aerie_vcpu *vcpu, u32 msr, u64 *val);
	int (*msr_set)(struct aerie_vcpu *vcpu, u32 msr, u64 val);

	/* [L] Events; interrupt window = IF set and no STI/MOV SS shadow. */
	void (*inject)(struct aerie_vcpu *vcpu, const struct aerie_event *event);
	bool (*irq_ready)(struct aerie_vcpu *vcpu);
	bool (*nmi_ready)(struct aerie_vcpu *vcpu);
	void (*want_irq_window)(struct aerie_vcpu *vcpu, bool on);
	void (*want_nmi_window)(struct aerie_vcpu *vcpu, bool on);
	/* [L] STI or MOV SS shadow: bit 0 STI, bit 1 MOV SS. */
	u32 (*shadow_get)(struct aerie_vcpu *vcpu);
	void (*shadow_set)(struct aerie_vcpu *vcpu, u32 shadow);
	/* [L] An instruction was emulated with TF set: pend a single-step #DB. */
	void (*pend_single_step)(struct aerie_vcpu *vcpu);
	/*
	 * [L] The task priority class, CR8. Before an entry the core calls
	 * cr8_set where the local APIC's differs from vcpu->hw_cr8, and updates
	 * that. Where the hardware keeps its own copy (SVM's V_TPR), enter
	 * compares it with vcpu->hw_cr8, and if the guest changed it, updates
	 * hw_cr8 and calls aerie_lapic_set_cr8(). A guest writes CR8 without an
	 * exit unless a window is wanted: then it exits (kind CR or INTR_WINDOW)
	 * when it lowers CR8 below @threshold; 0 wants none.
	 */
	void (*cr8_set)(struct aerie_vcpu *vcpu, u8 cr8);
	void (*want_cr8_window)(struct aerie_vcpu *vcpu, u8 threshold);

	/*
	 * [L] The local APIC may have changed its mode: have the processor keep it
	 * where it can, see aerie_lapic_virtualize(). NULL where no processor can.
	 */
	void (*apic_mode)(struct aerie_vcpu *vcpu);
	/* [I] It does: @vector is the highest one that is requested, or -1. */
	void (*virtual_irq)(struct aerie_vcpu *vcpu, int vector);

	/* [L] Drop translations of this vCPU before the next entry. */
	void (*flush_tlb)(struct aerie_vcpu *vcpu);
	/* [L] Drop translations of one guest linear address (INVLPG intercept). */
	void (*flush_gva)(struct aerie_vcpu *vcpu, gva_t gva);

	/* [L] Print the control block by field name; [S] list capabilities. */
	void (*dump)(struct aerie_vcpu *vcpu, struct seq_file *m);
	void (*show_caps)(struct seq_file *m);
	/* Name of a hardware exit reason, never NULL. */
	const char *(*reason_name)(u32 hw_reason);
};

extern const struct aerie_backend *aerie_backend;	/* set before any VM exists */

extern struct aerie_backend aerie_vmx;
extern struct aerie_backend aerie_svm;

/*
 * What exits take is called without a pointer, and so without a retpoline:
 * aerie_hw(op)(vcpu, ...) is aerie_backend->op(vcpu, ...).
 */
#define AERIE_HW_OPS(op)							\
	op(enter) op(cache_reg) op(cpl) op(inject) op(irq_ready) op(nmi_ready)	\
	op(want_irq_window) op(want_nmi_window) op(want_cr8_window)

#define AERIE_HW_DECLARE(op) \
	DECLARE_STATIC_CALL(aerie_hw_##op, *((struct aerie_backend *)NULL)->op);
AERIE_HW_OPS(AERIE_HW_DECLARE)

#define aerie_hw(op)	static_call(aerie_hw_##op)

/**
 * aerie_reg_read() - a guest register
 * @vcpu: the vCPU, loaded
 * @reg: which
 *
 * CR0, CR3 and CR4 are what the guest believes they hold.
 */
static inline u64 aerie_reg_read(struct aerie_vcpu *vcpu, enum aerie_reg reg)
{
	if (unlikely(!(vcpu->regs_avail & BIT(reg))))
		aerie_hw(cache_reg)(vcpu, reg);
	return vcpu->regs[reg];
}

/**
 * aerie_reg_write() - set a general register, RIP or RFLAGS
 * @vcpu: the vCPU, loaded
 * @reg: below AERIE_REG_CR0; control registers go through core/cr.c
 * @val: whole value
 */
static inline void aerie_reg_write(struct aerie_vcpu *vcpu, enum aerie_reg reg, u64 val)
{
	vcpu->regs[reg] = val;
	vcpu->regs_avail |= BIT(reg);
	vcpu->regs_dirty |= BIT(reg);
}

/* An exit has just happened: the guest's time ends here. */
static __always_inline void aerie_exited(struct aerie_vcpu *vcpu)
{
	vcpu->exited_tsc = rdtsc();
}

#endif
