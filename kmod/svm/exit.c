// SPDX-License-Identifier: GPL-2.0
/*
 * Entry and exit: registers between vcpu->regs and the VMCB, around enter.S.
 *
 * RAX is copied at every entry and exit, the other general registers are switched
 * by the assembly. RSP, RIP and RFLAGS stay in the VMCB while exits are done on the
 * fast path. CR0 and CR3 change without an exit and are read from the VMCB when
 * somebody asks; CR4 changes by an exit only.
 */
#include <linux/bitops.h>
#include <linux/gfp.h>
#include <linux/mem_encrypt.h>
#include <linux/static_key.h>
#include <asm/msr-index.h>
#include <asm/page.h>
#include <asm/processor-flags.h>
#include <asm/svm.h>
#include <asm/trapnr.h>

#include "control.h"
#include "core/check.h"
#include "dev/lapic.h"
#include "emul/emul.h"
#include "svm/svm.h"
#include "uapi.h"

/* enter.S has these numbers spelled out. */
static_assert(AERIE_REG_RCX == 1 && AERIE_REG_RDX == 2 && AERIE_REG_RBX == 3);
static_assert(AERIE_REG_RBP == 5 && AERIE_REG_RSI == 6 && AERIE_REG_RDI == 7);
static_assert(AERIE_REG_R8 == 8 && AERIE_REG_R15 == 15);
static_assert(sizeof(((struct aerie_vcpu *)0)->regs[0]) == 8);

/* What of regs[] is current on the fast path, and what for the core. */
#define REGS_AT_EXIT							\
	((GENMASK(AERIE_REG_R15, AERIE_REG_RAX) & ~BIT(AERIE_REG_RSP)) | BIT(AERIE_REG_CR4))
#define REGS_AFTER_EXIT							\
	(REGS_AT_EXIT | BIT(AERIE_REG_RSP) | BIT(AERIE_REG_RIP) | BIT(AERIE_REG_RFLAGS))

/* The entry would fail, or worse: say why and end the VM. */
static noinline int enter_refused(struct svm_vcpu *svm, const char *rule)
{
	aerie_vm_kill(svm->vcpu.vm, AERIE_STOP_HOST, "vCPU %u: VMCB not consistent: %s",
		      svm->vcpu.id, rule);
	return -EINVAL;
}

/*
 * A machine check came while the guest ran. The intercept took it from the
 * guest, and with that from the host's handler, which is called here as the
 * processor would.
 */
static void machine_check(void)
{
	asm volatile("int $18");
}

static void decode_exit(struct svm_vcpu *svm, struct aerie_exit *exit)
{
	struct aerie_vcpu *vcpu = &svm->vcpu;
	struct svm_control *c = &svm->vmcb->control;
	u8 cr8 = c->int_ctl & V_TPR_MASK;

	memset(exit, 0, sizeof(*exit));
	svm_decode(svm->vmcb, svm_caps.decode_assists, exit);
	if (unlikely(c->exit_int_info & SVM_EXITINTINFO_VALID))
		svm_decode_event(svm->vmcb, &vcpu->reinject);
	else
		vcpu->reinject.type = AERIE_EVENT_NONE;
	if (unlikely(svm->nmi_masked || svm->stepping))
		svm_track(svm, exit);
	if (unlikely(cr8 != vcpu->hw_cr8)) {
		vcpu->hw_cr8 = cr8;
		aerie_lapic_set_cr8(vcpu, cr8);
	}
	if (unlikely(exit->hw_reason == SVM_EXIT_EXCP_BASE + X86_TRAP_MC))
		machine_check();
}

/* Of a kind below: there is something to decode. */
#define DECODE	0x80

/* Exits that may be for the fast path, by the exit code. Nested faults are one more. */
static const u8 fast_kinds[] = {
	[SVM_EXIT_WRITE_CR0] = AERIE_EXIT_CR | DECODE,
	[SVM_EXIT_WRITE_CR4] = AERIE_EXIT_CR | DECODE,
	[SVM_EXIT_CR0_SEL_WRITE] = AERIE_EXIT_CR | DECODE,
	[SVM_EXIT_CPUID] = AERIE_EXIT_CPUID,
	[SVM_EXIT_INVD] = AERIE_EXIT_INVD,
	[SVM_EXIT_HLT] = AERIE_EXIT_HLT,
	[SVM_EXIT_IOIO] = AERIE_EXIT_PIO | DECODE,
	[SVM_EXIT_MSR] = AERIE_EXIT_RDMSR | DECODE,
	[SVM_EXIT_VMMCALL] = AERIE_EXIT_HYPERCALL,
	[SVM_EXIT_WBINVD] = AERIE_EXIT_WBINVD,
};

/* Are a new RIP, no shadow and no RF all that ends the instruction? See core/fast.c. */
static __always_inline bool exit_plain(const struct svm_vcpu *svm, const struct svm_control *c)
{
	return !(c->exit_int_info & SVM_EXITINTINFO_VALID) &&
	       (c->int_ctl & V_TPR_MASK) == svm->vcpu.hw_cr8 &&
	       !(svm->nmi_masked | svm->stepping);
}

/* Bytes from @rip to @next, or 0: not known, or beyond 4 GiB, where RIP may have to wrap. */
static __always_inline u64 len_to(u64 rip, u64 next)
{
	u64 len = next - rip;

	return len <= AERIE_INSN_MAX && (u32)next > (u32)rip ? len : 0;
}

static __always_inline void insn_done(struct svm_control *c, struct svm_save *save, u64 next)
{
	save->rip = next;
	c->int_state &= ~(u32)SVM_INTERRUPT_SHADOW_MASK;
}

static __always_inline enum aerie_fast fast_insn(struct svm_vcpu *svm, u8 kind,
						 struct aerie_exit *exit)
{
	struct svm_control *c = &svm->vmcb->control;
	struct svm_save *save = &svm->vmcb->save;
	enum aerie_fast done;

	if (save->rflags & X86_EFLAGS_TF || !exit_plain(svm, c))
		return AERIE_FAST_NO;
	exit->kind = kind;
	if (kind == AERIE_EXIT_FAULT && !svm_decode_fault(c, svm_caps.decode_assists, exit))
		return AERIE_FAST_NO;
	svm->vcpu.regs[AERIE_REG_RIP] = save->rip;
	svm->vcpu.regs[AERIE_REG_CR3] = save->cr3;
	svm->vcpu.regs_avail |= BIT(AERIE_REG_RIP) | BIT(AERIE_REG_CR3);
	exit->code64 = svm->vcpu.efer & EFER_LMA && save->cs.attr & SVM_SELECTOR_L_MASK;
	exit->cpl = save->cpl;
	done = kind == AERIE_EXIT_FAULT ? aerie_fast_fault(&svm->vcpu, exit) :
					  aerie_fast_decoded(&svm->vcpu, exit);
	/* Its translations are void: a new ASID, unless the entry flushes. */
	if (unlikely(svm->asid_generation != svm->cpu->asid_generation))
		svm_asid_new(svm);
	if (done && exit->insn_len) {
		insn_done(c, save, save->rip + exit->insn_len);
		save->rflags &= ~(u64)X86_EFLAGS_RF;
	}
	return done;
}

static noinline enum aerie_fast fast_decoded(struct svm_vcpu *svm, u8 kind,
					     struct aerie_exit *exit)
{
	return kind ? fast_insn(svm, kind, exit) : AERIE_FAST_NO;
}

static noinline enum aerie_fast fast_fault(struct svm_vcpu *svm, struct aerie_exit *exit)
{
	return fast_insn(svm, AERIE_EXIT_FAULT, exit);
}

/* APM, IOIO Intercepts: the RIP behind the instruction is always there. */
static noinline enum aerie_fast fast_pio(struct svm_vcpu *svm, struct svm_control *c,
					 struct svm_save *save)
{
	u64 info = c->exit_info_1, next = c->exit_info_2;
	enum aerie_fast done;

	if (info & SVM_IOIO_STR_MASK || !len_to(save->rip, next) ||
	    save->rflags & (X86_EFLAGS_TF | X86_EFLAGS_RF) || !exit_plain(svm, c))
		return AERIE_FAST_NO;
	done = aerie_fast_pio(&svm->vcpu, info >> 16, info >> SVM_IOIO_SIZE_SHIFT & 7,
			      info & SVM_IOIO_TYPE_MASK);
	if (done)
		insn_done(c, save, next);
	return done;
}

static __always_inline enum aerie_fast fast(struct svm_vcpu *svm, struct svm_control *c,
					    struct svm_save *save, struct aerie_exit *exit)
{
	u64 code = c->exit_code, next = c->next_rip;
	enum aerie_fast done;
	u32 kind;

	if (unlikely(code >= ARRAY_SIZE(fast_kinds)))
		return code == SVM_EXIT_NPF ? fast_fault(svm, exit) : AERIE_FAST_NO;
	kind = fast_kinds[code];
	if (kind & DECODE) {
		if (code != SVM_EXIT_MSR)
			return code == SVM_EXIT_IOIO ? fast_pio(svm, c, save) :
						       fast_decoded(svm, kind & ~DECODE, exit);
		kind = c->exit_info_1 & 1 ? AERIE_EXIT_WRMSR : AERIE_EXIT_RDMSR;
	}
	if (unlikely(!len_to(save->rip, next)))
		return fast_decoded(svm, kind, exit);
	if (save->rflags & (X86_EFLAGS_TF | X86_EFLAGS_RF) || !exit_plain(svm, c))
		return AERIE_FAST_NO;
	done = aerie_fast(&svm->vcpu, kind);
	if (done)
		insn_done(c, save, next);
	return done;
}

int svm_enter(struct aerie_vcpu *vcpu, struct aerie_exit *exit)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_control *c = &svm->vmcb->control;
	struct svm_save *save = &svm->vmcb->save;
	enum aerie_fast done;

	if (unlikely(svm->asid_generation != svm->cpu->asid_generation))
		svm_asid_new(svm);
	save->rsp = vcpu->regs[AERIE_REG_RSP];
	save->rip = vcpu->regs[AERIE_REG_RIP];
	save->rflags = vcpu->regs[AERIE_REG_RFLAGS];
	if (save->cr2 != vcpu->cr2) {
		save->cr2 = vcpu->cr2;
		svm_dirty(svm, SVM_CLEAN_CR2);
	}
	if (unlikely(svm->step))
		svm_step_begin(svm);
	do {
		save->rax = vcpu->regs[AERIE_REG_RAX];
		if (static_branch_unlikely(&aerie_check_entry)) {
			const char *rule = svm_vmcb_check(svm->vmcb,
							  boot_cpu_data.x86_phys_bits);

			if (rule)
				return enter_refused(svm, rule);
		}

		svm_vmrun(svm->vmcb_pa, vcpu->regs, svm->cpu->host_pa);

		aerie_exited(vcpu);
		c->clean = SVM_CLEAN_ALL;
		c->tlb_control = TLB_CONTROL_DO_NOTHING;
		c->event_inj = 0;
		vcpu->regs[AERIE_REG_RAX] = save->rax;
		vcpu->regs_avail = REGS_AT_EXIT;
		done = fast(svm, c, save, exit);
	} while (done == AERIE_FAST_AGAIN);

	vcpu->regs[AERIE_REG_RSP] = save->rsp;
	vcpu->regs[AERIE_REG_RIP] = save->rip;
	vcpu->regs[AERIE_REG_RFLAGS] = save->rflags;
	vcpu->cr2 = save->cr2;
	vcpu->regs_avail = REGS_AFTER_EXIT;
	vcpu->regs_dirty = 0;
	exit->done = done;
	if (!done)
		decode_exit(svm, exit);
	return 0;
}

/*
 * What the switch costs is measured with a copy of the VMCB where an interrupt window
 * is open: VMRUN exits before the first instruction.
 */
struct trip {
	struct svm_vmcb *vmcb;
	hpa_t vmcb_pa, host_pa;
	u64 regs[AERIE_NR_REGS];
	bool failed;
};

static void trip(void *arg)
{
	struct trip *t = arg;
	struct svm_control *c = &t->vmcb->control;

	svm_vmrun(t->vmcb_pa, t->regs, t->host_pa);
	c->clean = SVM_CLEAN_ALL;
	/* What is for the host comes first; it waits until interrupts are on. */
	if (likely(c->exit_code == SVM_EXIT_VINTR || c->exit_code == SVM_EXIT_INTR ||
		   c->exit_code == SVM_EXIT_NMI || c->exit_code == SVM_EXIT_SMI))
		return;
	if (c->exit_code == SVM_EXIT_EXCP_BASE + X86_TRAP_MC)
		machine_check();
	t->failed = true;
}

static void trip_host_state(void *arg)
{
	struct trip *t = arg;

	svm_host_state(t->vmcb_pa, t->host_pa);
}

static void trip_mitigations(void *arg)
{
	svm_mitigations();
}

static void trip_open_window(struct svm_control *c, struct svm_save *save)
{
	c->clean = 0;
	c->tlb_control = TLB_CONTROL_DO_NOTHING;
	c->event_inj = 0;
	c->int_state = 0;
	c->int_ctl |= V_IRQ_INJECTION_BITS_MASK;
	c->intercept[INTERCEPT_VINTR / 32] |= BIT(INTERCEPT_VINTR % 32);
	save->rflags = (save->rflags & ~(u64)X86_EFLAGS_TF) | X86_EFLAGS_IF | X86_EFLAGS_FIXED;
}

int svm_cost(struct aerie_vcpu *vcpu, struct aerie_cost *cost)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct trip t = { .host_pa = svm->cpu->host_pa };

	t.vmcb = (struct svm_vmcb *)__get_free_page(GFP_ATOMIC | __GFP_NOWARN);
	if (!t.vmcb)
		return -ENOMEM;
	t.vmcb_pa = __sme_set(__pa(t.vmcb));
	if (svm->asid_generation != svm->cpu->asid_generation)
		svm_asid_new(svm);
	memcpy(t.vmcb, svm->vmcb, sizeof(*t.vmcb));
	trip_open_window(&t.vmcb->control, &t.vmcb->save);

	cost->trip = aerie_cost_of(trip, &t);
	cost->host_state = aerie_cost_of(trip_host_state, &t);
	cost->mitigations = aerie_cost_of(trip_mitigations, NULL);
	/* Nobody says that clean bits outlive the use of another VMCB. */
	svm_dirty(svm, SVM_CLEAN_ALL);
	free_page((unsigned long)t.vmcb);
	return t.failed ? -EIO : 0;
}

/* The names are the kernel's; exceptions and codes it has no name for follow. */
static const struct {
	u64 code;
	const char *name;
} reasons[] = {
	SVM_EXIT_REASONS,
	{ SVM_EXIT_MWAIT_COND,	"mwait_cond" },
	{ SVM_EXIT_RDPRU,	"rdpru" },
};

const char *svm_reason_name(u32 hw_reason)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(reasons); i++) {
		if ((u32)reasons[i].code == hw_reason)
			return reasons[i].name;
	}
	if (hw_reason >= SVM_EXIT_EXCP_BASE && hw_reason <= SVM_EXIT_LAST_EXCP)
		return "reserved excp";
	return "unknown";
}
