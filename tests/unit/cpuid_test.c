// SPDX-License-Identifier: GPL-2.0
/* CPUID policy: made-up hosts of both vendors, and what guests see of them. */
// sources: kmod/core/cpuid.c
#include <asm/apicdef.h>
#include <asm/cpufeature.h>
#include <asm/kvm_para.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include "backend.h"
#include "core/host.h"
#include "core/policy.h"
#include "dev/lapic.h"
#include "ktap.h"

enum { EAX, EBX, ECX, EDX };

static struct aerie_vm vm;
static struct aerie_vcpu vcpu;
static struct aerie_lapic lapic;
static struct aerie_backend fake;
const struct aerie_backend *aerie_backend = &fake;

static struct {
	bool amd;
	u32 max_basic, max_ext;
	u64 xcr0;
	bool ibpb;
	u32 cleared[32];	/* features the kernel has switched off, by word */
} host;

u32 aerie_host_cap_word(unsigned int word) { return ~host.cleared[word]; }
u64 aerie_host_xcr0(void) { return host.xcr0; }
bool aerie_host_has_ibpb(void) { return host.ibpb; }
u32 aerie_tsc_khz(void) { return 2400000; }

/* A processor with every bit set that is not a number. */
void aerie_host_cpuid(u32 leaf, u32 sub, u32 out[4])
{
	static const u32 xsave[8][3] = {
		{}, {}, { 256, 576, 0 }, {}, {}, { 64, 1088, 0 }, { 512, 1152, 0 }, { 1024, 1664, 2 },
	};

	out[EAX] = out[EBX] = out[ECX] = out[EDX] = ~0u;
	switch (leaf) {
	case 0:
		out[EAX] = host.max_basic;
		memcpy(&out[EBX], host.amd ? "Auth" : "Genu", 4);
		memcpy(&out[EDX], host.amd ? "enti" : "ineI", 4);
		memcpy(&out[ECX], host.amd ? "cAMD" : "ntel", 4);
		break;
	case 1:
		out[EAX] = 0x50657;
		out[EBX] = 0x77200800;
		break;
	case 4:
	case 0x8000001d:
		/* Levels 1 to 4, all shared by everybody. */
		out[EAX] = sub < 4 ? 0xffffc101 | (sub + 1) << 5 : 0;
		out[EBX] = 0x1c0003f;
		break;
	case 0xd:
		if (sub == 0)
			out[EAX] = 0x2ff, out[EBX] = 2696, out[ECX] = 2696, out[EDX] = 0;
		else if (sub > 1 && sub < 8)
			out[EAX] = xsave[sub][0], out[EBX] = xsave[sub][1], out[ECX] = xsave[sub][2];
		break;
	case 0x80000000:
		out[EAX] = host.max_ext;
		break;
	case 0x80000008:
		out[EAX] = 0x392e;	/* 57 and 46 bits */
		break;
	}
}

static void machine(bool amd, u32 nr_vcpus, u32 id)
{
	if (vm.cpuid)
		aerie_cpuid_destroy(&vm);
	memset(&vm, 0, sizeof(vm));
	memset(&vcpu, 0, sizeof(vcpu));
	vm.config.nr_vcpus = nr_vcpus;
	vcpu.vm = &vm;
	vcpu.id = id;
	vcpu.lapic = &lapic;
	vcpu.regs_avail = ~0u;
	vcpu.xcr0 = 1;
	lapic.base_msr = XAPIC_ENABLE;
	host.amd = amd;
	EXPECT_EQ(aerie_cpuid_create(&vm), 0);
}

static void host_reset(void)
{
	memset(&host, 0, sizeof(host));
	host.max_basic = 0x20;
	host.max_ext = 0x80000028;
	host.xcr0 = 0x2e7;
	host.ibpb = true;
	fake.caps = AERIE_CAP_INVPCID | AERIE_CAP_RDTSCP | AERIE_CAP_XSAVES;
}

static u32 ask(u32 leaf, u32 sub, unsigned int reg)
{
	return aerie_cpuid(&vcpu, leaf, sub)[reg];
}

#define HAS(f)	aerie_guest_has(&vm, X86_FEATURE_##f)

TEST(never_offered)
{
	int amd;

	for (amd = 0; amd < 2; amd++) {
		host_reset();
		machine(amd, 2, 0);
		/* DTES64 MONITOR DS_CPL VMX SMX EIST TM2 SDBG xTPR PDCM DCA */
		EXPECT_EQ(ask(1, 0, ECX) & 0x4c9fc, 0);
		/* PSN DS ACPI TM IA64 PBE */
		EXPECT_EQ(ask(1, 0, EDX) & 0xe0640400, 0);
		/* SGX PQM MPX RDT PT */
		EXPECT_EQ(ask(7, 0, EBX) & (BIT(2) | BIT(12) | BIT(14) | BIT(15) | BIT(25)), 0);
		/* PKU OSPKE WAITPKG CET_SS TME KL BUSLOCK ENQCMD SGX_LC PKS */
		EXPECT_EQ(ask(7, 0, ECX) & 0xe18020b8, 0);
		/* UINTR SRBDS PCONFIG LBR IBT AMX SPEC_CTRL STIBP L1D CORE SSBD */
		EXPECT_EQ(ask(7, 0, EDX) & (BIT(5) | BIT(9) | BIT(18) | BIT(19) | BIT(20) |
			  BIT(22) | BIT(24) | BIT(25) | BIT(26) | BIT(27) | BIT(28) | BIT(30) |
			  BIT(31)), 0);
		EXPECT_EQ(ask(7, 1, EAX) & (BIT(17) | BIT(26)), 0);	/* FRED LAM */
		EXPECT_EQ(ask(7, 2, EDX), 0);
		EXPECT_EQ(ask(5, 0, EDX), 0);
		EXPECT_EQ(ask(6, 0, EAX), BIT(2));
		EXPECT_EQ(ask(6, 0, ECX), 0);
		EXPECT_EQ(ask(0xa, 0, EAX) | ask(0xa, 0, EBX) | ask(0xa, 0, EDX), 0);
		EXPECT_EQ(ask(0x12, 0, EAX) | ask(0x14, 0, EAX) | ask(0x15, 0, EAX), 0);
		/* SVM EXTAPIC IBS SKINIT WDT LWP PERFCTR BPEXT PERFTSC MWAITX */
		EXPECT_EQ(ask(0x80000001, 0, ECX) & 0x3f80b40c, 0);
		EXPECT_EQ(ask(0x80000008, 0, EBX) & (BIT(14) | BIT(15) | BIT(24) | BIT(25) |
			  BIT(28) | BIT(4)), 0);
		EXPECT_EQ(ask(0x8000000a, 0, EAX) | ask(0x8000000a, 0, EDX), 0);
		EXPECT_EQ(ask(0x8000001f, 0, EAX), 0);
		/* An invariant TSC: a guest that took its time from it would not follow the host. */
		EXPECT_EQ(ask(0x80000007, 0, EDX), 0);
	}
}

TEST(always_there)
{
	host_reset();
	memset(host.cleared, 0xff, sizeof(host.cleared));
	machine(false, 1, 0);
	EXPECT_EQ(ask(1, 0, ECX), BIT(21) | BIT(24) | BIT(31));
	EXPECT(ask(1, 0, EDX) & BIT(9));
	EXPECT_EQ(ask(7, 0, EBX) & ~(BIT(6) | BIT(13)), BIT(1));	/* TSC_ADJUST */
	EXPECT_EQ(ask(1, 0, EAX), 0x50657);
	/* What the kernel only gives up for itself. */
	EXPECT(HAS(LA57) && HAS(UMIP) && HAS(MTRR));
	EXPECT(!HAS(XSAVE) && !HAS(AVX) && !HAS(SMAP) && !HAS(RDRAND) && !HAS(INVPCID));
}

TEST(what_the_kernel_found_broken_is_gone)
{
	host_reset();
	host.cleared[CPUID_7_0_EBX] = BIT(11);			/* RTM */
	host.cleared[CPUID_1_ECX] = BIT(30);			/* RDRAND */
	machine(false, 1, 0);
	EXPECT(!HAS(RTM) && !HAS(RDRAND) && HAS(RDSEED) && HAS(AVX2));
	EXPECT_EQ(ask(1, 0, ECX) & BIT(30), 0);
}

TEST(backend_capabilities)
{
	host_reset();
	machine(false, 1, 0);
	EXPECT(HAS(INVPCID) && HAS(RDTSCP) && HAS(RDPID) && HAS(XSAVES));
	fake.caps = 0;
	machine(false, 1, 0);
	EXPECT(!HAS(INVPCID) && !HAS(RDTSCP) && !HAS(RDPID) && !HAS(XSAVES) && HAS(XSAVEC));
}

TEST(dynamic_bits)
{
	int amd;

	for (amd = 0; amd < 2; amd++) {
		host_reset();
		machine(amd, 4, 3);
		EXPECT_EQ(ask(1, 0, ECX) & BIT(27), 0);
		vcpu.regs[AERIE_REG_CR4] = X86_CR4_OSXSAVE;
		EXPECT_EQ(ask(1, 0, ECX) & BIT(27), BIT(27));
		EXPECT_EQ(ask(1, 0, EBX), 3u << 24 | 4 << 16 | 0x800);
		EXPECT_EQ(ask(1, 0, EDX) & BIT(9), BIT(9));
		EXPECT_EQ(ask(0x80000001, 0, EDX) & BIT(9), amd ? BIT(9) : 0);
		lapic.base_msr = 0;
		EXPECT_EQ(ask(1, 0, EDX) & BIT(9), 0);
		EXPECT_EQ(ask(0x80000001, 0, EDX) & BIT(9), 0);
	}
}

TEST(topology)
{
	static const struct {
		u32 nr, bits;
	} t[] = { { 1, 0 }, { 2, 1 }, { 3, 2 }, { 4, 2 }, { 5, 3 }, { 33, 6 }, { 64, 6 } };
	unsigned int i, leaf;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		u32 ids = 1u << t[i].bits;

		host_reset();
		machine(false, t[i].nr, t[i].nr - 1);
		EXPECT_EQ(ask(1, 0, EBX) >> 16 & 0xff, ids);
		EXPECT_EQ(!!(ask(1, 0, EDX) & BIT(28)), t[i].nr > 1);
		for (leaf = 0xb; leaf <= 0x1f; leaf += 0x14) {
			EXPECT_EQ(ask(leaf, 0, EAX), 0);
			EXPECT_EQ(ask(leaf, 0, EBX), 1);
			EXPECT_EQ(ask(leaf, 0, ECX), 0x100);
			EXPECT_EQ(ask(leaf, 1, EAX), t[i].bits);
			EXPECT_EQ(ask(leaf, 1, EBX), t[i].nr);
			EXPECT_EQ(ask(leaf, 1, ECX), 0x201);
			EXPECT_EQ(ask(leaf, 2, EBX), 0);
			EXPECT_EQ(ask(leaf, 2, ECX), 2);
			EXPECT_EQ(ask(leaf, 0x102, ECX), 2);
			EXPECT_EQ(ask(leaf, 1, EDX), t[i].nr - 1);
		}
		/* From level 3 on caches are the package's. */
		EXPECT_EQ(ask(4, 0, EAX) & 0x3ff, 0x121);
		EXPECT_EQ(ask(4, 0, EAX) >> 14 & 0xfff, 0);
		EXPECT_EQ(ask(4, 0, EAX) >> 26, ids - 1);
		EXPECT_EQ(ask(4, 1, EAX) >> 14 & 0xfff, 0);
		EXPECT_EQ(ask(4, 2, EAX) >> 14 & 0xfff, ids - 1);
		EXPECT_EQ(ask(4, 4, EAX), 0);
		EXPECT_EQ(ask(4, 8, EAX), 0);
		EXPECT_EQ(ask(4, ~0u, EAX), 0);
		EXPECT_EQ(ask(0x80000008, 0, ECX), 0);

		machine(true, t[i].nr, t[i].nr - 1);
		EXPECT_EQ(ask(0x80000008, 0, ECX), (t[i].nr - 1) | t[i].bits << 12);
		EXPECT_EQ(ask(0x8000001e, 0, EAX), t[i].nr - 1);
		EXPECT_EQ(ask(0x8000001e, 0, EBX), t[i].nr - 1);
		EXPECT_EQ(ask(0x8000001e, 0, ECX), 0);
		EXPECT_EQ(ask(0x8000001d, 1, EAX) >> 14, 0);
		EXPECT_EQ(ask(0x8000001d, 2, EAX) >> 14, t[i].nr - 1);
		EXPECT_EQ(!!(ask(0x80000001, 0, ECX) & BIT(1)), t[i].nr > 1);
		EXPECT_EQ(ask(4, 0, EAX), 0);
		host.cleared[CPUID_8000_0001_ECX] = BIT(22);	/* TOPOEXT */
		machine(true, t[i].nr, t[i].nr - 1);
		EXPECT_EQ(ask(0x8000001e, 0, EAX) | ask(0x8000001d, 0, EAX), 0);
	}
}

TEST(xsave)
{
	host_reset();
	machine(false, 1, 0);
	EXPECT_EQ(aerie_guest_xcr0_mask(&vm), 0xe7);
	EXPECT_EQ(ask(0xd, 0, EAX), 0xe7);
	EXPECT_EQ(ask(0xd, 0, EDX), 0);
	EXPECT_EQ(ask(0xd, 0, ECX), 2688);
	EXPECT_EQ(ask(0xd, 0, EBX), 576);
	vcpu.xcr0 = 7;
	EXPECT_EQ(ask(0xd, 0, EBX), 832);
	EXPECT_EQ(ask(0xd, 1, EBX), 832);
	vcpu.xcr0 = 0xe7;
	EXPECT_EQ(ask(0xd, 0, EBX), 2688);
	/* 576 + 256 + 64 + 512, aligned, + 1024 */
	EXPECT_EQ(ask(0xd, 1, EBX), 1408 + 1024);
	EXPECT_EQ(ask(0xd, 1, EAX), 0xf);
	EXPECT_EQ(ask(0xd, 1, ECX), 0);
	EXPECT_EQ(ask(0xd, 2, EAX), 256);
	EXPECT_EQ(ask(0xd, 2, EBX), 576);
	EXPECT_EQ(ask(0xd, 7, ECX), 2);
	EXPECT_EQ(ask(0xd, 3, EAX) | ask(0xd, 9, EAX) | ask(0xd, 63, EAX) | ask(0xd, ~0u, EBX), 0);

	host.xcr0 = 7;
	machine(false, 1, 0);
	EXPECT_EQ(aerie_guest_xcr0_mask(&vm), 7);
	EXPECT(HAS(AVX) && HAS(AVX2) && !HAS(AVX512F) && !HAS(AVX512_VNNI) && !HAS(AVX512_FP16));
	EXPECT_EQ(ask(0xd, 0, ECX), 832);
	host.xcr0 = 0x67;	/* not all of AVX-512 */
	machine(false, 1, 0);
	EXPECT_EQ(aerie_guest_xcr0_mask(&vm), 7);
	host.xcr0 = 3;
	machine(true, 1, 0);
	EXPECT(HAS(XSAVE) && !HAS(AVX) && !HAS(FMA) && !HAS(AVX2) && !HAS(XOP) && !HAS(VAES));
	EXPECT_EQ(ask(0xd, 0, EAX), 3);
	host.xcr0 = 0;
	machine(false, 1, 0);
	EXPECT(!HAS(XSAVE) && !HAS(XSAVEOPT) && !HAS(XSAVES));
	EXPECT_EQ(ask(0xd, 0, EAX) | ask(0xd, 1, EAX), 0);
	EXPECT_EQ(aerie_guest_cr4_mask(&vm) & X86_CR4_OSXSAVE, 0);
}

#define PV_FEATURES	(BIT(0) | BIT(1) | BIT(3) | BIT(5) | BIT(6) | BIT(7) | BIT(9) | BIT(11) | BIT(12) | BIT(13))

TEST(hypervisor_leaves)
{
	const u32 *out;

	host_reset();
	machine(true, 1, 0);
	out = aerie_cpuid(&vcpu, 0x40000000, 0);
	EXPECT_EQ(out[EAX], 0x40000010);
	EXPECT(!memcmp(&out[EBX], "KVMKVMKVM\0\0\0", 12));
	/* Clock, no delays, new clock, steal time, unhalt, TLB flush, IPIs, poll control, yield. */
	EXPECT_EQ(ask(0x40000001, 0, EAX), PV_FEATURES | BIT(24));
	EXPECT_EQ(ask(0x40000001, 0, EDX), 0);
	EXPECT_EQ(ask(0x40000002, 0, EAX), 0);
	EXPECT_EQ(ask(0x40000010, 0, EAX), 2400000);
	EXPECT_EQ(ask(0x40000010, 0, EBX), 1000000);
}

TEST(out_of_range)
{
	static const u32 leaves[] = { 0x20, 0x21, 0x3fffffff, 0x40000011, 0x40000100, 0x4fffffff,
				      0x50000000, 0x7fffffff, 0x80000029, 0x8fffffff, 0xc0000000,
				      0xffffffff };
	unsigned int i, r;

	host_reset();
	machine(true, 2, 1);
	EXPECT_EQ(ask(0, 0, EAX), 0x1f);
	EXPECT_EQ(ask(0x80000000, 0, EAX), 0x80000021);
	for (i = 0; i < ARRAY_SIZE(leaves); i++)
		for (r = EAX; r <= EDX; r++)
			EXPECT_EQ(ask(leaves[i], 0, r), 0);
	/* Intel repeats its last basic leaf; hypervisor leaves are ours. */
	machine(false, 2, 1);
	EXPECT_EQ(ask(0x80000000, 0, EAX), 0x80000008);
	EXPECT_EQ(ask(0x20, 1, EBX), 2);
	EXPECT_EQ(ask(0x80000009, 1, EBX), 2);
	EXPECT_EQ(ask(0xffffffff, 1, EBX), 2);
	EXPECT_EQ(ask(0x40000011, 1, EBX), 0);
	/* An old processor gets leaves that are ours to give. */
	host.max_basic = 5;
	host.max_ext = 0x80000008;
	machine(true, 2, 1);
	EXPECT_EQ(ask(0, 0, EAX), 0xd);
	EXPECT_EQ(ask(0xb, 1, EBX), 2);
	EXPECT(!HAS(AVX2) && !HAS(XSAVE));
	EXPECT_EQ(ask(7, 0, EBX), BIT(1));
}

TEST(masks)
{
	host_reset();
	machine(false, 1, 0);
	EXPECT_EQ(aerie_guest_phys_bits(&vm), 46);
	EXPECT_EQ(ask(0x80000008, 0, EAX), 0x392e);
	EXPECT_EQ(aerie_guest_cr4_mask(&vm), 0x371fff);
	EXPECT_EQ(aerie_guest_efer_mask(&vm), EFER_SCE | EFER_LME | EFER_LMA | EFER_NX);
	EXPECT(!aerie_guest_is_amd(&vm));
	EXPECT(!HAS(FXSR_OPT) && !HAS(3DNOW) && HAS(SYSCALL));	/* AMD's own */
	EXPECT(!aerie_guest_has(&vm, 32 * 32));
	host.cleared[CPUID_1_ECX] = BIT(17);
	host.cleared[CPUID_7_0_EBX] = BIT(7) | BIT(20) | BIT(0);
	machine(true, 1, 0);
	EXPECT_EQ(aerie_guest_cr4_mask(&vm), 0x371fff &
		  ~(X86_CR4_PCIDE | X86_CR4_SMEP | X86_CR4_SMAP | X86_CR4_FSGSBASE));
	EXPECT(aerie_guest_efer_mask(&vm) & EFER_FFXSR);
	EXPECT(aerie_guest_is_amd(&vm));
}

TEST(prediction_barrier)
{
	host_reset();
	machine(false, 1, 0);
	EXPECT(ask(0x80000008, 0, EBX) & BIT(12));
	EXPECT(HAS(AMD_IBPB));
	host.ibpb = false;
	machine(false, 1, 0);
	EXPECT_EQ(ask(0x80000008, 0, EBX) & BIT(12), 0);
	EXPECT(!HAS(AMD_IBPB));
}

TEST(no_memory)
{
	aerie_cpuid_destroy(&vm);
	shim_fail_alloc = 1;
	EXPECT_EQ(aerie_cpuid_create(&vm), -ENOMEM);
	EXPECT(!vm.cpuid);
}
int shim_fail_alloc;
