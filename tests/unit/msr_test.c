// SPDX-License-Identifier: GPL-2.0
/* MSR policy: what there is, what may be written, what stock systems touch. */
// sources: kmod/core/msr.c
#include <asm/cpufeatures.h>
#include <asm/kvm_para.h>
#include <asm/msr-index.h>
#include "backend.h"
#include "core/host.h"
#include "core/policy.h"
#include "dev/lapic.h"
#include "ktap.h"

static struct aerie_vm vm;
static struct aerie_vcpu vcpu;
static bool amd, lfence;
static u64 features[2];		/* features that are not there: two at most */
static u32 hw_msr, time_msr, lapic_msr;
static u64 hw_val, hw_pat;
static u32 zeroed[16];		/* written 0, in order */
static unsigned int nr_zeroed;
static unsigned int barriers;
static u64 arch_caps;

static int msr_get(struct aerie_vcpu *v, u32 msr, u64 *val)
{
	hw_msr = msr;
	*val = hw_val;
	return 0;
}

static int msr_set(struct aerie_vcpu *v, u32 msr, u64 val)
{
	hw_msr = msr;
	hw_val = val;
	if (!val && nr_zeroed < ARRAY_SIZE(zeroed))
		zeroed[nr_zeroed++] = msr;
	return 0;
}

static void pat_set(struct aerie_vcpu *v, u64 pat) { hw_pat = pat; }

static const struct aerie_backend fake = {
	.msr_get = msr_get, .msr_set = msr_set, .pat_set = pat_set,
};
const struct aerie_backend *aerie_backend = &fake;

bool aerie_guest_has(struct aerie_vm *v, unsigned int feature)
{
	return feature != features[0] && feature != features[1];
}

bool aerie_guest_is_amd(struct aerie_vm *v) { return amd; }
u32 aerie_guest_phys_bits(struct aerie_vm *v) { return 40; }
int aerie_efer_write(struct aerie_vcpu *v, u64 val) { v->efer = val; return val == 666; }
u64 aerie_host_arch_capabilities(void) { return arch_caps; }
bool aerie_host_lfence_serializes(void) { return lfence; }
u32 aerie_host_microcode(void) { return 0xb4; }
void aerie_host_ibpb(void) { barriers++; }
static u32 pv_msr;
int aerie_pv_msr_read(struct aerie_vcpu *v, u32 msr, u64 *val) { pv_msr = msr; *val = 5; return 0; }
int aerie_pv_msr_write(struct aerie_vcpu *v, u32 msr, u64 val) { pv_msr = msr; return val != 5; }
int aerie_tsc_msr_read(struct aerie_vcpu *v, u32 msr, u64 *val)
{
	time_msr = msr;
	*val = 7;
	return 0;
}

int aerie_tsc_msr_write(struct aerie_vcpu *v, u32 msr, u64 val)
{
	time_msr = msr;
	return 0;
}

int aerie_clock_msr_read(struct aerie_vcpu *v, u32 msr, u64 *val)
{
	return aerie_tsc_msr_read(v, msr, val);
}

int aerie_clock_msr_write(struct aerie_vcpu *v, u32 msr, u64 val)
{
	return aerie_tsc_msr_write(v, msr, val);
}

int aerie_lapic_msr_read(struct aerie_vcpu *v, u32 msr, u64 *val)
{
	lapic_msr = msr;
	*val = 8;
	return msr == 0x801;
}

int aerie_lapic_msr_write(struct aerie_vcpu *v, u32 msr, u64 val)
{
	lapic_msr = msr;
	return 0;
}

/* These two features the guest's processor has not. */
static void without(u64 one, u64 other)
{
	features[0] = one;
	features[1] = other;
	aerie_msr_create(&vm);
}

static void cpu(bool is_amd)
{
	memset(&vm, 0, sizeof(vm));
	memset(&vcpu, 0, sizeof(vcpu));
	vcpu.vm = &vm;
	amd = is_amd;
	lfence = true;
	without(~0ull, ~0ull);
	arch_caps = 0;
	barriers = 0;
	aerie_msr_reset(&vcpu);
	hw_val = 0;
}

#define GP	0xdeadull

__attribute__((constructor)) static void init(void)
{
	aerie_msr_init();
}

static u64 rd(u32 msr)
{
	u64 val = ~0ull;

	return aerie_msr_read(&vcpu, msr, &val) ? GP : val;
}

static int wr(u32 msr, u64 val)
{
	return aerie_msr_write(&vcpu, msr, val);
}

/* What Linux reads at boot without a fix-up for #GP. */
TEST(stock_linux_reads)
{
	static const u32 any[] = {
		MSR_IA32_TSC, MSR_IA32_APICBASE, MSR_MTRRcap, MSR_IA32_SYSENTER_CS,
		MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP, MSR_IA32_MCG_CAP,
		MSR_IA32_CR_PAT, MSR_MTRRdefType, 0x200, 0x201, 0x20e, 0x20f,
		MSR_MTRRfix64K_00000, MSR_MTRRfix16K_80000, MSR_MTRRfix16K_A0000,
		MSR_MTRRfix4K_C0000, MSR_MTRRfix4K_F8000, MSR_IA32_DEBUGCTLMSR,
		MSR_IA32_TSC_DEADLINE, MSR_IA32_TSC_ADJUST, MSR_EFER, MSR_STAR, MSR_LSTAR,
		MSR_CSTAR, MSR_SYSCALL_MASK, MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
		MSR_TSC_AUX, MSR_IA32_UCODE_REV, MSR_KVM_SYSTEM_TIME_NEW, 0x802, 0x830,
	};
	static const u32 intel[] = {
		MSR_IA32_PLATFORM_ID, MSR_IA32_FEAT_CTL, MSR_IA32_MISC_ENABLE, MSR_PLATFORM_INFO,
	};
	static const u32 amds[] = {
		MSR_K7_HWCR, MSR_AMD64_SYSCFG, MSR_K8_TOP_MEM1, MSR_K8_TOP_MEM2, MSR_AMD64_NB_CFG,
		MSR_K8_INT_PENDING_MSG, MSR_FAM10H_MMIO_CONF_BASE, MSR_VM_CR,
		MSR_AMD64_OSVW_ID_LENGTH, MSR_AMD64_OSVW_STATUS, MSR_AMD64_DE_CFG,
		MSR_AMD64_DC_CFG, MSR_AMD64_BU_CFG2,
	};
	unsigned int i, a;

	for (a = 0; a < 2; a++) {
		cpu(a);
		for (i = 0; i < ARRAY_SIZE(any); i++)
			EXPECT(rd(any[i]) != GP);
		for (i = 0; i < ARRAY_SIZE(intel); i++)
			EXPECT_EQ(rd(intel[i]) != GP, !a);
		for (i = 0; i < ARRAY_SIZE(amds); i++)
			EXPECT_EQ(rd(amds[i]) != GP, a);
	}
}

TEST(absent)
{
	static const u32 none[] = {
		0, 1, 0x13, 0x48, 0xc1, 0xc2, 0xcf, 0xe1, 0xe7, 0xe8, 0x10b, 0x122, 0x123, 0x140,
		0x17b, 0x186, 0x19a, 0x19c, 0x1c9, 0x210, 0x251, 0x257, 0x25a, 0x270, 0x278, 0x280,
		0x2fe, 0x300, 0x309, 0x345, 0x38f, 0x400, 0x403, 0x47f, 0x480, 0x48d, 0x560, 0x606,
		0x6df, 0x6e1, 0x7ff, 0x900, 0xd90, 0xda1, 0x40000000, 0x4b564d02, 0x4b564d06,
		0xbfffffff, 0xc0000085, 0xc00000ff, 0xc0000104, 0xc0010000, 0xc0010004,
		0xc0010117, 0xc001011f, 0xc0011020, 0xc0011021, 0xc0011030, 0xffffffff,
	};
	unsigned int i, a;

	for (a = 0; a < 2; a++) {
		cpu(a);
		for (i = 0; i < ARRAY_SIZE(none); i++) {
			EXPECT_EQ(rd(none[i]), GP);
			EXPECT_EQ(wr(none[i], 0), 1);
		}
	}
}

TEST(read_only_and_write_only)
{
	cpu(false);
	EXPECT_EQ(wr(MSR_MTRRcap, 0), 1);
	EXPECT_EQ(wr(MSR_IA32_PLATFORM_ID, 0), 1);
	EXPECT_EQ(wr(MSR_IA32_FEAT_CTL, 5), 1);
	EXPECT_EQ(rd(MSR_IA32_FEAT_CTL), 1);
	EXPECT_EQ(wr(MSR_IA32_ARCH_CAPABILITIES, 0), 1);
	EXPECT_EQ(wr(MSR_IA32_MCG_CAP, 0), 1);
	EXPECT_EQ(rd(MSR_IA32_MCG_CAP), 0);
	EXPECT_EQ(rd(MSR_IA32_PRED_CMD), GP);
	EXPECT_EQ(rd(MSR_IA32_UCODE_WRITE), GP);
	EXPECT_EQ(wr(MSR_IA32_UCODE_WRITE, 0x12345678), 0);
	EXPECT_EQ(wr(MSR_IA32_UCODE_REV, 0), 0);
	EXPECT_EQ(rd(MSR_IA32_UCODE_REV), 0xb4ull << 32);
	cpu(true);
	EXPECT_EQ(rd(MSR_IA32_UCODE_REV), 0xb4);
	EXPECT_EQ(wr(MSR_AMD64_PATCH_LOADER, 1), 0);
	EXPECT_EQ(wr(MSR_AMD64_OSVW_STATUS, 0), 1);
}

TEST(features_gate)
{
	cpu(false);
	without(X86_FEATURE_RDTSCP, X86_FEATURE_ARCH_CAPABILITIES);
	EXPECT_EQ(rd(MSR_TSC_AUX), GP);
	EXPECT_EQ(rd(MSR_IA32_ARCH_CAPABILITIES), GP);
	without(X86_FEATURE_XSAVES, X86_FEATURE_AMD_IBPB);
	EXPECT_EQ(rd(MSR_IA32_XSS), GP);
	EXPECT_EQ(wr(MSR_IA32_PRED_CMD, 1), 1);
	EXPECT_EQ(barriers, 0);
	EXPECT_EQ(rd(MSR_TSC_AUX), 0);
}

TEST(routed_to_their_owners)
{
	cpu(false);
	EXPECT_EQ(rd(MSR_IA32_TSC), 7);
	EXPECT_EQ(time_msr, MSR_IA32_TSC);
	EXPECT_EQ(wr(MSR_KVM_WALL_CLOCK, 0), 0);
	EXPECT_EQ(time_msr, 0x11);
	EXPECT_EQ(wr(MSR_KVM_SYSTEM_TIME, 0), 0);
	EXPECT_EQ(time_msr, 0x12);
	EXPECT_EQ(wr(MSR_KVM_WALL_CLOCK_NEW, 0), 0);
	EXPECT_EQ(time_msr, 0x4b564d00);
	EXPECT_EQ(rd(0x83f), 8);
	EXPECT_EQ(lapic_msr, 0x83f);
	EXPECT_EQ(rd(0x801), GP);
	EXPECT_EQ(wr(0x8ff, 1), 0);
	EXPECT_EQ(lapic_msr, 0x8ff);
	EXPECT_EQ(wr(MSR_IA32_TSC_DEADLINE, 1), 0);
	EXPECT_EQ(lapic_msr, MSR_IA32_TSC_DEADLINE);
	EXPECT_EQ(wr(MSR_EFER, 0x500), 0);
	EXPECT_EQ(rd(MSR_EFER), 0x500);
	EXPECT_EQ(wr(MSR_EFER, 666), 1);
}

TEST(addresses_are_canonical)
{
	static const u32 msrs[] = {
		MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_LSTAR, MSR_CSTAR,
		MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
	};
	unsigned int i;

	cpu(false);
	for (i = 0; i < ARRAY_SIZE(msrs); i++) {
		without(X86_FEATURE_LA57, ~0ull);
		EXPECT_EQ(wr(msrs[i], 0x7fffffffffff), 0);
		EXPECT_EQ(hw_msr, msrs[i]);
		EXPECT_EQ(hw_val, 0x7fffffffffff);
		EXPECT_EQ(wr(msrs[i], 0xffff800000000000), 0);
		EXPECT_EQ(wr(msrs[i], 0x800000000000), 1);
		EXPECT_EQ(wr(msrs[i], 0xfffe800000000000), 1);
		without(~0ull, ~0ull);
		EXPECT_EQ(wr(msrs[i], 0x800000000000), 0);
		EXPECT_EQ(wr(msrs[i], 0x100000000000000), 1);
		EXPECT_EQ(hw_val, 0x800000000000);
	}
	EXPECT_EQ(wr(MSR_STAR, 0x0023001000000000), 0);
	EXPECT_EQ(hw_msr, MSR_STAR);
	EXPECT_EQ(rd(MSR_STAR), 0x0023001000000000);
}

TEST(passthrough_list_is_what_backends_keep)
{
	unsigned int i;

	cpu(false);
	for (i = 0; aerie_msr_passthrough[i]; i++) {
		hw_msr = 0;
		EXPECT(rd(aerie_msr_passthrough[i]) != GP);
		EXPECT_EQ(hw_msr, aerie_msr_passthrough[i]);
	}
	EXPECT_EQ(i, 10);
}

TEST(memory_types)
{
	static const u8 types[] = { 0, 1, 4, 5, 6 };
	unsigned int i, t;

	cpu(false);
	EXPECT_EQ(rd(MSR_IA32_CR_PAT), 0x0007040600070406);
	EXPECT_EQ(hw_pat, 0x0007040600070406);
	EXPECT_EQ(wr(MSR_IA32_CR_PAT, 0x0407050600070106), 0);
	EXPECT_EQ(hw_pat, 0x0407050600070106);
	EXPECT_EQ(vcpu.pat, hw_pat);
	EXPECT_EQ(wr(MSR_IA32_CR_PAT, 0x0200000000000000), 1);
	EXPECT_EQ(wr(MSR_IA32_CR_PAT, 3), 1);
	EXPECT_EQ(wr(MSR_IA32_CR_PAT, 0x0800), 1);
	EXPECT_EQ(hw_pat, 0x0407050600070106);

	EXPECT_EQ(rd(MSR_MTRRcap), 0x508);
	EXPECT_EQ(rd(MSR_MTRRdefType), 0x806);
	for (i = 0; i < 256; i++) {
		bool ok = false;

		for (t = 0; t < ARRAY_SIZE(types); t++)
			ok |= types[t] == i;
		EXPECT_EQ(wr(MSR_MTRRdefType, 0xc00 | i), !ok);
		EXPECT_EQ(wr(0x200, 0xc0000000 | i), !ok);
		EXPECT_EQ(wr(0x26a, 0x0606060606060600 | i), !ok);
	}
	EXPECT_EQ(wr(MSR_MTRRdefType, 0x1006), 1);
	EXPECT_EQ(wr(0x200, 0x106), 1);
	EXPECT_EQ(wr(0x200, 1ull << 40), 1);
	EXPECT_EQ(wr(0x201, 0xff00000800), 0);
	EXPECT_EQ(wr(0x201, 0xff00000400), 1);
	EXPECT_EQ(rd(0x201), 0xff00000800);
	/* Each is a register of its own. */
	for (i = 0; i < 16; i++)
		EXPECT_EQ(wr(0x200 + i, (u64)i << 20), 0);
	for (i = 0; i < 16; i++)
		EXPECT_EQ(rd(0x200 + i), (u64)i << 20);
}

TEST(fixed_mtrrs_do_not_overlap)
{
	static const u32 msrs[] = { 0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b,
				    0x26c, 0x26d, 0x26e, 0x26f };
	static const u8 types[] = { 0, 1, 4, 5, 6 };
	unsigned int i;

	cpu(true);
	for (i = 0; i < ARRAY_SIZE(msrs); i++)
		EXPECT_EQ(wr(msrs[i], types[i % 5] | (u64)types[i / 5] << 56), 0);
	for (i = 0; i < ARRAY_SIZE(msrs); i++)
		EXPECT_EQ(rd(msrs[i]), types[i % 5] | (u64)types[i / 5] << 56);
}

TEST(speculation)
{
	cpu(false);
	EXPECT_EQ(wr(MSR_IA32_PRED_CMD, 0), 0);
	EXPECT_EQ(barriers, 0);
	EXPECT_EQ(wr(MSR_IA32_PRED_CMD, 1), 0);
	EXPECT_EQ(barriers, 1);
	EXPECT_EQ(wr(MSR_IA32_PRED_CMD, 2), 1);
	EXPECT_EQ(wr(MSR_IA32_PRED_CMD, 1ull << 63 | 1), 1);
	EXPECT_EQ(barriers, 1);
	arch_caps = ~0ull;
	/* Neither IBRS_ALL nor any *_CTRL, whose registers a guest has not. */
	EXPECT_EQ(rd(MSR_IA32_ARCH_CAPABILITIES) &
		  (BIT(1) | BIT(7) | BIT(10) | BIT(11) | BIT(18) | BIT(21) | BIT(25)), 0);
	EXPECT_EQ(rd(MSR_IA32_ARCH_CAPABILITIES) & (BIT(0) | BIT(4) | BIT(5) | BIT(8)),
		  BIT(0) | BIT(4) | BIT(5) | BIT(8));
	arch_caps = BIT(5);
	EXPECT_EQ(rd(MSR_IA32_ARCH_CAPABILITIES), BIT(5));
}

TEST(stored_without_effect)
{
	cpu(false);
	EXPECT_EQ(rd(MSR_IA32_MISC_ENABLE), 0x1801);
	EXPECT_EQ(wr(MSR_IA32_MISC_ENABLE, 0x400450088), 0);
	EXPECT_EQ(rd(MSR_IA32_MISC_ENABLE), 0x1800);
	EXPECT_EQ(wr(MSR_IA32_MCG_STATUS, 4), 0);
	EXPECT_EQ(rd(MSR_IA32_MCG_STATUS), 4);
	EXPECT_EQ(wr(MSR_IA32_MCG_STATUS, 8), 1);
	EXPECT_EQ(wr(MSR_IA32_XSS, 0), 0);
	EXPECT_EQ(wr(MSR_IA32_XSS, 0x100), 1);
	EXPECT_EQ(wr(MSR_TSC_AUX, 0xffffffff), 0);
	EXPECT_EQ(hw_msr, MSR_TSC_AUX);
	EXPECT_EQ(hw_val, 0xffffffff);
	EXPECT_EQ(rd(MSR_TSC_AUX), 0xffffffff);
	EXPECT_EQ(wr(MSR_TSC_AUX, 1ull << 32), 1);
	EXPECT_EQ(wr(MSR_IA32_DEBUGCTLMSR, 3), 0);
	EXPECT_EQ(hw_val, 2);
	EXPECT_EQ(wr(MSR_IA32_DEBUGCTLMSR, 0x40), 1);
	EXPECT_EQ(hw_val, 2);
}

static bool was_zeroed(u32 msr)
{
	unsigned int i;

	for (i = 0; i < nr_zeroed; i++)
		if (zeroed[i] == msr)
			return true;
	return false;
}

/* What the backends keep is 0 after power-on, not what the system before left. */
TEST(power_on)
{
	unsigned int i;

	cpu(false);
	nr_zeroed = 0;
	aerie_msr_reset(&vcpu);
	for (i = 0; aerie_msr_passthrough[i]; i++)
		EXPECT(was_zeroed(aerie_msr_passthrough[i]));
	EXPECT(was_zeroed(MSR_IA32_DEBUGCTLMSR));
	EXPECT(was_zeroed(MSR_TSC_AUX));
}

TEST(amd_registers)
{
	cpu(true);
	EXPECT_EQ(rd(MSR_K7_HWCR), BIT(24));
	EXPECT_EQ(wr(MSR_K7_HWCR, BIT(24) | BIT(18) | 0x148), 0);
	EXPECT_EQ(rd(MSR_K7_HWCR), BIT(24));
	EXPECT_EQ(wr(MSR_K7_HWCR, BIT(30)), 1);
	EXPECT_EQ(rd(MSR_VM_CR) & 0x10, 0x10);
	EXPECT_EQ(rd(MSR_AMD64_DE_CFG), 2);
	EXPECT_EQ(wr(MSR_AMD64_DE_CFG, 2), 0);
	EXPECT_EQ(wr(MSR_AMD64_DE_CFG, 0x80000000), 1);
	lfence = false;
	EXPECT_EQ(rd(MSR_AMD64_DE_CFG), 0);
	EXPECT_EQ(wr(MSR_FAM10H_MMIO_CONF_BASE, 1), 1);
	vm.mem.nr_ram = 2;
	vm.mem.ram[0] = (struct aerie_ram) { 0, 0xa0000 };
	vm.mem.ram[1] = (struct aerie_ram) { 0xc0000, 0x10000000 };
	EXPECT_EQ(rd(MSR_K8_TOP_MEM1), 0x10000000);
	EXPECT_EQ(rd(MSR_K8_TOP_MEM2), 0);
	vm.mem.nr_ram = 3;
	vm.mem.ram[1].end = 0xc0000000;
	vm.mem.ram[2] = (struct aerie_ram) { 0x100000000, 0x140000000 };
	EXPECT_EQ(rd(MSR_K8_TOP_MEM1), 0xc0000000);
	EXPECT_EQ(rd(MSR_K8_TOP_MEM2), 0x140000000);
}

/* Whatever a guest asks for, stored registers stay legal and the sanitizers quiet. */
TEST(random_accesses)
{
	u32 msr = 1, i;
	u64 val;

	cpu(true);
	for (i = 0; i < 300000; i++) {
		msr = msr * 1664525 + 1013904223;
		aerie_msr_write(&vcpu, i & 1 ? msr : 0xc0010000 + (msr & 0x1fff), msr);
		aerie_msr_read(&vcpu, i & 2 ? msr & 0x1fff : msr, &val);
	}
	EXPECT_EQ(vcpu.msrs.mtrr_def_type & ~0xcfful, 0);
	EXPECT_EQ(vcpu.msrs.hwcr & ~BIT(24), 0);
	EXPECT_EQ(vcpu.msrs.mcg_status & ~7ul, 0);
}

TEST(help_of_kvms_is_where_it_belongs)
{
	static const u32 msrs[] = { MSR_KVM_STEAL_TIME, MSR_KVM_PV_EOI_EN, MSR_KVM_POLL_CONTROL };
	unsigned int i;
	u64 val;

	for (i = 0; i < ARRAY_SIZE(msrs); i++) {
		EXPECT_EQ(aerie_msr_read(&vcpu, msrs[i], &val), 0);
		EXPECT_EQ(val, 5);
		EXPECT_EQ(pv_msr, msrs[i]);
		EXPECT_EQ(aerie_msr_write(&vcpu, msrs[i], 5), 0);
		EXPECT_EQ(aerie_msr_write(&vcpu, msrs[i], 6), 1);
	}
	/* Asynchronous faults are not offered. */
	EXPECT_EQ(aerie_msr_read(&vcpu, MSR_KVM_ASYNC_PF_EN, &val), 1);
	EXPECT_EQ(aerie_msr_write(&vcpu, MSR_KVM_ASYNC_PF_EN, 1), 1);
}
