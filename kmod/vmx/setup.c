// SPDX-License-Identifier: GPL-2.0
/*
 * VMX as a backend: the table of operations, and processors in VMX operation.
 *
 * A processor that enters VMX operation records what its host state is then
 * (descriptor tables, base registers, system-call MSRs): none of it changes
 * until it leaves.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/topology.h>
#include <asm/asm.h>
#include <asm/desc.h>
#include <asm/msr-index.h>
#include <asm/special_insns.h>

#include "backend.h"
#include "compat.h"
#include "core/mitigate.h"
#include "vmx/reason.h"
#include "vmx/vmx.h"

DEFINE_PER_CPU(struct vmx_cpu, vmx_cpu);

static struct aerie_pte_ops vmx_pte_ops __ro_after_init;

static int vmx_probe(struct aerie_why *why)
{
	return vmx_caps_probe(why);
}

static void vmx_teardown(void)
{
	int cpu;

	vmx_msr_teardown();
	for_each_possible_cpu(cpu) {
		struct vmx_cpu *pc = per_cpu_ptr(&vmx_cpu, cpu);

		free_page((unsigned long)pc->vmxon);
		pc->vmxon = NULL;
	}
}

static int vmxon_alloc(int cpu)
{
	struct vmx_cpu *pc = per_cpu_ptr(&vmx_cpu, cpu);
	struct page *page = alloc_pages_node(cpu_to_node(cpu), GFP_KERNEL | __GFP_ZERO, 0);

	INIT_LIST_HEAD(&pc->vmcss);
	if (!page)
		return -ENOMEM;
	pc->vmxon = page_address(page);
	*(u32 *)pc->vmxon = vmx_basic_vmcs_revision_id(vmx_caps.basic);
	return 0;
}

static int vmx_setup(struct aerie_why *why)
{
	int cpu, err;
	u64 xss;

	err = vmx_caps_setup(why);
	if (err)
		return err;
	for_each_possible_cpu(cpu) {
		err = vmxon_alloc(cpu);
		if (err)
			goto err_teardown;
	}
	err = vmx_msr_setup();
	if (err)
		goto err_teardown;
	vmx_pte_ops = vmx_caps.eptp & VMX_EPTP_AD_ENABLE_BIT ? aerie_pte_ept_ad : aerie_pte_ept;
	vmx_pte_ops.no_large = aerie_mit_ept_4k ||
			       !(vmx_caps.ept_vpid & VMX_EPT_2MB_PAGE_BIT);
	if (vmx_caps.ctl[VMX_CTL_CPU2] & SECONDARY_EXEC_ENABLE_INVPCID)
		aerie_vmx.caps |= AERIE_CAP_INVPCID;
	if (vmx_caps.ctl[VMX_CTL_CPU2] & SECONDARY_EXEC_ENABLE_RDTSCP)
		aerie_vmx.caps |= AERIE_CAP_RDTSCP;
	/* IA32_XSS is not switched: a guest's XSAVES must find none of the host's state. */
	if (vmx_caps.ctl[VMX_CTL_CPU2] & VMCS_CONTROL_BIT(XSAVES) &&
	    !rdmsrq_safe(MSR_IA32_XSS, &xss) && !xss)
		aerie_vmx.caps |= AERIE_CAP_XSAVES;
	aerie_vmx.pause_exits = vmx_caps.ctl[VMX_CTL_CPU2] & SECONDARY_EXEC_PAUSE_LOOP_EXITING;
	return 0;

err_teardown:
	vmx_teardown();
	return err;
}

static bool vmx_cpu_in_use(void)
{
	return __read_cr4() & X86_CR4_VMXE;
}

/* TR's descriptor is two slots wide: its base is 64 bits. */
static u64 tr_base(const struct desc_ptr *gdt)
{
	const struct ldttss_desc *tss = (void *)(gdt->address + GDT_ENTRY_TSS * 8);

	return tss->base0 | (u64)tss->base1 << 16 | (u64)tss->base2 << 24 |
	       (u64)tss->base3 << 32;
}

static void record_host(struct vmx_cpu *pc)
{
	struct desc_ptr gdt, idt;

	native_store_gdt(&gdt);
	store_idt(&idt);
	pc->gdt_base = gdt.address;
	pc->idt_base = idt.address;
	pc->tr_base = tr_base(&gdt);
	pc->cr0 = read_cr0();
	pc->gs_base = vmx_rdmsr(MSR_GS_BASE);
	pc->efer = vmx_rdmsr(MSR_EFER);
	pc->pat = vmx_rdmsr(MSR_IA32_CR_PAT);
	pc->sysenter_cs = vmx_rdmsr(MSR_IA32_SYSENTER_CS);
	pc->sysenter_esp = vmx_rdmsr(MSR_IA32_SYSENTER_ESP);
	pc->sysenter_eip = vmx_rdmsr(MSR_IA32_SYSENTER_EIP);
	pc->sysmsr[VMX_STAR] = vmx_rdmsr(MSR_STAR);
	pc->sysmsr[VMX_LSTAR] = vmx_rdmsr(MSR_LSTAR);
	pc->sysmsr[VMX_CSTAR] = vmx_rdmsr(MSR_CSTAR);
	pc->sysmsr[VMX_SFMASK] = vmx_rdmsr(MSR_SYSCALL_MASK);
	if (vmx_caps.tsc_aux)
		pc->tsc_aux = vmx_rdmsr(MSR_TSC_AUX);
	if (vmx_caps.xss)
		pc->xss = vmx_rdmsr(MSR_IA32_XSS);
}

/* Set and lock FEATURE_CONTROL where the firmware left that to us. */
static bool firmware_allows(void)
{
	const u64 on = FEAT_CTL_LOCKED | FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX;
	u64 val = vmx_rdmsr(MSR_IA32_FEAT_CTL);

	if (!(val & FEAT_CTL_LOCKED))
		vmx_wrmsr(MSR_IA32_FEAT_CTL, val | on);
	return (vmx_rdmsr(MSR_IA32_FEAT_CTL) & on) == on;
}

static int vmxon(u64 pa)
{
	asm goto("1: vmxon %[pa]\n\t"
		 "jbe %l[failed]\n\t"
		 _ASM_EXTABLE(1b, %l[failed])
		 : : [pa] "m" (pa) : "cc", "memory" : failed);
	return 0;
failed:
	return -EIO;
}

static int vmx_cpu_enable(void)
{
	struct vmx_cpu *pc = this_cpu_ptr(&vmx_cpu);
	int err;

	if (vmx_cpu_in_use())
		return -EBUSY;
	if (!firmware_allows() || !vmx_caps_fit())
		return -EIO;
	compat_intel_pt_vmx(true);
	compat_vmxe(true);
	err = vmxon(__pa(pc->vmxon));
	if (err) {
		compat_vmxe(false);
		compat_intel_pt_vmx(false);
		return err;
	}
	record_host(pc);
	pc->on = true;
	return 0;
}

/* Also on the crash path, where nothing may be waited for. */
static void vmx_cpu_disable(void)
{
	struct vmx_cpu *pc = this_cpu_ptr(&vmx_cpu);

	if (!pc->on)
		return;
	pc->on = false;
	vmx_vmcs_clear_all(pc);
	asm volatile("vmxoff" : : : "cc", "memory");
	compat_vmxe(false);
	compat_intel_pt_vmx(false);
}

/* All that VMX has of a VM is in its vCPUs. */
static int vmx_vm_init(struct aerie_vm *vm)
{
	return 0;
}

static void vmx_vm_fini(struct aerie_vm *vm)
{
}

static void vmx_tsc_offset_set(struct aerie_vcpu *vcpu, u64 offset)
{
	vmx_write(TSC_OFFSET, offset);
}

static void vmx_pat_set(struct aerie_vcpu *vcpu, u64 pat)
{
	vmx_write(GUEST_IA32_PAT, pat);
}

struct aerie_backend aerie_vmx = {
	.name = "vmx",
	.kvm_module = "kvm_intel",
	.crash_must_leave = true,
	.vm_size = sizeof(struct aerie_vm),
	.vcpu_size = sizeof(struct vmx_vcpu),
	.pte_ops = &vmx_pte_ops,
	.probe = vmx_probe,
	.setup = vmx_setup,
	.teardown = vmx_teardown,
	.cpu_in_use = vmx_cpu_in_use,
	.cpu_enable = vmx_cpu_enable,
	.cpu_disable = vmx_cpu_disable,
	.vm_init = vmx_vm_init,
	.vm_fini = vmx_vm_fini,
	.vcpu_init = vmx_vcpu_init,
	.vcpu_fini = vmx_vcpu_fini,
	.vcpu_reset = vmx_vcpu_reset,
	.vcpu_load = vmx_vcpu_load,
	.vcpu_put = vmx_vcpu_put,
	.enter = vmx_enter,
	.cost = vmx_cost,
	.cache_reg = vmx_cache_reg,
	.seg_get = vmx_seg_get,
	.seg_set = vmx_seg_set,
	.cpl = vmx_cpl,
	.gdt_get = vmx_gdt_get,
	.gdt_set = vmx_gdt_set,
	.idt_get = vmx_idt_get,
	.idt_set = vmx_idt_set,
	.cr0_set = vmx_cr0_set,
	.cr3_set = vmx_cr3_set,
	.cr4_set = vmx_cr4_set,
	.efer_set = vmx_efer_set,
	.dr7_get = vmx_dr7_get,
	.dr7_set = vmx_dr7_set,
	.dr6_get = vmx_dr6_get,
	.dr6_set = vmx_dr6_set,
	.dr_intercept = vmx_dr_intercept,
	.tsc_offset_set = vmx_tsc_offset_set,
	.pat_set = vmx_pat_set,
	.msr_get = vmx_msr_get,
	.msr_set = vmx_msr_set,
	.inject = vmx_inject,
	.irq_ready = vmx_irq_ready,
	.nmi_ready = vmx_nmi_ready,
	.want_irq_window = vmx_want_irq_window,
	.want_nmi_window = vmx_want_nmi_window,
	.shadow_get = vmx_shadow_get,
	.shadow_set = vmx_shadow_set,
	.pend_single_step = vmx_pend_single_step,
	.cr8_set = vmx_cr8_set,
	.want_cr8_window = vmx_want_cr8_window,
	.apic_mode = vmx_apic_mode,
	.virtual_irq = vmx_virtual_irq,
	.flush_tlb = vmx_flush_tlb,
	.flush_gva = vmx_flush_gva,
	.dump = vmx_dump,
	.show_caps = vmx_show_caps,
	.reason_name = vmx_reason_name,
};
