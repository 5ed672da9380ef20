// SPDX-License-Identifier: GPL-2.0
/*
 * The SVM backend: what the processor has, processors on and off, vCPUs.
 *
 * A processor in SVM operation has EFER.SVME set and a page of its own for the
 * host state that VMRUN saves (VM_HSAVE_PA). The rest of the host state that a
 * guest changes (FS, GS, TR, LDTR, the system-call MSRs) does not change while a
 * vCPU is loaded, so it is saved once, with VMSAVE at load, and brought back
 * with VMLOAD at every exit.
 */
#include <linux/gfp.h>
#include <linux/mem_encrypt.h>
#include <linux/percpu.h>
#include <linux/seq_file.h>
#include <asm/cpufeature.h>
#include <asm/io.h>
#include <asm/msr-index.h>
#include <asm/processor.h>
#include <asm/special_insns.h>
#include <asm/svm.h>

#include "compat.h"
#include "core/mitigate.h"
#include "svm/svm.h"

/* EDX of CPUID 8000_000A; only what is used. */
#define CAP_NP			BIT(0)
#define CAP_LBR_VIRT		BIT(1)
#define CAP_NRIPS		BIT(3)
#define CAP_CLEAN		BIT(5)
#define CAP_FLUSH_BY_ASID	BIT(6)
#define CAP_DECODE		BIT(7)
#define CAP_PAUSE_FILTER	BIT(10)
#define CAP_PAUSE_THRESHOLD	BIT(12)

struct svm_caps svm_caps;
DEFINE_PER_CPU(struct svm_cpu, svm_cpu);

static int svm_probe(struct aerie_why *why)
{
	const char *off;
	u64 vm_cr = 0;

	/* The kernel hides the feature bit where the firmware disabled it: ask CPUID. */
	if (cpuid_eax(0x80000000) < SVM_CPUID_FUNC || !(cpuid_ecx(0x80000001) & BIT(2)))
		return -ENODEV;
	if (rdmsrq_safe(MSR_VM_CR, &vm_cr))
		vm_cr = 0;
	off = svm_disabled(vm_cr);
	if (off)
		return aerie_refuse(why, -EOPNOTSUPP, 0, off);
	if (!(cpuid_edx(SVM_CPUID_FUNC) & CAP_NP))
		return aerie_refuse(why, -EOPNOTSUPP, 0,
				    "the processor has SVM without nested paging, which is required");
	if (cpuid_ebx(SVM_CPUID_FUNC) < 2)
		return aerie_refuse(why, -EOPNOTSUPP, 0,
				    "the processor offers no address space identifier for guests");
	return 0;
}

static void caps_read(void)
{
	u32 edx = cpuid_edx(SVM_CPUID_FUNC);

	svm_caps = (struct svm_caps){
		.nr_asids = cpuid_ebx(SVM_CPUID_FUNC),
		.nrips = edx & CAP_NRIPS,
		.decode_assists = edx & CAP_DECODE,
		.flush_by_asid = edx & CAP_FLUSH_BY_ASID,
		.clean_bits = edx & CAP_CLEAN,
		.pause_filter = edx & CAP_PAUSE_FILTER,
		.pause_threshold = edx & CAP_PAUSE_THRESHOLD,
		.lbr_virt = edx & CAP_LBR_VIRT,
		.tsc_aux = boot_cpu_has(X86_FEATURE_RDTSCP) || boot_cpu_has(X86_FEATURE_RDPID),
		.host_cr4_mce = native_read_cr4() & X86_CR4_MCE,
	};
}

static void svm_teardown(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct svm_cpu *c = per_cpu_ptr(&svm_cpu, cpu);

		free_page((unsigned long)c->hsave);
		free_page((unsigned long)c->host);
		c->hsave = NULL;
		c->host = NULL;
	}
	svm_bitmaps_destroy();
}

static int svm_setup(struct aerie_why *why)
{
	u64 xss;
	int cpu;

	caps_read();
	if (svm_bitmaps_create())
		return aerie_refuse(why, -ENOMEM, 0, "no memory for the permission maps");
	for_each_possible_cpu(cpu) {
		struct svm_cpu *c = per_cpu_ptr(&svm_cpu, cpu);

		c->hsave = (void *)get_zeroed_page(GFP_KERNEL);
		c->host = (void *)get_zeroed_page(GFP_KERNEL);
		if (!c->hsave || !c->host) {
			svm_teardown();
			return aerie_refuse(why, -ENOMEM, 0,
					    "no memory for the processors' host state");
		}
		c->host_pa = __sme_set(__pa(c->host));
		c->asid_generation = 1;
	}
	/* Nested tables have as many levels as the host's own. */
	aerie_svm.pte_ops = native_read_cr4() & X86_CR4_LA57 ? &aerie_pte_npt5 : &aerie_pte_npt4;
	aerie_pte_npt_c_bit = __sme_set(0);
	aerie_svm.caps = AERIE_CAP_INVPCID | AERIE_CAP_RDTSCP;
	/* IA32_XSS is not switched: a guest's XSAVES must find none of the host's state. */
	if (!boot_cpu_has(X86_FEATURE_XSAVES) || (!rdmsrq_safe(MSR_IA32_XSS, &xss) && !xss))
		aerie_svm.caps |= AERIE_CAP_XSAVES;
	aerie_svm.pause_exits = svm_caps.pause_filter;
	return 0;
}

static bool svm_cpu_in_use(void)
{
	u64 efer;

	rdmsrq(MSR_EFER, efer);
	return efer & EFER_SVME;
}

static int svm_cpu_enable(void)
{
	struct svm_cpu *c = this_cpu_ptr(&svm_cpu);
	u64 efer;

	rdmsrq(MSR_EFER, efer);
	if (efer & EFER_SVME)
		return -EBUSY;
	wrmsrq(MSR_EFER, efer | EFER_SVME);
	wrmsrq(MSR_VM_HSAVE_PA, __sme_set(__pa(c->hsave)));
	/* Whatever the TLB holds of any ASID goes with the first entry. */
	c->asid_next = svm_caps.nr_asids;
	c->asid_generation++;
	if (svm_caps.tsc_aux)
		rdmsrq(MSR_TSC_AUX, c->tsc_aux);
	return 0;
}

static void svm_cpu_disable(void)
{
	u64 efer;

	rdmsrq(MSR_EFER, efer);
	if (!(efer & EFER_SVME))
		return;
	/* A crash may have come from between CLGI and STGI. */
	asm volatile("stgi" : : : "memory");
	wrmsrq(MSR_VM_HSAVE_PA, 0);
	wrmsrq(MSR_EFER, efer & ~EFER_SVME);
}

static int svm_vm_init(struct aerie_vm *vm)
{
	return 0;
}

static void svm_vm_fini(struct aerie_vm *vm)
{
}

/* APM, PAT Register at reset. */
#define PAT_RESET	0x0007040600070406ull

/* The interrupt has ended the guest's turn. */
static void exit_soon(struct irq_work *work)
{
}

static int svm_vcpu_init(struct aerie_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	svm->exit_soon = IRQ_WORK_INIT_HARD(exit_soon);
	svm->vmcb = (struct svm_vmcb *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!svm->vmcb)
		return -ENOMEM;
	svm->vmcb_pa = __sme_set(__pa(svm->vmcb));
	svm->vmcb->save.g_pat = PAT_RESET;
	svm_vcpu_reset(vcpu);
	svm_dr6_set(vcpu, SVM_DR6_RESET);
	svm_dr7_set(vcpu, 0x400);
	svm_efer_set(vcpu, 0);
	svm_cr4_set(vcpu, 0);
	svm_cr3_set(vcpu, 0);
	svm_cr0_set(vcpu, X86_CR0_CD | X86_CR0_NW);
	return 0;
}

static void svm_vcpu_fini(struct aerie_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	irq_work_sync(&svm->exit_soon);
	free_page((unsigned long)svm->vmcb);
	svm->vmcb = NULL;
}

static void svm_vcpu_load(struct aerie_vcpu *vcpu, int cpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_control *c = &svm->vmcb->control;
	struct svm_cpu *here = per_cpu_ptr(&svm_cpu, cpu);
	hpa_t root = __sme_set(vcpu->vm->mem.npt.root_hpa);

	if (svm->cpu != here) {
		svm->cpu = here;
		svm->asid_generation = 0;
		svm_dirty(svm, SVM_CLEAN_ALL);
	}
	if (c->n_cr3 != root) {
		c->n_cr3 = root;
		svm_dirty(svm, SVM_CLEAN_NP);
		svm_flush_tlb(vcpu);
	}
	asm volatile("vmsave %%rax" : : "a" (here->host_pa) : "memory");
	if (svm_caps.tsc_aux && vcpu->tsc_aux != here->tsc_aux)
		wrmsrq(MSR_TSC_AUX, vcpu->tsc_aux);
	aerie_mitigate_load(vcpu);
}

static void svm_vcpu_put(struct aerie_vcpu *vcpu)
{
	struct svm_cpu *here = to_svm(vcpu)->cpu;

	if (svm_caps.tsc_aux && vcpu->tsc_aux != here->tsc_aux)
		wrmsrq(MSR_TSC_AUX, here->tsc_aux);
	aerie_mitigate_put();
}

static void svm_show_caps(struct seq_file *m)
{
	static const struct {
		const char *name;
		const bool *has;
	} rows[] = {
		{ "next RIP saving",		&svm_caps.nrips },
		{ "decode assists",		&svm_caps.decode_assists },
		{ "flush by ASID",		&svm_caps.flush_by_asid },
		{ "VMCB clean bits",		&svm_caps.clean_bits },
		{ "PAUSE filter",		&svm_caps.pause_filter },
		{ "PAUSE filter threshold",	&svm_caps.pause_threshold },
		{ "LBR virtualization",		&svm_caps.lbr_virt },
	};
	int i;

	seq_printf(m, "%-24s %u\n", "nested table levels", aerie_svm.pte_ops->levels);
	seq_printf(m, "%-24s %u\n", "ASIDs", svm_caps.nr_asids);
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		seq_printf(m, "%-24s %s\n", rows[i].name, *rows[i].has ? "yes" : "no");
}

struct aerie_backend aerie_svm = {
	.name			= "svm",
	.kvm_module		= "kvm_amd",
	.vm_size		= sizeof(struct aerie_vm),
	.vcpu_size		= sizeof(struct svm_vcpu),
	.probe			= svm_probe,
	.setup			= svm_setup,
	.teardown		= svm_teardown,
	.cpu_in_use		= svm_cpu_in_use,
	.cpu_enable		= svm_cpu_enable,
	.cpu_disable		= svm_cpu_disable,
	.vm_init		= svm_vm_init,
	.vm_fini		= svm_vm_fini,
	.vcpu_init		= svm_vcpu_init,
	.vcpu_fini		= svm_vcpu_fini,
	.vcpu_reset		= svm_vcpu_reset,
	.vcpu_load		= svm_vcpu_load,
	.vcpu_put		= svm_vcpu_put,
	.enter			= svm_enter,
	.cost			= svm_cost,
	.cache_reg		= svm_cache_reg,
	.seg_get		= svm_seg_get,
	.seg_set		= svm_seg_set,
	.cpl			= svm_cpl,
	.gdt_get		= svm_gdt_get,
	.gdt_set		= svm_gdt_set,
	.idt_get		= svm_idt_get,
	.idt_set		= svm_idt_set,
	.cr0_set		= svm_cr0_set,
	.cr3_set		= svm_cr3_set,
	.cr4_set		= svm_cr4_set,
	.efer_set		= svm_efer_set,
	.dr7_get		= svm_dr7_get,
	.dr7_set		= svm_dr7_set,
	.dr6_get		= svm_dr6_get,
	.dr6_set		= svm_dr6_set,
	.dr_intercept		= svm_dr_intercept,
	.tsc_offset_set		= svm_tsc_offset_set,
	.pat_set		= svm_pat_set,
	.msr_get		= svm_msr_get,
	.msr_set		= svm_msr_set,
	.inject			= svm_inject,
	.irq_ready		= svm_irq_ready,
	.nmi_ready		= svm_nmi_ready,
	.want_irq_window	= svm_want_irq_window,
	.want_nmi_window	= svm_want_nmi_window,
	.shadow_get		= svm_shadow_get,
	.shadow_set		= svm_shadow_set,
	.pend_single_step	= svm_pend_single_step,
	.cr8_set		= svm_cr8_set,
	.want_cr8_window	= svm_want_cr8_window,
	.flush_tlb		= svm_flush_tlb,
	.flush_gva		= svm_flush_gva,
	.dump			= svm_dump,
	.show_caps		= svm_show_caps,
	.reason_name		= svm_reason_name,
};
