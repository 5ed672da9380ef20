// SPDX-License-Identifier: GPL-2.0
/*
 * Translations that the processor caches for guests.
 *
 * Combined mappings carry the VPID and the EPT table's address, guest-physical
 * ones only the latter. INVEPT of one EPT pointer drops both for all VPIDs, so
 * it serves changes of the nested table, a vCPU's move to another processor
 * (what that still holds of an earlier stay is stale) and the reuse of a table's
 * address by the next VM. INVVPID drops what the guest's own paging made.
 */
#include <linux/idr.h>

#include "backend.h"
#include "vmx/vmx.h"

#define CAP_INVVPID(bit)	((u64)(bit) << 32)

static DEFINE_IDA(vpids);

static void invept(u64 type, u64 eptp)
{
	struct {
		u64 eptp, zero;
	} desc = { eptp, 0 };

	asm volatile("invept %[desc], %[type]" : : [desc] "m" (desc), [type] "r" (type)
		     : "cc", "memory");
}

static void invvpid(u64 type, u16 vpid, gva_t gva)
{
	struct {
		u64 vpid, gva;
	} desc = { vpid, gva };

	asm volatile("invvpid %[desc], %[type]" : : [desc] "m" (desc), [type] "r" (type)
		     : "cc", "memory");
}

/* Context: may sleep. Return: 0 where there is none; such a vCPU runs without. */
u16 vmx_vpid_alloc(void)
{
	int id;

	if (!(vmx_caps.ctl[VMX_CTL_CPU2] & SECONDARY_EXEC_ENABLE_VPID))
		return 0;
	id = ida_alloc_range(&vpids, 1, VMX_NR_VPIDS - 1, GFP_KERNEL);
	return id < 0 ? 0 : id;
}

void vmx_vpid_free(u16 vpid)
{
	if (vpid)
		ida_free(&vpids, vpid);
}

void vmx_flush_tlb(struct aerie_vcpu *vcpu)
{
	if (vmx_caps.ept_vpid & VMX_EPT_EXTENT_CONTEXT_BIT)
		invept(VMX_EPT_EXTENT_CONTEXT, to_vmx(vcpu)->eptp);
	else
		invept(VMX_EPT_EXTENT_GLOBAL, 0);
}

static void flush_linear(struct vmx_vcpu *vmx)
{
	if (!vmx->vpid)
		return;		/* every entry and exit drops them */
	if (vmx_caps.ept_vpid & CAP_INVVPID(VMX_VPID_EXTENT_SINGLE_CONTEXT_BIT))
		invvpid(VMX_VPID_EXTENT_SINGLE_CONTEXT, vmx->vpid, 0);
	else
		invvpid(VMX_VPID_EXTENT_ALL_CONTEXT, 0, 0);
}

void vmx_flush_gva(struct aerie_vcpu *vcpu, gva_t gva)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	/* A non-canonical address is refused, and never translated either. */
	if (vmx->vpid &&
	    vmx_caps.ept_vpid & CAP_INVVPID(VMX_VPID_EXTENT_INDIVIDUAL_ADDR_BIT))
		invvpid(VMX_VPID_EXTENT_INDIVIDUAL_ADDR, vmx->vpid, gva);
	else
		flush_linear(vmx);
}
