/* SPDX-License-Identifier: GPL-2.0 */
/* What a guest may see and set: CPUID, MSRs, control registers, time. */
#ifndef AERIE_CORE_POLICY_H
#define AERIE_CORE_POLICY_H

#include "types.h"

/* State components; those of AVX-512 go together. */
#define XCR0_X87	BIT_ULL(0)
#define XCR0_SSE	BIT_ULL(1)
#define XCR0_AVX	BIT_ULL(2)
#define XCR0_AVX512	(7ull << 5)

struct aerie_vcpu;
struct aerie_vm;
struct seq_file;

/* cpuid.c */

/**
 * aerie_cpuid_create() - fix what the VM's processors are, from the host's
 * @vm: the VM; sets vm->cpuid
 *
 * Context: may sleep. Return: 0 or -ENOMEM.
 */
int aerie_cpuid_create(struct aerie_vm *vm);
void aerie_cpuid_destroy(struct aerie_vm *vm);
/* EAX, EBX, ECX, EDX of @leaf/@subleaf as this vCPU sees it; until the next call. */
const u32 *aerie_cpuid(struct aerie_vcpu *vcpu, u32 leaf, u32 subleaf);
/* Has the guest feature @feature (X86_FEATURE_* of cpufeatures.h)? */
bool aerie_guest_has(struct aerie_vm *vm, unsigned int feature);
/* Is the guest's processor AMD's, or one that follows it? */
bool aerie_guest_is_amd(struct aerie_vm *vm);
/* MAXPHYADDR of the guest */
u32 aerie_guest_phys_bits(struct aerie_vm *vm);
/* CR4 bits, EFER bits and XCR0 bits that the guest's features allow. */
u64 aerie_guest_cr4_mask(struct aerie_vm *vm);
u64 aerie_guest_efer_mask(struct aerie_vm *vm);
u64 aerie_guest_xcr0_mask(struct aerie_vm *vm);

/* msr.c */

/* Once, before any VM exists. */
void aerie_msr_init(void);
/* Which MSRs the VM's processors have; after aerie_cpuid_create(). */
void aerie_msr_create(struct aerie_vm *vm);
/* RDMSR and WRMSR by the guest. 0, or 1 for #GP(0). Context: vCPU loaded. */
int aerie_msr_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val);
int aerie_msr_write(struct aerie_vcpu *vcpu, u32 msr, u64 val);
/*
 * MSRs that the guest reads and writes without an exit, for the backends' bitmaps.
 * Ends with a 0. FS_BASE, GS_BASE, KERNEL_GS_BASE, STAR, LSTAR, CSTAR,
 * SYSCALL_MASK, SYSENTER_*; backends keep their values.
 */
extern const u32 aerie_msr_passthrough[];
/* Power-on values of all MSRs, the backends' too (not at INIT). Context: vCPU loaded. */
void aerie_msr_reset(struct aerie_vcpu *vcpu);

/*
 * cr.c: 0, or AERIE_RAISE_GP, with error code 0; CR0, CR3 and CR4 also -EAGAIN with
 * vcpu->fault_gpa set, to be made resident before the instruction is executed again.
 * The caller has checked the privilege level and CR4.OSXSAVE. Context: vCPU loaded.
 */
#define AERIE_RAISE_GP	1
int aerie_cr0_write(struct aerie_vcpu *vcpu, u64 val);
int aerie_cr3_write(struct aerie_vcpu *vcpu, u64 val);
int aerie_cr4_write(struct aerie_vcpu *vcpu, u64 val);
int aerie_cr8_write(struct aerie_vcpu *vcpu, u64 val);
int aerie_efer_write(struct aerie_vcpu *vcpu, u64 val);
int aerie_xcr0_write(struct aerie_vcpu *vcpu, u32 index, u64 val);

/* tsc.c */

/* Guest TSC now; the vCPU need not be loaded. */
u64 aerie_guest_tsc(struct aerie_vcpu *vcpu);
/* When the guest's TSC reaches @tsc, and when that was asked: both on the clock of aerie_now_ns(). */
struct aerie_deadline {
	u64 ns, now;
};
struct aerie_deadline aerie_tsc_to_deadline(struct aerie_vcpu *vcpu, u64 tsc);
/* kHz of the guest's TSC, and the local APIC timer's bus frequency in Hz. */
u32 aerie_tsc_khz(void);
#define AERIE_APIC_BUS_HZ	1000000000ull
/* Power-on state (not at INIT), after aerie_clock_start(). Context: vCPU loaded. */
void aerie_tsc_reset(struct aerie_vcpu *vcpu);
/* TSC and TSC_ADJUST. 0, or 1 for #GP. Context: vCPU loaded. */
int aerie_tsc_msr_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val);
int aerie_tsc_msr_write(struct aerie_vcpu *vcpu, u32 msr, u64 val);

/* clock.c */

/* A VM starts: the TSC's offset, and time 0. No vCPU runs. */
void aerie_clock_start(struct aerie_vm *vm);
/* The guest has asked for nothing. Context: vCPU loaded. */
void aerie_clock_reset(struct aerie_vcpu *vcpu);
/* vcpu->cpu has been set: the page may have to follow. Context: loaded. */
void aerie_clock_load(struct aerie_vcpu *vcpu);
/* The vCPU has another TSC. Context: loaded. */
void aerie_clock_changed(struct aerie_vcpu *vcpu);
/* Is the clock still right? Before the guest goes on. Context: own thread, not loaded. */
void aerie_clock_look(struct aerie_vcpu *vcpu);
/* Its MSRs. 0, or 1 for #GP. Context: vCPU loaded. */
int aerie_clock_msr_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val);
int aerie_clock_msr_write(struct aerie_vcpu *vcpu, u32 msr, u64 val);
/* AERIE_REQ_CLOCK: write what is to be. 0, or -EAGAIN with vcpu->fault_gpa set. Context: loaded. */
int aerie_clock_update(struct aerie_vcpu *vcpu);

/**
 * aerie_clock_pairing() - KVM_HC_CLOCK_PAIRING: the host's wall clock at a TSC of the guest
 * @vcpu: the vCPU
 * @gpa: of a struct kvm_clock_pairing
 * @type: KVM_CLOCK_PAIRING_*
 *
 * Context: vCPU loaded; interrupts may be off.
 * Return: 0; -KVM_EOPNOTSUPP another clock, or the host does not keep its time by the TSC;
 * -KVM_EFAULT no memory there.
 */
s64 aerie_clock_pairing(struct aerie_vcpu *vcpu, gpa_t gpa, u64 type);

/* pv.c */

/* Power-on state (not at INIT). Context: vCPU loaded. */
void aerie_pv_reset(struct aerie_vcpu *vcpu);
/* MSR_KVM_STEAL_TIME, _PV_EOI_EN and _POLL_CONTROL. 0, or 1 for #GP. Context: vCPU loaded. */
int aerie_pv_msr_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val);
int aerie_pv_msr_write(struct aerie_vcpu *vcpu, u32 msr, u64 val);
/* It is about to be without a processor: tell the guest. Own thread, not loaded. */
void aerie_pv_leave(struct aerie_vcpu *vcpu);
/* It has one again, and is about to go on. Own thread. */
void aerie_pv_return(struct aerie_vcpu *vcpu);
/* AERIE_REQ_STEAL: tell the guest so. 0, or -EAGAIN with vcpu->fault_gpa set. Context: loaded. */
int aerie_pv_update(struct aerie_vcpu *vcpu);

/**
 * aerie_pv_hypercall() - a hypercall of KVM's that there is (Linux, KVM Hypercalls)
 * @vcpu: its registers have number and arguments; the guest is at privilege level 0
 *
 * Context: vCPU loaded; interrupts may be off.
 * Return: what RAX is to be, -KVM_ENOSYS where there is none of that number.
 */
u64 aerie_pv_hypercall(struct aerie_vcpu *vcpu);

/* pv_eoi.c */

/* MSR_KVM_PV_EOI_EN. 0, or 1 for #GP. Context: vCPU loaded. */
int aerie_pv_eoi_write(struct aerie_vcpu *vcpu, u64 val);
/* The interrupt that goes in, the only one in service, may end without an exit. Own thread. */
void aerie_pv_eoi_offer(struct aerie_vcpu *vcpu);

/**
 * aerie_pv_eoi_settle() - see whether the guest has taken the offer, and end it
 * @vcpu: on its own thread; pv.eoi_offer is set
 *
 * Context: any.
 * Return: 0; -EAGAIN where the guest's page is not there: vcpu->fault_gpa says which, and
 * AERIE_REQ_STEAL that it is wanted.
 */
int aerie_pv_eoi_settle(struct aerie_vcpu *vcpu);

#endif
