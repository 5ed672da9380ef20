/* SPDX-License-Identifier: GPL-2.0 */
/* The fast path's way to the instruction at RIP. */
#ifndef AERIE_CORE_FETCH_H
#define AERIE_CORE_FETCH_H

#include "backend.h"
#include "emul/emul.h"

int aerie_fetch_create(struct aerie_vcpu *vcpu);	/* 0 or -ENOMEM */
void aerie_fetch_destroy(struct aerie_vcpu *vcpu);

/**
 * aerie_fetch_fast() - the instruction at RIP of 64-bit code
 * @vcpu: the vCPU, loaded; the backend has read RIP, CR3 and CR4 into @regs
 * @exit: @code64, @cpl, and the bytes in @fault where the hardware gave them
 *
 * Return: the instruction, valid until the next call; NULL where anything about it
 * is not plain (then nothing has happened).
 */
const struct aerie_insn *aerie_fetch_fast(struct aerie_vcpu *vcpu, const struct aerie_exit *exit);

/**
 * aerie_fetch_pauses() - is the vCPU where something is waited for?
 * @vcpu: the vCPU, loaded
 *
 * Context: own thread. Return: true where it is in the kernel, and a PAUSE is close to RIP in
 * the same page of 64-bit code.
 */
bool aerie_fetch_pauses(struct aerie_vcpu *vcpu);

#endif
