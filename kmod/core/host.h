/* SPDX-License-Identifier: GPL-2.0 */
/* What policy has to know of, and do to, the processor it runs on; tests fake it. */
#ifndef AERIE_CORE_HOST_H
#define AERIE_CORE_HOST_H

#include <linux/types.h>

/* CPUID as the processor answers: EAX EBX ECX EDX. */
void aerie_host_cpuid(u32 leaf, u32 subleaf, u32 out[4]);
/* One word of what the host kernel has found usable (enum cpuid_leafs). */
u32 aerie_host_cap_word(unsigned int word);
/* The host's XCR0, or 0 where it does not use XSAVE. */
u64 aerie_host_xcr0(void);
/* TSC and aerie_now_ns() of one moment; false where the host keeps its time by something else. */
bool aerie_host_clock_pair(u64 *tsc, u64 *ns);
u32 aerie_host_tsc_khz(void);
u64 aerie_host_tsc(void);
u32 aerie_host_microcode(void);
/* IA32_ARCH_CAPABILITIES, 0 where there is none. */
u64 aerie_host_arch_capabilities(void);
/* LFENCE is dispatch serialising (AMD's DE_CFG, or always). */
bool aerie_host_lfence_serializes(void);
/* There is an indirect branch prediction barrier; issue one. */
bool aerie_host_has_ibpb(void);
void aerie_host_ibpb(void);

#endif
