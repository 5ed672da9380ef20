// SPDX-License-Identifier: GPL-2.0
/*
 * MSRs that guests access without an exit, and where their values are kept.
 *
 * The system-call MSRs stay in the processor while a vCPU is loaded: its thread
 * never returns to user mode, so the host has no use for its own meanwhile. FS
 * and GS base and the SYSENTER MSRs are switched by the VMCS; TSC_AUX and XSS,
 * which exit when written, only have to be there for RDTSCP and XSAVES. One bitmap serves
 * all guests, because what may pass is the same for all, and another one those whose
 * x2APIC the processor keeps.
 */
#include <linux/gfp.h>
#include <linux/string.h>
#include <asm/apicdef.h>
#include <asm/msr-index.h>

#include "backend.h"
#include "core/policy.h"
#include "vmx/vmx.h"

static u8 *msr_bitmap, *msr_bitmap_apicv;

static const u32 sysmsrs[VMX_NR_SYSMSRS] = {
	[VMX_STAR] = MSR_STAR,
	[VMX_LSTAR] = MSR_LSTAR,
	[VMX_CSTAR] = MSR_CSTAR,
	[VMX_SFMASK] = MSR_SYSCALL_MASK,
	[VMX_KERNEL_GS] = MSR_KERNEL_GS_BASE,
};

static int sysmsr_index(u32 msr)
{
	int i;

	for (i = 0; i < VMX_NR_SYSMSRS; i++)
		if (sysmsrs[i] == msr)
			return i;
	return -1;
}

/* The guest-state field of an MSR that entries and exits switch, or 0. */
static unsigned long msr_field(u32 msr)
{
	switch (msr) {
	case MSR_FS_BASE:
		return GUEST_FS_BASE;
	case MSR_GS_BASE:
		return GUEST_GS_BASE;
	case MSR_IA32_SYSENTER_CS:
		return GUEST_SYSENTER_CS;
	case MSR_IA32_SYSENTER_ESP:
		return GUEST_SYSENTER_ESP;
	case MSR_IA32_SYSENTER_EIP:
		return GUEST_SYSENTER_EIP;
	case MSR_IA32_DEBUGCTLMSR:
		return GUEST_IA32_DEBUGCTL;
	}
	return 0;
}

/* SDM, MSR-Bitmap Address: reads of low and high MSRs, then writes of them. */
static void bitmap_pass_read(u8 *bitmap, u32 msr)
{
	u32 bit = msr & 0x1fff;

	bitmap[(msr >= 0xc0000000 ? 0x400 : 0) + bit / 8] &= ~BIT(bit % 8);
}

static void bitmap_pass_write(u8 *bitmap, u32 msr)
{
	bitmap_pass_read(bitmap + 0x800, msr);
}

/*
 * What the processor does with the virtual-APIC page alone: reads of what that page
 * holds, the task priority, and EOI. The ICR is two registers in the page and one MSR,
 * the timer's count is in no memory; reserved registers would be read as well.
 */
static void bitmap_pass_x2apic(u8 *bitmap)
{
	static const struct {
		u16 first, last;
	} reads[] = {
		{ APIC_ID, APIC_LVR }, { APIC_TASKPRI, APIC_TASKPRI },
		{ APIC_PROCPRI, APIC_PROCPRI }, { APIC_LDR, APIC_LDR },
		{ APIC_SPIV, APIC_ESR }, { APIC_LVTT, APIC_TMICT }, { APIC_TDCR, APIC_TDCR },
	};
	unsigned int i, reg;

	for (i = 0; i < ARRAY_SIZE(reads); i++)
		for (reg = reads[i].first; reg <= reads[i].last; reg += 0x10)
			bitmap_pass_read(bitmap, APIC_BASE_MSR + (reg >> 4));
	bitmap_pass_write(bitmap, APIC_BASE_MSR + (APIC_TASKPRI >> 4));
	bitmap_pass_write(bitmap, APIC_BASE_MSR + (APIC_EOI >> 4));
}

int vmx_msr_setup(void)
{
	const u32 *msr;

	msr_bitmap = (u8 *)__get_free_page(GFP_KERNEL);
	msr_bitmap_apicv = (u8 *)__get_free_page(GFP_KERNEL);
	if (!msr_bitmap || !msr_bitmap_apicv)
		return -ENOMEM;		/* the caller tears down what there is */
	memset(msr_bitmap, 0xff, PAGE_SIZE);
	for (msr = aerie_msr_passthrough; *msr; msr++) {
		if (!msr_field(*msr) && sysmsr_index(*msr) < 0)
			continue;
		bitmap_pass_read(msr_bitmap, *msr);
		bitmap_pass_write(msr_bitmap, *msr);
	}
	memcpy(msr_bitmap_apicv, msr_bitmap, PAGE_SIZE);
	bitmap_pass_x2apic(msr_bitmap_apicv);
	return 0;
}

void vmx_msr_teardown(void)
{
	free_page((unsigned long)msr_bitmap);
	free_page((unsigned long)msr_bitmap_apicv);
	msr_bitmap = msr_bitmap_apicv = NULL;
}

hpa_t vmx_msr_bitmap(bool apicv)
{
	return __pa(apicv ? msr_bitmap_apicv : msr_bitmap);
}

int vmx_msr_get(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	unsigned long field = msr_field(msr);

	if (field)
		*val = vmx_read(field);
	else if (sysmsr_index(msr) >= 0)
		*val = vmx_rdmsr(msr);
	else if (msr == MSR_TSC_AUX)
		*val = vcpu->tsc_aux;
	else
		return -ENOENT;
	return 0;
}

/* What neither an entry nor WRMSR takes must not get there, whoever checked before. */
static bool msr_legal(u32 msr, u64 val)
{
	unsigned int unused = 64 - boot_cpu_data.x86_virt_bits;

	switch (msr) {
	case MSR_STAR:
		return true;
	case MSR_SYSCALL_MASK:
	case MSR_TSC_AUX:
	case MSR_IA32_SYSENTER_CS:
		return val == (u32)val;
	case MSR_IA32_DEBUGCTLMSR:
		return !(val & ~(u64)DEBUGCTLMSR_BTF);
	}
	return (s64)(val << unused) >> unused == (s64)val;
}

int vmx_msr_set(struct aerie_vcpu *vcpu, u32 msr, u64 val)
{
	unsigned long field = msr_field(msr);

	if (!field && sysmsr_index(msr) < 0 && msr != MSR_TSC_AUX)
		return -ENOENT;
	if (!msr_legal(msr, val))
		return -EINVAL;
	if (field)
		vmx_write(field, val);
	else if (msr != MSR_TSC_AUX || vmx_caps.tsc_aux)
		vmx_wrmsr(msr, val);
	return 0;
}

void vmx_sysmsr_load(struct vmx_vcpu *vmx, const struct vmx_cpu *pc)
{
	int i;

	vmx->host_kernel_gs = vmx_rdmsr(MSR_KERNEL_GS_BASE);
	for (i = 0; i < VMX_KERNEL_GS; i++)
		if (vmx->sysmsr[i] != pc->sysmsr[i])
			vmx_wrmsr(sysmsrs[i], vmx->sysmsr[i]);
	if (vmx->sysmsr[VMX_KERNEL_GS] != vmx->host_kernel_gs)
		vmx_wrmsr(MSR_KERNEL_GS_BASE, vmx->sysmsr[VMX_KERNEL_GS]);
	if (vmx_caps.tsc_aux && vmx->vcpu.tsc_aux != pc->tsc_aux)
		vmx_wrmsr(MSR_TSC_AUX, vmx->vcpu.tsc_aux);
	/* The guest's XSAVES must not see supervisor state that the host has. */
	if (vmx_caps.xss && vmx->vcpu.xss != pc->xss)
		vmx_wrmsr(MSR_IA32_XSS, vmx->vcpu.xss);
}

void vmx_sysmsr_put(struct vmx_vcpu *vmx, const struct vmx_cpu *pc)
{
	u64 host;
	int i;

	for (i = 0; i < VMX_NR_SYSMSRS; i++) {
		host = i == VMX_KERNEL_GS ? vmx->host_kernel_gs : pc->sysmsr[i];
		vmx->sysmsr[i] = vmx_rdmsr(sysmsrs[i]);
		if (vmx->sysmsr[i] != host)
			vmx_wrmsr(sysmsrs[i], host);
	}
	if (vmx_caps.tsc_aux && vmx->vcpu.tsc_aux != pc->tsc_aux)
		vmx_wrmsr(MSR_TSC_AUX, pc->tsc_aux);
	if (vmx_caps.xss && vmx->vcpu.xss != pc->xss)
		vmx_wrmsr(MSR_IA32_XSS, pc->xss);
}
