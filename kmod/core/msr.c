// SPDX-License-Identifier: GPL-2.0
/*
 * MSR policy: which model-specific registers a guest has and what they do.
 *
 * One table, sorted by number, says it all: a range of registers, what the
 * guest's processor must have for them to exist (a CPUID feature, a vendor), and
 * a handler for each direction; a missing one is #GP, as is a register without a
 * row. Registers that only describe hardware a guest does not have read as if
 * it were switched off, where stock systems read them without asking CPUID first.
 *
 * Performance counters, VMX, SVM, speculation control beyond the indirect branch
 * barrier, machine-check banks, thermal and power control have no rows: the CPUID
 * leaves offer none of them.
 */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/nospec.h>
#include <asm/cpufeatures.h>
#include <asm/kvm_para.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "backend.h"
#include "core/host.h"
#include "core/policy.h"
#include "dev/lapic.h"

#define VENDOR_ANY	0
#define VENDOR_INTEL	1	/* and those that follow it */
#define VENDOR_AMD	2	/* and Hygon */

#define ALWAYS		X86_FEATURE_FPU	/* the feature every guest has */

#define MTRR_TYPE_WB	6
#define MTRR_CAP	(AERIE_MTRR_VAR | BIT(8) | BIT(10))	/* fixed ranges, WC */
#define MTRR_FE		BIT(10)
#define MTRR_E		BIT(11)
#define MTRR_PHYS_V	BIT(11)
#define PAT_RESET	0x0007040600070406ull

#define HWCR_TSC_FREQ_SEL	BIT_ULL(24)	/* the TSC counts at the P0 rate */
/* TlbCacheDis, FFDIS, IgnneEm, McStatusWrEn: asked for by systems, without effect. */
#define HWCR_IGNORED		(BIT_ULL(3) | BIT_ULL(6) | BIT_ULL(8) | BIT_ULL(18))

#define MISC_ENABLE_RESET	(MSR_IA32_MISC_ENABLE_FAST_STRING |	\
				 MSR_IA32_MISC_ENABLE_BTS_UNAVAIL |	\
				 MSR_IA32_MISC_ENABLE_PEBS_UNAVAIL)

#define VM_CR_SVM_OFF		(BIT_ULL(4) | BIT_ULL(3))	/* SVMDIS, LOCK */

/* OSVW: this many errata are known about, and the guest has to work around none. */
#define OSVW_KNOWN		4

/* ARCH_CAPABILITIES that say of a flaw that it is absent, or how VERW behaves. */
#define ARCH_CAPS							\
	(ARCH_CAP_RDCL_NO | ARCH_CAP_RSBA | ARCH_CAP_SKIP_VMENTRY_L1DFLUSH |	\
	 ARCH_CAP_SSB_NO | ARCH_CAP_MDS_NO | ARCH_CAP_PSCHANGE_MC_NO |	\
	 ARCH_CAP_TAA_NO | ARCH_CAP_SBDR_SSDP_NO | ARCH_CAP_FBSDP_NO |	\
	 ARCH_CAP_PSDP_NO | ARCH_CAP_FB_CLEAR | ARCH_CAP_RRSBA |		\
	 ARCH_CAP_BHI_NO | ARCH_CAP_PBRSB_NO | ARCH_CAP_GDS_NO |	\
	 ARCH_CAP_RFDS_NO | ARCH_CAP_RFDS_CLEAR | ARCH_CAP_ITS_NO)

const u32 aerie_msr_passthrough[] = {
	MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
	MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SYSCALL_MASK,
	MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
	0
};

/* Handlers: 0, or 1 for #GP(0). */

static int zero_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	*val = 0;
	return 0;
}

static int any_write(struct aerie_vcpu *vcpu, u32 msr, u64 val)
{
	return 0;
}

static int zero_write(struct aerie_vcpu *vcpu, u32 msr, u64 val)
{
	return val ? 1 : 0;
}

/* In the control block or the processor */

static int hw_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	return aerie_backend->msr_get(vcpu, msr, val) ? 1 : 0;
}

static int hw_write(struct aerie_vcpu *vcpu, u32 msr, u64 val)
{
	return aerie_backend->msr_set(vcpu, msr, val) ? 1 : 0;
}

/* Registers that hold linear addresses take canonical ones only. */
static int address_write(struct aerie_vcpu *vcpu, u32 msr, u64 val)
{
	unsigned int bits = aerie_guest_has(vcpu->vm, X86_FEATURE_LA57) ? 57 : 48;

	if ((u64)sign_extend64(val, bits - 1) != val)
		return 1;
	return hw_write(vcpu, msr, val);
}

static int debugctl_write(struct aerie_vcpu *vcpu, u32 msr, u64 val)
{
	if (val & ~(u64)(DEBUGCTLMSR_LBR | DEBUGCTLMSR_BTF))
		return 1;
	/* Last branch recording may be asked for; there are no records. */
	return hw_write(vcpu, msr, val & DEBUGCTLMSR_BTF);
}

static int tsc_aux_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	*val = vcpu->tsc_aux;
	return 0;
}

static int tsc_aux_write(struct aerie_vcpu *vcpu, u32 msr, u64 val)
{
	if (val >> 32)
		return 1;
	vcpu->tsc_aux = val;
	return hw_write(vcpu, msr, val);
}

static int efer_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	*val = vcpu->efer;
	return 0;
}

static int efer_write(struct aerie_vcpu *vcpu, u32 msr, u64 val)
{
	return aerie_efer_write(vcpu, val);
}

/* Memory types: the nested table decides; what a guest sets in MTRRs is kept for it. */

static bool mtrr_type_valid(u8 type)
{
	return type < 8 && BIT(type) & 0x73;	/* UC, WC, WT, WP, WB */
}

static bool mtrr_types_valid(u64 types)
{
	for (; types; types >>= 8)
		if (!mtrr_type_valid(types & 0xff))
			return false;
	return true;
}

static int pat_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	*val = vcpu->pat;
	return 0;
}

static int pat_write(struct aerie_vcpu *vcpu, u32 msr, u64 val)
{
	unsigned int i;

	for (i = 0; i < 64; i += 8) {
		u8 type = val >> i;

		if (type != 7 && !mtrr_type_valid(type))	/* 7 is UC- */
			return 1;
	}
	vcpu->pat = val;
	aerie_backend->pat_set(vcpu, val);
	return 0;
}

static int mtrr_cap_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	*val = MTRR_CAP;
	return 0;
}

static int mtrr_def_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	*val = vcpu->msrs.mtrr_def_type;
	return 0;
}

static int mtrr_def_write(struct aerie_vcpu *vcpu, u32 msr, u64 val)
{
	if (val & ~(0xffull | MTRR_FE | MTRR_E) || !mtrr_type_valid(val & 0xff))
		return 1;
	vcpu->msrs.mtrr_def_type = val;
	return 0;
}

static u64 *mtrr_fixed(struct aerie_vcpu *vcpu, u32 msr)
{
	unsigned int i;

	if (msr == MSR_MTRRfix64K_00000)
		i = 0;
	else if (msr <= MSR_MTRRfix16K_A0000)
		i = 1 + msr - MSR_MTRRfix16K_80000;
	else
		i = 3 + msr - MSR_MTRRfix4K_C0000;
	return &vcpu->msrs.mtrr_fixed[array_index_nospec(i, AERIE_MTRR_FIXED)];
}

static int mtrr_fixed_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	*val = *mtrr_fixed(vcpu, msr);
	return 0;
}

static int mtrr_fixed_write(struct aerie_vcpu *vcpu, u32 msr, u64 val)
{
	if (!mtrr_types_valid(val))
		return 1;
	*mtrr_fixed(vcpu, msr) = val;
	return 0;
}

#define MSR_MTRR_VAR0	0x200u	/* IA32_MTRR_PHYSBASE0, then the mask, and so on */

static u64 *mtrr_var(struct aerie_vcpu *vcpu, u32 msr)
{
	return &vcpu->msrs.mtrr_var[array_index_nospec(msr - MSR_MTRR_VAR0, AERIE_MTRR_VAR * 2)];
}

static int mtrr_var_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	*val = *mtrr_var(vcpu, msr);
	return 0;
}

static int mtrr_var_write(struct aerie_vcpu *vcpu, u32 msr, u64 val)
{
	bool mask = msr & 1;
	u64 low = mask ? MTRR_PHYS_V : 0xff;
	u64 addr = GENMASK_ULL(aerie_guest_phys_bits(vcpu->vm) - 1, 12);

	if (val & ~(low | addr) || (!mask && !mtrr_type_valid(val & 0xff)))
		return 1;
	*mtrr_var(vcpu, msr) = val;
	return 0;
}

/* What the processor is */

static int arch_caps_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	*val = aerie_host_arch_capabilities() & ARCH_CAPS;
	return 0;
}

static int pred_cmd_write(struct aerie_vcpu *vcpu, u32 msr, u64 val)
{
	if (val & ~(u64)PRED_CMD_IBPB)
		return 1;
	if (val)
		aerie_host_ibpb();
	return 0;
}

/* Intel has the revision in the upper half, AMD in the lower. */
static int microcode_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	*val = aerie_host_microcode();
	if (!aerie_guest_is_amd(vcpu->vm))
		*val <<= 32;
	return 0;
}

static int apic_base_write(struct aerie_vcpu *vcpu, u32 msr, u64 val)
{
	int err = aerie_lapic_msr_write(vcpu, msr, val);

	if (!err && aerie_backend->apic_mode)
		aerie_backend->apic_mode(vcpu);
	return err;
}

/* Locked with nothing on: no VMX, no SGX. */
static int feat_ctl_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	*val = FEAT_CTL_LOCKED;
	return 0;
}

static int misc_enable_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	*val = vcpu->misc_enable;
	return 0;
}

/* Only the fast string bit can be changed; the others say what there is not. */
static int misc_enable_write(struct aerie_vcpu *vcpu, u32 msr, u64 val)
{
	vcpu->misc_enable = (val & MSR_IA32_MISC_ENABLE_FAST_STRING) |
			    (MISC_ENABLE_RESET & ~MSR_IA32_MISC_ENABLE_FAST_STRING);
	return 0;
}

static int mcg_status_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	*val = vcpu->msrs.mcg_status;
	return 0;
}

static int mcg_status_write(struct aerie_vcpu *vcpu, u32 msr, u64 val)
{
	if (val & ~7ull)	/* RIPV, EIPV, MCIP */
		return 1;
	vcpu->msrs.mcg_status = val;
	return 0;
}

static int hwcr_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	*val = vcpu->msrs.hwcr;
	return 0;
}

static int hwcr_write(struct aerie_vcpu *vcpu, u32 msr, u64 val)
{
	val &= ~HWCR_IGNORED;
	if (val & ~HWCR_TSC_FREQ_SEL)
		return 1;
	vcpu->msrs.hwcr = val;
	return 0;
}

/* Where memory ends, below and above 4 GiB. */
static int top_mem_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	const struct aerie_mem *mem = &vcpu->vm->mem;
	bool high = msr == MSR_K8_TOP_MEM2;
	unsigned int i;

	*val = 0;
	for (i = 0; i < mem->nr_ram; i++)
		if ((mem->ram[i].start >= AERIE_PCI_HOLE_END) == high)
			*val = mem->ram[i].end;
	return 0;
}

static int vm_cr_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	*val = VM_CR_SVM_OFF;
	return 0;
}

static int osvw_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	*val = msr == MSR_AMD64_OSVW_ID_LENGTH ? OSVW_KNOWN : 0;
	return 0;
}

static int de_cfg_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	*val = aerie_host_lfence_serializes() ? MSR_AMD64_DE_CFG_LFENCE_SERIALIZE : 0;
	return 0;
}

static int de_cfg_write(struct aerie_vcpu *vcpu, u32 msr, u64 val)
{
	return val & ~MSR_AMD64_DE_CFG_LFENCE_SERIALIZE ? 1 : 0;
}

struct msr_row {
	u32 first, last;
	u16 feature;
	u8 vendor;
	int (*read)(struct aerie_vcpu *vcpu, u32 msr, u64 *val);
	int (*write)(struct aerie_vcpu *vcpu, u32 msr, u64 val);
};

#define ROW(msr, feature, vendor, read, write) \
	{ msr, msr, feature, VENDOR_##vendor, read, write }
#define ROWS(first, last, feature, vendor, read, write) \
	{ first, last, feature, VENDOR_##vendor, read, write }

static const struct msr_row msr_table[] = {
	{},	/* of no register */
	ROW(MSR_IA32_TSC, ALWAYS, ANY, aerie_tsc_msr_read, aerie_tsc_msr_write),
	ROWS(MSR_KVM_WALL_CLOCK, MSR_KVM_SYSTEM_TIME, ALWAYS, ANY,
	     aerie_clock_msr_read, aerie_clock_msr_write),
	ROW(MSR_IA32_PLATFORM_ID, ALWAYS, INTEL, zero_read, NULL),
	ROW(MSR_IA32_APICBASE, ALWAYS, ANY, aerie_lapic_msr_read, apic_base_write),
	ROW(MSR_IA32_FEAT_CTL, ALWAYS, INTEL, feat_ctl_read, NULL),
	ROW(MSR_IA32_TSC_ADJUST, X86_FEATURE_TSC_ADJUST, ANY, aerie_tsc_msr_read, aerie_tsc_msr_write),
	ROW(MSR_IA32_PRED_CMD, X86_FEATURE_AMD_IBPB, ANY, NULL, pred_cmd_write),
	ROW(MSR_IA32_UCODE_WRITE, ALWAYS, INTEL, NULL, any_write),
	/* A write starts the protocol by which Intel's is read. */
	ROW(MSR_IA32_UCODE_REV, ALWAYS, ANY, microcode_read, any_write),
	ROW(MSR_PLATFORM_INFO, ALWAYS, INTEL, zero_read, NULL),
	ROW(MSR_MTRRcap, X86_FEATURE_MTRR, ANY, mtrr_cap_read, NULL),
	ROW(MSR_IA32_ARCH_CAPABILITIES, X86_FEATURE_ARCH_CAPABILITIES, ANY,
	    arch_caps_read, NULL),
	ROW(MSR_IA32_SYSENTER_CS, X86_FEATURE_SEP, ANY, hw_read, hw_write),
	ROWS(MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP, X86_FEATURE_SEP, ANY,
	     hw_read, address_write),
	ROW(MSR_IA32_MCG_CAP, X86_FEATURE_MCA, ANY, zero_read, NULL),
	ROW(MSR_IA32_MCG_STATUS, X86_FEATURE_MCA, ANY, mcg_status_read, mcg_status_write),
	ROW(MSR_IA32_MISC_ENABLE, ALWAYS, INTEL, misc_enable_read, misc_enable_write),
	ROW(MSR_IA32_DEBUGCTLMSR, ALWAYS, ANY, hw_read, debugctl_write),
	ROWS(MSR_MTRR_VAR0, MSR_MTRR_VAR0 + AERIE_MTRR_VAR * 2 - 1, X86_FEATURE_MTRR, ANY,
	     mtrr_var_read, mtrr_var_write),
	ROW(MSR_MTRRfix64K_00000, X86_FEATURE_MTRR, ANY, mtrr_fixed_read, mtrr_fixed_write),
	ROWS(MSR_MTRRfix16K_80000, MSR_MTRRfix16K_A0000, X86_FEATURE_MTRR, ANY,
	     mtrr_fixed_read, mtrr_fixed_write),
	ROWS(MSR_MTRRfix4K_C0000, MSR_MTRRfix4K_F8000, X86_FEATURE_MTRR, ANY,
	     mtrr_fixed_read, mtrr_fixed_write),
	ROW(MSR_IA32_CR_PAT, X86_FEATURE_PAT, ANY, pat_read, pat_write),
	ROW(MSR_MTRRdefType, X86_FEATURE_MTRR, ANY, mtrr_def_read, mtrr_def_write),
	ROW(MSR_IA32_TSC_DEADLINE, ALWAYS, ANY, aerie_lapic_msr_read, aerie_lapic_msr_write),
	ROWS(0x800, 0x8ff, ALWAYS, ANY, aerie_lapic_msr_read, aerie_lapic_msr_write),
	/* No supervisor state component is offered. */
	ROW(MSR_IA32_XSS, X86_FEATURE_XSAVES, ANY, zero_read, zero_write),
	ROWS(MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_SYSTEM_TIME_NEW, ALWAYS, ANY,
	     aerie_clock_msr_read, aerie_clock_msr_write),
	ROWS(MSR_KVM_STEAL_TIME, MSR_KVM_PV_EOI_EN, ALWAYS, ANY,
	     aerie_pv_msr_read, aerie_pv_msr_write),
	ROW(MSR_KVM_POLL_CONTROL, ALWAYS, ANY, aerie_pv_msr_read, aerie_pv_msr_write),
	ROW(MSR_EFER, ALWAYS, ANY, efer_read, efer_write),
	ROW(MSR_STAR, ALWAYS, ANY, hw_read, hw_write),
	ROWS(MSR_LSTAR, MSR_CSTAR, ALWAYS, ANY, hw_read, address_write),
	ROW(MSR_SYSCALL_MASK, ALWAYS, ANY, hw_read, hw_write),
	ROWS(MSR_FS_BASE, MSR_KERNEL_GS_BASE, ALWAYS, ANY, hw_read, address_write),
	ROW(MSR_TSC_AUX, X86_FEATURE_RDTSCP, ANY, tsc_aux_read, tsc_aux_write),
	ROW(MSR_AMD64_SYSCFG, ALWAYS, AMD, zero_read, any_write),
	ROW(MSR_K7_HWCR, ALWAYS, AMD, hwcr_read, hwcr_write),
	ROW(MSR_K8_TOP_MEM1, ALWAYS, AMD, top_mem_read, any_write),
	ROW(MSR_K8_TOP_MEM2, ALWAYS, AMD, top_mem_read, any_write),
	ROW(MSR_AMD64_NB_CFG, ALWAYS, AMD, zero_read, any_write),
	ROW(MSR_AMD64_PATCH_LOADER, ALWAYS, AMD, NULL, any_write),
	ROW(MSR_K8_INT_PENDING_MSG, ALWAYS, AMD, zero_read, any_write),
	ROW(MSR_FAM10H_MMIO_CONF_BASE, ALWAYS, AMD, zero_read, zero_write),
	ROW(MSR_VM_CR, ALWAYS, AMD, vm_cr_read, any_write),
	ROWS(MSR_AMD64_OSVW_ID_LENGTH, MSR_AMD64_OSVW_STATUS, X86_FEATURE_OSVW, AMD,
	     osvw_read, NULL),
	ROW(MSR_AMD64_DC_CFG, ALWAYS, AMD, zero_read, any_write),
	ROW(MSR_AMD64_DE_CFG, ALWAYS, AMD, de_cfg_read, de_cfg_write),
	ROW(MSR_AMD64_BU_CFG2, ALWAYS, AMD, zero_read, any_write),
};

/* The row of @msr by number, or 0. */
static unsigned int msr_search(u32 msr)
{
	unsigned int low = 1, high = ARRAY_SIZE(msr_table);

	while (low < high) {
		unsigned int mid = (low + high) / 2;
		const struct msr_row *row = &msr_table[mid];

		if (msr < row->first)
			high = mid;
		else if (msr > row->last)
			low = mid + 1;
		else
			return mid;
	}
	return 0;
}

/* What the search finds for registers below MSR_LOW, where the local APIC's are. */
#define MSR_LOW		0x900u

static u8 msr_low[MSR_LOW] __ro_after_init;

static_assert(ARRAY_SIZE(msr_table) <= 64, "vm->msr_rows is a word");

void __init aerie_msr_init(void)
{
	u32 msr;

	for (msr = 0; msr < MSR_LOW; msr++)
		msr_low[msr] = msr_search(msr);
}

void aerie_msr_create(struct aerie_vm *vm)
{
	u8 vendor = aerie_guest_is_amd(vm) ? VENDOR_AMD : VENDOR_INTEL;
	unsigned int i;

	vm->msr_rows = 0;
	for (i = 1; i < ARRAY_SIZE(msr_table); i++) {
		const struct msr_row *row = &msr_table[i];

		if ((!row->vendor || row->vendor == vendor) &&
		    (row->feature == ALWAYS || aerie_guest_has(vm, row->feature)))
			vm->msr_rows |= BIT_ULL(i);
	}
}

/* Row @n if the guest's processor has it, else row 0. */
static __always_inline const struct msr_row *msr_row(struct aerie_vm *vm, unsigned int n)
{
	return &msr_table[vm->msr_rows & BIT_ULL(n) ? n : 0];
}

static noinline int msr_high_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	const struct msr_row *row = msr_row(vcpu->vm, msr_search(msr));

	return row->read ? row->read(vcpu, msr, val) : 1;
}

static noinline int msr_high_write(struct aerie_vcpu *vcpu, u32 msr, u64 val)
{
	const struct msr_row *row = msr_row(vcpu->vm, msr_search(msr));

	return row->write ? row->write(vcpu, msr, val) : 1;
}

/* These two end in a jump to the handler and have nothing to save. */

int aerie_msr_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	const struct msr_row *row;

	if (msr >= MSR_LOW)
		return msr_high_read(vcpu, msr, val);
	row = msr_row(vcpu->vm, msr_low[array_index_nospec(msr, MSR_LOW)]);
	return row->read ? row->read(vcpu, msr, val) : 1;
}

int aerie_msr_write(struct aerie_vcpu *vcpu, u32 msr, u64 val)
{
	const struct msr_row *row;

	if (msr >= MSR_LOW)
		return msr_high_write(vcpu, msr, val);
	row = msr_row(vcpu->vm, msr_low[array_index_nospec(msr, MSR_LOW)]);
	return row->write ? row->write(vcpu, msr, val) : 1;
}

/* Power-on alone: INIT keeps MSRs (SDM, Processor State After Reset). */
void aerie_msr_reset(struct aerie_vcpu *vcpu)
{
	const u32 *msr;

	vcpu->msrs = (struct aerie_msrs) {
		/* What firmware leaves: all memory is write-back. */
		.mtrr_def_type = MTRR_E | MTRR_TYPE_WB,
		.hwcr = HWCR_TSC_FREQ_SEL,
	};
	vcpu->misc_enable = MISC_ENABLE_RESET;
	vcpu->xss = 0;
	vcpu->pat = PAT_RESET;
	aerie_backend->pat_set(vcpu, PAT_RESET);
	tsc_aux_write(vcpu, MSR_TSC_AUX, 0);
	for (msr = aerie_msr_passthrough; *msr; msr++)
		hw_write(vcpu, *msr, 0);
	debugctl_write(vcpu, MSR_IA32_DEBUGCTLMSR, 0);
}
