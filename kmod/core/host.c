// SPDX-License-Identifier: GPL-2.0
/* The processor as policy sees it: CPUID, TSC, barriers, debug registers. */
#include <asm/cpufeature.h>
#include <asm/fpu/xcr.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/special_insns.h>
#include <asm/tsc.h>

#include "compat.h"
#include "core/host.h"

void aerie_host_cpuid(u32 leaf, u32 subleaf, u32 out[4])
{
	cpuid_count(leaf, subleaf, &out[0], &out[1], &out[2], &out[3]);
}

u32 aerie_host_cap_word(unsigned int word)
{
	return boot_cpu_data.x86_capability[word];
}

u64 aerie_host_xcr0(void)
{
	if (!boot_cpu_has(X86_FEATURE_XSAVE) || !(__read_cr4() & X86_CR4_OSXSAVE))
		return 0;
	return xgetbv(XCR_XFEATURE_ENABLED_MASK);
}

bool aerie_host_clock_pair(u64 *tsc, u64 *ns)
{
	u64 before = rdtsc_ordered();

	compat_clock_snapshot(tsc, ns);
	/* Then it has been read just now. */
	return *tsc - before <= rdtsc_ordered() - before && !check_tsc_unstable();
}

u32 aerie_host_tsc_khz(void)
{
	return tsc_khz;
}

u64 aerie_host_tsc(void)
{
	return rdtsc();
}

u32 aerie_host_microcode(void)
{
	return boot_cpu_data.microcode;
}

u64 aerie_host_arch_capabilities(void)
{
	u64 val = 0;

	if (boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES))
		rdmsrq_safe(MSR_IA32_ARCH_CAPABILITIES, &val);
	return val;
}

bool aerie_host_lfence_serializes(void)
{
	return boot_cpu_has(X86_FEATURE_LFENCE_RDTSC);
}

bool aerie_host_has_ibpb(void)
{
	return boot_cpu_has(X86_FEATURE_IBPB);
}

void aerie_host_ibpb(void)
{
	wrmsrq(MSR_IA32_PRED_CMD, PRED_CMD_IBPB);
}
