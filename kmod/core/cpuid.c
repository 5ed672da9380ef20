// SPDX-License-Identifier: GPL-2.0
/*
 * CPUID policy: what a guest's processor is, made once per VM from the host's.
 *
 * A feature is offered if a table row allows it, the processor has it, and the
 * host kernel has not found it broken or switched it off; a few that the kernel
 * gives up for reasons of its own (RAW) need only the processor. Leaves without
 * a rule here are zero. What depends on the vCPU or on its registers (APIC ID,
 * OSXSAVE, XSAVE sizes) is put in when it is asked for; every leaf is found by
 * its number, without a search.
 *
 * Not offered, and so without MSRs and intercepts to match: VMX and SVM,
 * MONITOR/MWAIT, performance monitoring, debug store, thermal and power control,
 * SGX, CET, protection keys, AMX, memory encryption, user wait instructions.
 *
 * Speculation control: SPEC_CTRL, STIBP and SSBD are not offered, because
 * nothing switches the register between guest and host. The prediction barrier
 * is, by AMD's bit, which systems honour on any vendor's processor; MSR_PRED_CMD
 * is written through. ARCH_CAPABILITIES shows which flaws the processor has not
 * (msr.c), and MD_CLEAR and FB_CLEAR that VERW clears buffers for a guest too.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <asm/apicdef.h>
#include <asm/cpufeature.h>
#include <asm/kvm_para.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "backend.h"
#include "core/host.h"
#include "core/policy.h"
#include "dev/lapic.h"

#define EXT		0x80000000u
#define HV		0x40000000u
#define HV_MAX		(HV + 0x10)
#define HV_REGION	0x10000000u	/* leaves from HV that are the hypervisor's */
#define BASIC_MAX	0x1fu
#define EXT_MAX_AMD	0x80000021u
#define EXT_MAX_INTEL	0x80000008u
#define NR_CACHES	8		/* subleaves of leaf 4 and 0x8000001d */
#define NR_XSAVE	8		/* state components up to AVX-512 */
#define XSAVE_LEGACY	576u		/* FXSAVE area and header */
#define XCR0_FPSSE	(XCR0_X87 | XCR0_SSE)
#define XCR0_ALL	(XCR0_FPSSE | XCR0_AVX | XCR0_AVX512)

enum { EAX, EBX, ECX, EDX };

/* The processors of a VM, constant after creation. */
struct aerie_cpuid {
	bool amd;			/* AMD's processor or one that follows it */
	u8 phys_bits;
	u8 id_bits;			/* of an APIC ID, to number the cores */
	u32 nr_vcpus;			/* cores of the one package */
	u32 max_basic, max_ext;		/* last leaves */
	u64 cr4_mask, efer_mask, xcr0_mask;
	u32 words[32];			/* in the kernel's order, for aerie_guest_has() */
	u32 basic[BASIC_MAX + 1][4];	/* leaves, subleaf 0 */
	u32 ext[EXT_MAX_AMD - EXT + 1][4];
	u32 hv[HV_MAX - HV + 1][4];
	u32 leaf7_1[4];			/* leaf 7 subleaf 1 */
	u32 cache[NR_CACHES][4];	/* leaf 4 or 0x8000001d */
	u32 xsave[NR_XSAVE][4];		/* leaf 0xd */
};

#define F(name)	BIT(X86_FEATURE_##name & 31)

/* Bits that both vendors have had in leaf 1 EDX and AMD again in 0x80000001 EDX. */
#define COMMON_EDX							\
	(F(FPU) | F(VME) | F(DE) | F(PSE) | F(TSC) | F(MSR) | F(PAE) |	\
	 F(MCE) | F(CX8) | F(APIC) | F(MTRR) | F(PGE) | F(MCA) |	\
	 F(CMOV) | F(PAT) | F(PSE36) | F(MMX) | F(FXSR))

/* Those that only AMD has there. */
#define AMD_EDX		(F(MMXEXT) | F(FXSR_OPT) | F(3DNOWEXT) | F(3DNOW))

#define AVX512_7_EBX	(F(AVX512F) | F(AVX512DQ) | F(AVX512IFMA) |	\
			 F(AVX512CD) | F(AVX512BW) | F(AVX512VL))
#define AVX512_7_ECX	(F(AVX512VBMI) | F(AVX512_VBMI2) | F(AVX512_VNNI) | \
			 F(AVX512_BITALG) | F(AVX512_VPOPCNTDQ))
#define AVX512_7_EDX	(F(AVX512_VP2INTERSECT) | F(AVX512_FP16))
#define AVX512_7_1_EAX	F(AVX512_BF16)
#define AVX_1_ECX	(F(FMA) | F(AVX) | F(F16C))
#define AVX_7_EBX	F(AVX2)
#define AVX_7_ECX	(F(VAES) | F(VPCLMULQDQ))
#define AVX_7_1_EAX	(F(AVX_VNNI) | BIT(23))			/* AVX-IFMA */
/* AVX-VNNI-INT8, AVX-NE-CONVERT, AVX-VNNI-INT16 */
#define AVX_7_1_EDX	(BIT(4) | BIT(5) | BIT(10))
#define AVX_EXT1_ECX	(F(XOP) | F(FMA4))

/* What may be offered. @word: the kernel's word for it; RAW bits skip that test. */
static const struct cpuid_features {
	u8 word;
	u8 reg;
	u32 leaf, subleaf;
	u32 allow, raw;
} cpuid_features[] = {
	{ CPUID_1_EDX, EDX, 1, 0,
	  COMMON_EDX | F(SEP) | F(CLFLUSH) | F(XMM) | F(XMM2) | F(SELFSNOOP),
	  F(APIC) | F(MTRR) | F(PAT) | F(SEP) | F(MCE) | F(MCA) },
	{ CPUID_1_ECX, ECX, 1, 0,
	  F(XMM3) | F(PCLMULQDQ) | F(SSSE3) | F(FMA) | F(CX16) | F(PCID) |
	  F(XMM4_1) | F(XMM4_2) | F(MOVBE) | F(POPCNT) | F(AES) | F(XSAVE) |
	  F(AVX) | F(F16C) | F(RDRAND), 0 },
	{ CPUID_7_0_EBX, EBX, 7, 0,
	  F(FSGSBASE) | F(BMI1) | F(HLE) | F(AVX2) | F(FDP_EXCPTN_ONLY) |
	  F(SMEP) | F(BMI2) | F(ERMS) | F(INVPCID) | F(RTM) | F(ZERO_FCS_FDS) |
	  F(RDSEED) | F(ADX) | F(SMAP) | F(CLFLUSHOPT) | F(CLWB) | F(SHA_NI) |
	  AVX512_7_EBX,
	  F(FDP_EXCPTN_ONLY) | F(ZERO_FCS_FDS) },
	{ CPUID_7_ECX, ECX, 7, 0,
	  F(UMIP) | F(GFNI) | F(VAES) | F(VPCLMULQDQ) | F(LA57) | F(RDPID) |
	  F(CLDEMOTE) | F(MOVDIRI) | F(MOVDIR64B) | AVX512_7_ECX,
	  F(UMIP) | F(LA57) },
	{ CPUID_7_EDX, EDX, 7, 0,
	  F(FSRM) | F(MD_CLEAR) | F(SERIALIZE) | F(ARCH_CAPABILITIES) | AVX512_7_EDX, 0 },
	{ CPUID_7_1_EAX, EAX, 7, 1,
	  BIT(7) | BIT(10) | BIT(11) | BIT(12) |	/* CMPCCXADD, FZRM, FSRS, FSRC */
	  AVX_7_1_EAX | AVX512_7_1_EAX,
	  BIT(7) | BIT(10) | BIT(11) | BIT(12) },
	{ CPUID_D_1_EAX, EAX, 0xd, 1,
	  F(XSAVEOPT) | F(XSAVEC) | F(XGETBV1) | F(XSAVES), 0 },
	{ CPUID_8000_0001_EDX, EDX, EXT + 1, 0,
	  COMMON_EDX | F(SYSCALL) | F(NX) | F(MMXEXT) | F(FXSR_OPT) | F(GBPAGES) |
	  F(RDTSCP) | F(LM) | F(3DNOWEXT) | F(3DNOW),
	  COMMON_EDX },
	{ CPUID_8000_0001_ECX, ECX, EXT + 1, 0,
	  F(LAHF_LM) | F(ABM) | F(SSE4A) | F(MISALIGNSSE) | F(3DNOWPREFETCH) |
	  F(OSVW) | F(XOP) | F(FMA4) | F(TBM) | F(TOPOEXT), 0 },
	{ CPUID_8000_0008_EBX, EBX, EXT + 8, 0,
	  F(CLZERO) | F(XSAVEERPTR) | F(WBNOINVD) | F(AMD_SSB_NO) |
	  BIT(29) | BIT(30),				/* BTC_NO, IBPB_RET */
	  BIT(29) | BIT(30) },
};

/*
 * 0x80000021 EAX, which the kernels at hand do not name alike: NoNestedDataBp,
 * LFenceAlwaysSerializing, NullSelectClearsBase, NoSmmCtlMSR, IBPB_BRTYPE, SRSO_NO
 */
#define AMD_21_EAX	(BIT(0) | BIT(2) | BIT(6) | BIT(9) | BIT(28) | BIT(29))

static u32 *feature_reg(struct aerie_cpuid *c, u32 leaf, u32 subleaf, unsigned int reg)
{
	if (leaf == 7 && subleaf == 1)
		return &c->leaf7_1[reg];
	if (leaf == 0xd)
		return &c->xsave[subleaf][reg];
	return leaf >= EXT ? &c->ext[leaf - EXT][reg] : &c->basic[leaf][reg];
}

static u32 host_max(u32 base)
{
	u32 out[4];

	aerie_host_cpuid(base, 0, out);
	return out[EAX];
}

static bool host_has_leaf(u32 leaf)
{
	return leaf <= host_max(leaf & EXT);
}

/* Copy leaves that only describe. */
static void copy_leaves(struct aerie_cpuid *c)
{
	static const u32 basic[] = { 0, 1, 2 };
	static const u32 ext[] = { 0, 1, 2, 3, 4, 5, 6, 8, 0x19, 0x1a };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(basic); i++)
		aerie_host_cpuid(basic[i], 0, c->basic[basic[i]]);
	for (i = 0; i < ARRAY_SIZE(ext); i++)
		if (EXT + ext[i] <= c->max_ext)
			aerie_host_cpuid(EXT + ext[i], 0, c->ext[ext[i]]);
}

static void find_vendor(struct aerie_cpuid *c)
{
	u32 out[4];

	aerie_host_cpuid(0, 0, out);
	/* "AuthenticAMD" and "HygonGenuine" */
	c->amd = (out[EBX] == 0x68747541 && out[EDX] == 0x69746e65 && out[ECX] == 0x444d4163) ||
		 (out[EBX] == 0x6f677948 && out[EDX] == 0x6e65476e && out[ECX] == 0x656e6975);
	/* Leaf 0xb is ours to give on any processor. */
	c->max_basic = clamp_t(u32, out[EAX], 0xd, BASIC_MAX);
	c->max_ext = min_t(u32, host_max(EXT), c->amd ? EXT_MAX_AMD : EXT_MAX_INTEL);
}

static void offer_features(struct aerie_cpuid *c)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cpuid_features); i++) {
		const struct cpuid_features *f = &cpuid_features[i];
		u32 out[4] = {}, *reg = feature_reg(c, f->leaf, f->subleaf, f->reg);

		if (host_has_leaf(f->leaf))
			aerie_host_cpuid(f->leaf, f->subleaf, out);
		*reg = out[f->reg] & f->allow & (aerie_host_cap_word(f->word) | f->raw);
	}
	if (host_has_leaf(7)) {
		u32 out[4];

		aerie_host_cpuid(7, 1, out);
		c->leaf7_1[EDX] = out[EDX] & (AVX_7_1_EDX | BIT(14));	/* PREFETCHITI */
		c->basic[7][EAX] = 1;
	}
	if (c->max_ext >= EXT + 0x21) {
		u32 out[4];

		aerie_host_cpuid(EXT + 0x21, 0, out);
		c->ext[0x21][EAX] = out[EAX] & AMD_21_EAX;
	}

	/* Ours, whatever the processor has. */
	c->basic[1][ECX] |= F(X2APIC) | F(TSC_DEADLINE_TIMER) | F(HYPERVISOR);
	c->basic[1][EDX] |= F(APIC);
	c->basic[6][EAX] = F(ARAT);
	c->basic[7][EBX] |= F(TSC_ADJUST);
	if (aerie_host_has_ibpb())
		c->ext[8][EBX] |= F(AMD_IBPB);

	/* What the backend does not let through. */
	if (!(aerie_backend->caps & AERIE_CAP_INVPCID))
		c->basic[7][EBX] &= ~F(INVPCID);
	if (!(aerie_backend->caps & AERIE_CAP_RDTSCP)) {
		c->ext[1][EDX] &= ~F(RDTSCP);
		c->basic[7][ECX] &= ~F(RDPID);
	}
	if (!(aerie_backend->caps & AERIE_CAP_XSAVES))
		c->xsave[1][EAX] &= ~F(XSAVES);
	/* AMD's copy of leaf 1 has what leaf 1 has; Intel's has no copy, nor AMD's own bits. */
	c->ext[1][EDX] &= ~COMMON_EDX;
	if (c->amd)
		c->ext[1][EDX] |= c->basic[1][EDX] & COMMON_EDX;
	else
		c->ext[1][EDX] &= ~AMD_EDX;
}

/* XSAVE state that host kernel, processor and guest can all have, and what needs it. */
static void offer_xsave(struct aerie_cpuid *c)
{
	u32 out[4] = {};
	unsigned int i;

	if (c->basic[1][ECX] & F(XSAVE) && host_has_leaf(0xd)) {
		aerie_host_cpuid(0xd, 0, out);
		c->xcr0_mask = (out[EAX] | (u64)out[EDX] << 32) & aerie_host_xcr0() & XCR0_ALL;
	}
	if ((c->xcr0_mask & XCR0_FPSSE) != XCR0_FPSSE) {
		c->xcr0_mask = 0;
		c->basic[1][ECX] &= ~F(XSAVE);
		memset(c->xsave, 0, sizeof(c->xsave));
	}
	if (!(c->xcr0_mask & XCR0_AVX)) {
		c->basic[1][ECX] &= ~AVX_1_ECX;
		c->basic[7][EBX] &= ~AVX_7_EBX;
		c->basic[7][ECX] &= ~AVX_7_ECX;
		c->leaf7_1[EAX] &= ~AVX_7_1_EAX;
		c->leaf7_1[EDX] &= ~AVX_7_1_EDX;
		c->ext[1][ECX] &= ~AVX_EXT1_ECX;
	}
	if ((c->xcr0_mask & XCR0_AVX512) != XCR0_AVX512 || !(c->xcr0_mask & XCR0_AVX)) {
		c->xcr0_mask &= ~XCR0_AVX512;
		c->basic[7][EBX] &= ~AVX512_7_EBX;
		c->basic[7][ECX] &= ~AVX512_7_ECX;
		c->basic[7][EDX] &= ~AVX512_7_EDX;
		c->leaf7_1[EAX] &= ~AVX512_7_1_EAX;
	}
	for (i = 2; i < NR_XSAVE; i++) {
		if (!(c->xcr0_mask & BIT_ULL(i)))
			continue;
		aerie_host_cpuid(0xd, i, out);
		c->xsave[i][EAX] = out[EAX];		/* size */
		c->xsave[i][EBX] = out[EBX];		/* offset */
		c->xsave[i][ECX] = out[ECX] & BIT(1);	/* aligned when compacted */
	}
}

/* Bytes of an XSAVE area for the components of @xcr0. */
static u32 xsave_size(const struct aerie_cpuid *c, u64 xcr0, bool compact)
{
	u32 size = XSAVE_LEGACY;
	unsigned int i;

	for (i = 2; i < NR_XSAVE; i++) {
		if (!(xcr0 & c->xcr0_mask & BIT_ULL(i)))
			continue;
		if (!compact) {
			size = max(size, c->xsave[i][EBX] + c->xsave[i][EAX]);
			continue;
		}
		if (c->xsave[i][ECX] & BIT(1))
			size = ALIGN(size, 64);
		size += c->xsave[i][EAX];
	}
	return size;
}

/* Every vCPU is a core of one package; the last cache level is the package's. */
static void make_topology(struct aerie_cpuid *c)
{
	u32 ids = 1u << c->id_bits, leaf = c->amd ? EXT + 0x1d : 4;
	unsigned int i;

	c->basic[1][EBX] = (c->basic[1][EBX] & 0xffff) | ids << 16;
	if (c->nr_vcpus > 1) {
		c->basic[1][EDX] |= F(HT);
		if (c->amd)
			c->ext[1][ECX] |= F(CMP_LEGACY);
	}
	if (c->max_ext >= EXT + 8)
		c->ext[8][ECX] = c->amd ? (c->nr_vcpus - 1) | c->id_bits << 12 : 0;
	if (!host_has_leaf(leaf) || (c->amd && !(c->ext[1][ECX] & F(TOPOEXT))))
		return;
	for (i = 0; i < NR_CACHES; i++) {
		u32 *cache = c->cache[i];

		aerie_host_cpuid(leaf, i, cache);
		if (!(cache[EAX] & 0x1f)) {
			memset(cache, 0, sizeof(c->cache[i]));
			break;
		}
		cache[EAX] &= 0x3ff;	/* type, level, properties */
		if ((cache[EAX] >> 5 & 7) >= 3)
			cache[EAX] |= (c->amd ? c->nr_vcpus - 1 : ids - 1) << 14;
		if (!c->amd)
			cache[EAX] |= (ids - 1) << 26;
	}
}

static void make_addresses(struct aerie_cpuid *c)
{
	u32 *eax = &c->ext[8][EAX], linear = *eax >> 8 & 0xff;

	c->phys_bits = clamp_t(u32, *eax & 0xff, 36, 52);
	if (!(c->basic[7][ECX] & F(LA57)))
		linear = 48;
	*eax = c->phys_bits | linear << 8;
	c->ext[8][EDX] = 0;
}

static void make_hypervisor(struct aerie_cpuid *c)
{
	c->hv[0][EAX] = HV_MAX;
	memcpy(&c->hv[0][EBX], "KVMKVMKVM\0\0\0", 12);
	c->hv[1][EAX] = BIT(KVM_FEATURE_CLOCKSOURCE) | BIT(KVM_FEATURE_NOP_IO_DELAY) |
			BIT(KVM_FEATURE_CLOCKSOURCE2) | BIT(KVM_FEATURE_STEAL_TIME) |
			BIT(KVM_FEATURE_PV_EOI) | BIT(KVM_FEATURE_PV_UNHALT) |
			BIT(KVM_FEATURE_PV_TLB_FLUSH) | BIT(KVM_FEATURE_PV_SEND_IPI) |
			BIT(KVM_FEATURE_POLL_CONTROL) | BIT(KVM_FEATURE_PV_SCHED_YIELD) |
			BIT(KVM_FEATURE_CLOCKSOURCE_STABLE_BIT);
	c->hv[0x10][EAX] = aerie_tsc_khz();
	c->hv[0x10][EBX] = AERIE_APIC_BUS_HZ / 1000;
}

/* The bits of CR4 and EFER that there are, by the feature that brings them. */
static const struct {
	u16 feature;
	u64 cr4, efer;
} register_bits[] = {
	{ X86_FEATURE_VME,	X86_CR4_VME | X86_CR4_PVI, 0 },
	{ X86_FEATURE_TSC,	X86_CR4_TSD, 0 },
	{ X86_FEATURE_DE,	X86_CR4_DE, 0 },
	{ X86_FEATURE_PSE,	X86_CR4_PSE, 0 },
	{ X86_FEATURE_PAE,	X86_CR4_PAE, 0 },
	{ X86_FEATURE_MCE,	X86_CR4_MCE, 0 },
	{ X86_FEATURE_PGE,	X86_CR4_PGE, 0 },
	{ X86_FEATURE_FPU,	X86_CR4_PCE, 0 },	/* without a counter to read */
	{ X86_FEATURE_FXSR,	X86_CR4_OSFXSR, 0 },
	{ X86_FEATURE_XMM,	X86_CR4_OSXMMEXCPT, 0 },
	{ X86_FEATURE_UMIP,	X86_CR4_UMIP, 0 },
	{ X86_FEATURE_LA57,	X86_CR4_LA57, 0 },
	{ X86_FEATURE_FSGSBASE,	X86_CR4_FSGSBASE, 0 },
	{ X86_FEATURE_PCID,	X86_CR4_PCIDE, 0 },
	{ X86_FEATURE_XSAVE,	X86_CR4_OSXSAVE, 0 },
	{ X86_FEATURE_SMEP,	X86_CR4_SMEP, 0 },
	{ X86_FEATURE_SMAP,	X86_CR4_SMAP, 0 },
	{ X86_FEATURE_SYSCALL,	0, EFER_SCE },
	{ X86_FEATURE_LM,	0, EFER_LME | EFER_LMA },
	{ X86_FEATURE_NX,	0, EFER_NX },
	{ X86_FEATURE_FXSR_OPT,	0, EFER_FFXSR },
};

static void make_masks(struct aerie_cpuid *c)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cpuid_features); i++) {
		const struct cpuid_features *f = &cpuid_features[i];

		c->words[f->word] = *feature_reg(c, f->leaf, f->subleaf, f->reg);
	}
	for (i = 0; i < ARRAY_SIZE(register_bits); i++) {
		const u16 f = register_bits[i].feature;

		if (!(c->words[f / 32] & BIT(f % 32)))
			continue;
		c->cr4_mask |= register_bits[i].cr4;
		c->efer_mask |= register_bits[i].efer;
	}
}

/* Basic leaves whose answer is not a row of the table as it stands: a bit each. */
#define BASIC_VARIES	(BIT(1) | BIT(4) | BIT(7) | BIT(0xb) | BIT(0xd) | BIT(0x1f))

int aerie_cpuid_create(struct aerie_vm *vm)
{
	struct aerie_cpuid *c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);

	if (!c)
		return -ENOMEM;
	c->nr_vcpus = vm->config.nr_vcpus;
	c->id_bits = order_base_2(c->nr_vcpus);
	find_vendor(c);
	copy_leaves(c);
	offer_features(c);
	offer_xsave(c);
	make_topology(c);
	make_addresses(c);
	make_hypervisor(c);
	make_masks(c);
	c->basic[0][EAX] = c->max_basic;
	c->ext[0][EAX] = c->max_ext;
	vm->cpuid = c;
	vm->cpuid_basic = c->basic;
	vm->cpuid_plain = GENMASK(c->max_basic, 0) & ~BASIC_VARIES;
	return 0;
}

void aerie_cpuid_destroy(struct aerie_vm *vm)
{
	kfree(vm->cpuid);
	vm->cpuid = NULL;
}

/* Leaves 0xb and 0x1f: one thread a core, all cores in one package. */
static void topology_leaf(const struct aerie_cpuid *c, u32 id, u32 subleaf, u32 out[4])
{
	out[EAX] = subleaf == 1 ? c->id_bits : 0;
	out[EBX] = subleaf == 0 ? 1 : subleaf == 1 ? c->nr_vcpus : 0;
	out[ECX] = (subleaf & 0xff) | (subleaf < 2 ? (subleaf + 1) << 8 : 0);
	out[EDX] = id;
}

static void xsave_leaf(const struct aerie_cpuid *c, struct aerie_vcpu *vcpu, u32 subleaf,
		       u32 out[4])
{
	memset(out, 0, 4 * sizeof(*out));
	if (!c->xcr0_mask || subleaf >= NR_XSAVE)
		return;
	subleaf = array_index_nospec(subleaf, NR_XSAVE);
	memcpy(out, c->xsave[subleaf], sizeof(c->xsave[subleaf]));
	if (subleaf == 0) {
		out[EAX] = c->xcr0_mask;
		out[EBX] = xsave_size(c, vcpu->xcr0, false);
		out[ECX] = xsave_size(c, c->xcr0_mask, false);
	} else if (subleaf == 1 && out[EAX] & (F(XSAVEC) | F(XSAVES))) {
		out[EBX] = xsave_size(c, vcpu->xcr0, true);
	}
}

static const u32 *find_leaf(const struct aerie_cpuid *c, u32 *leaf)
{
	static const u32 none[4];

	if (*leaf <= c->max_basic)
		return c->basic[array_index_nospec(*leaf, BASIC_MAX + 1)];
	if (*leaf >= EXT && *leaf <= c->max_ext)
		return c->ext[array_index_nospec(*leaf - EXT, ARRAY_SIZE(c->ext))];
	if (*leaf >= HV && *leaf <= HV_MAX)
		return c->hv[array_index_nospec(*leaf - HV, ARRAY_SIZE(c->hv))];
	if (c->amd || *leaf - HV < HV_REGION)
		return none;
	/* SDM, CPUID: beyond the last leaf Intel answers as for the last basic one. */
	*leaf = c->max_basic;
	return c->basic[c->max_basic];
}

const u32 *aerie_cpuid(struct aerie_vcpu *vcpu, u32 leaf, u32 subleaf)
{
	const struct aerie_cpuid *c = vcpu->vm->cpuid;
	u32 *out = vcpu->cpuid_out;

	memcpy(out, find_leaf(c, &leaf), sizeof(vcpu->cpuid_out));
	switch (leaf) {
	case 1:
		out[EBX] |= vcpu->id << 24;
		if (aerie_reg_read(vcpu, AERIE_REG_CR4) & X86_CR4_OSXSAVE)
			out[ECX] |= F(OSXSAVE);
		fallthrough;
	case EXT + 1:
		/* In both leaves the same bit; absent in Intel's copy anyway. */
		if (!(vcpu->lapic->base_msr & XAPIC_ENABLE))
			out[EDX] &= ~F(APIC);
		break;
	case 4:
	case EXT + 0x1d:
		if ((leaf == 4) == !c->amd && subleaf < NR_CACHES)
			memcpy(out, c->cache[array_index_nospec(subleaf, NR_CACHES)],
			       sizeof(c->cache[0]));
		break;
	case 7:
		if (subleaf == 1)
			memcpy(out, c->leaf7_1, sizeof(c->leaf7_1));
		else if (subleaf > 1)
			memset(out, 0, sizeof(vcpu->cpuid_out));
		break;
	case 0xd:
		xsave_leaf(c, vcpu, subleaf, out);
		break;
	case 0xb:
	case 0x1f:
		topology_leaf(c, vcpu->id, subleaf, out);
		break;
	case EXT + 0x1e:
		if (c->ext[1][ECX] & F(TOPOEXT)) {
			out[EAX] = vcpu->id;
			out[EBX] = vcpu->id & 0xff;	/* core ID, one thread */
		}
		break;
	}
	return out;
}

bool aerie_guest_has(struct aerie_vm *vm, unsigned int feature)
{
	const struct aerie_cpuid *c = vm->cpuid;

	return feature / 32 < ARRAY_SIZE(c->words) && c->words[feature / 32] & BIT(feature % 32);
}

bool aerie_guest_is_amd(struct aerie_vm *vm)
{
	return vm->cpuid->amd;
}

u32 aerie_guest_phys_bits(struct aerie_vm *vm)
{
	return vm->cpuid->phys_bits;
}

u64 aerie_guest_cr4_mask(struct aerie_vm *vm)
{
	return vm->cpuid->cr4_mask;
}

u64 aerie_guest_efer_mask(struct aerie_vm *vm)
{
	return vm->cpuid->efer_mask;
}

u64 aerie_guest_xcr0_mask(struct aerie_vm *vm)
{
	return vm->cpuid->xcr0_mask;
}
