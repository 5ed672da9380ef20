// SPDX-License-Identifier: GPL-2.0
/*
 * What the processor can do, and which controls are used of it.
 *
 * One table says for each control bit whether a guest cannot do without it, may
 * have it, or whether it is switched while guests run. The bits that must be 1
 * come from the TRUE capability MSRs, which every processor with unrestricted
 * guests has.
 */
#include <linux/module.h>
#include <linux/seq_file.h>
#include <asm/cpufeature.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/special_insns.h>

#include "backend.h"
#include "compat.h"
#include "vmx/vmx.h"

struct vmx_caps vmx_caps;

static bool tpr_shadow = true;
module_param(tpr_shadow, bool, 0444);
MODULE_PARM_DESC(tpr_shadow, "VMX: guests access CR8 without exits, where the processor can");

static bool apicv;
module_param(apicv, bool, 0444);
MODULE_PARM_DESC(apicv, "VMX: the processor keeps guests' x2APICs, where it can; wants tpr_shadow");

/* X2APIC: may be there, and is switched on while a guest's APIC is in that mode. */
enum use { NEED, MAY, SWITCH, X2APIC };

struct control {
	u8 ctl;			/* enum vmx_ctl */
	u8 use;			/* enum use */
	u32 bit;
	const char *name;
	const char *missing;	/* the refusal, for what is needed or switched */
};

#define C(_ctl, _use, _bit, _name) {					\
	.ctl = VMX_CTL_##_ctl, .use = _use, .bit = (u32)(_bit), .name = _name,	\
	.missing = "the processor lacks the VMX control \"" _name "\"" }

static const struct control controls[] = {
	C(PIN, NEED, PIN_BASED_EXT_INTR_MASK, "external-interrupt exiting"),
	C(PIN, NEED, PIN_BASED_NMI_EXITING, "NMI exiting"),
	C(PIN, NEED, PIN_BASED_VIRTUAL_NMIS, "virtual NMIs"),
	C(CPU, NEED, CPU_BASED_HLT_EXITING, "HLT exiting"),
	C(CPU, NEED, CPU_BASED_MWAIT_EXITING, "MWAIT exiting"),
	C(CPU, NEED, CPU_BASED_MONITOR_EXITING, "MONITOR exiting"),
	C(CPU, NEED, CPU_BASED_RDPMC_EXITING, "RDPMC exiting"),
	C(CPU, NEED, CPU_BASED_MOV_DR_EXITING, "MOV-DR exiting"),
	C(CPU, NEED, CPU_BASED_UNCOND_IO_EXITING, "unconditional I/O exiting"),
	C(CPU, NEED, CPU_BASED_USE_MSR_BITMAPS, "MSR bitmaps"),
	C(CPU, NEED, CPU_BASED_USE_TSC_OFFSETTING, "TSC offsetting"),
	C(CPU, NEED, CPU_BASED_ACTIVATE_SECONDARY_CONTROLS, "secondary controls"),
	C(CPU, SWITCH, CPU_BASED_INTR_WINDOW_EXITING, "interrupt-window exiting"),
	C(CPU, SWITCH, CPU_BASED_NMI_WINDOW_EXITING, "NMI-window exiting"),
	C(CPU, MAY, CPU_BASED_TPR_SHADOW, "TPR shadow"),
	C(CPU2, NEED, SECONDARY_EXEC_ENABLE_EPT, "EPT"),
	C(CPU2, NEED, SECONDARY_EXEC_UNRESTRICTED_GUEST, "unrestricted guest"),
	C(CPU2, X2APIC, SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE, "x2APIC virtualization"),
	C(CPU2, X2APIC, SECONDARY_EXEC_APIC_REGISTER_VIRT, "APIC-register virtualization"),
	C(CPU2, X2APIC, SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY, "virtual-interrupt delivery"),
	C(CPU2, MAY, SECONDARY_EXEC_ENABLE_VPID, "VPID"),
	C(CPU2, MAY, SECONDARY_EXEC_ENABLE_RDTSCP, "RDTSCP"),
	C(CPU2, MAY, SECONDARY_EXEC_ENABLE_INVPCID, "INVPCID"),
	C(CPU2, MAY, VMCS_CONTROL_BIT(XSAVES), "XSAVES"),
	C(CPU2, MAY, SECONDARY_EXEC_WBINVD_EXITING, "WBINVD exiting"),
	C(CPU2, MAY, SECONDARY_EXEC_PAUSE_LOOP_EXITING, "PAUSE-loop exiting"),
	C(CPU2, MAY, SECONDARY_EXEC_ENCLS_EXITING, "ENCLS exiting"),
	C(EXIT, NEED, VM_EXIT_SAVE_DEBUG_CONTROLS, "save debug controls"),
	C(EXIT, NEED, VM_EXIT_HOST_ADDR_SPACE_SIZE, "64-bit host"),
	C(EXIT, NEED, VM_EXIT_LOAD_IA32_PAT, "load PAT on exit"),
	C(EXIT, NEED, VM_EXIT_LOAD_IA32_EFER, "load EFER on exit"),
	C(ENTRY, NEED, VM_ENTRY_LOAD_DEBUG_CONTROLS, "load debug controls"),
	C(ENTRY, NEED, VM_ENTRY_LOAD_IA32_PAT, "load PAT on entry"),
	C(ENTRY, NEED, VM_ENTRY_LOAD_IA32_EFER, "load EFER on entry"),
	C(ENTRY, SWITCH, VM_ENTRY_IA32E_MODE, "64-bit guest"),
};

#undef C

/* Allowed settings: low half bits that must be 1, high half bits that may be. */
static u64 ctl_allowed(enum vmx_ctl ctl)
{
	bool true_ctls = vmx_rdmsr(MSR_IA32_VMX_BASIC) & BIT_ULL(55);

	switch (ctl) {
	case VMX_CTL_PIN:
		return vmx_rdmsr(true_ctls ? MSR_IA32_VMX_TRUE_PINBASED_CTLS :
					     MSR_IA32_VMX_PINBASED_CTLS);
	case VMX_CTL_CPU:
		return vmx_rdmsr(true_ctls ? MSR_IA32_VMX_TRUE_PROCBASED_CTLS :
					     MSR_IA32_VMX_PROCBASED_CTLS);
	case VMX_CTL_CPU2:
		if (!(ctl_allowed(VMX_CTL_CPU) >> 32 & CPU_BASED_ACTIVATE_SECONDARY_CONTROLS))
			return 0;
		return vmx_rdmsr(MSR_IA32_VMX_PROCBASED_CTLS2);
	case VMX_CTL_EXIT:
		return vmx_rdmsr(true_ctls ? MSR_IA32_VMX_TRUE_EXIT_CTLS :
					     MSR_IA32_VMX_EXIT_CTLS);
	default:
		return vmx_rdmsr(true_ctls ? MSR_IA32_VMX_TRUE_ENTRY_CTLS :
					     MSR_IA32_VMX_ENTRY_CTLS);
	}
}

/* The firmware's word. An unlocked MSR is set and locked by cpu_enable. */
static int probe_firmware(struct aerie_why *why)
{
	u64 val = vmx_rdmsr(MSR_IA32_FEAT_CTL);

	if (val & FEAT_CTL_LOCKED && !(val & FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX))
		return aerie_refuse(why, -EOPNOTSUPP, 0,
				    "VMX is disabled by the firmware: enable virtualization in its set-up");
	return 0;
}

static int probe_controls(struct aerie_why *why)
{
	const struct control *c;

	for (c = controls; c < controls + ARRAY_SIZE(controls); c++)
		if ((c->use == NEED || c->use == SWITCH) && !(ctl_allowed(c->ctl) >> 32 & c->bit))
			return aerie_refuse(why, -EOPNOTSUPP, 0, c->missing);
	return 0;
}

#define EPT_NEED	(VMX_EPT_PAGE_WALK_4_BIT | VMX_EPTP_WB_BIT | VMX_EPT_INVEPT_BIT)
#define EPT_INVEPT_TYPES (VMX_EPT_EXTENT_CONTEXT_BIT | VMX_EPT_EXTENT_GLOBAL_BIT)

static int probe_ept(struct aerie_why *why)
{
	u64 cap = vmx_rdmsr(MSR_IA32_VMX_EPT_VPID_CAP);

	if ((cap & EPT_NEED) != EPT_NEED || !(cap & EPT_INVEPT_TYPES))
		return aerie_refuse(why, -EOPNOTSUPP, 0,
				    "EPT without 4-level tables, write-back memory or INVEPT");
	return 0;
}

/* Control registers of the host must be such that VMXON takes them. */
static int probe_fixed(struct aerie_why *why)
{
	u64 cr0 = read_cr0(), cr4 = __read_cr4() | X86_CR4_VMXE;

	if (vmx_rdmsr(MSR_IA32_VMX_CR0_FIXED0) & ~cr0 ||
	    cr0 & ~vmx_rdmsr(MSR_IA32_VMX_CR0_FIXED1) ||
	    vmx_rdmsr(MSR_IA32_VMX_CR4_FIXED0) & ~cr4 ||
	    cr4 & ~vmx_rdmsr(MSR_IA32_VMX_CR4_FIXED1))
		return aerie_refuse(why, -EOPNOTSUPP, 0,
				    "the host's CR0 or CR4 has bits that VMX operation does not allow");
	return 0;
}

int vmx_caps_probe(struct aerie_why *why)
{
	int err;

	/* Not boot_cpu_has(): the kernel clears it where the firmware says no. */
	if (!(cpuid_ecx(1) & BIT(X86_FEATURE_VMX & 31)))
		return -ENODEV;
	err = probe_firmware(why);
	if (err)
		return err;
	if (!COMPAT_CAN_SET_VMXE)
		return aerie_refuse(why, -EOPNOTSUPP, 0,
				    "kernels from 6.19 on let only KVM switch CR4.VMXE, which VMX needs");
	if (compat_fred())
		return aerie_refuse(why, -EOPNOTSUPP, 0,
				    "the host uses FRED event delivery (boot with fred=off)");
	err = probe_controls(why);
	if (!err)
		err = probe_ept(why);
	if (!err)
		err = probe_fixed(why);
	return err;
}

/* VPIDs are of use only with a way to drop what is cached under them. */
static bool vpid_usable(u64 cap)
{
	const u64 types = VMX_VPID_EXTENT_SINGLE_CONTEXT_BIT | VMX_VPID_EXTENT_GLOBAL_CONTEXT_BIT;

	return cap >> 32 & VMX_VPID_INVVPID_BIT && cap >> 32 & types;
}

int vmx_caps_setup(struct aerie_why *why)
{
	const struct control *c;
	enum vmx_ctl ctl;

	vmx_caps.basic = vmx_rdmsr(MSR_IA32_VMX_BASIC);
	vmx_caps.misc = vmx_rdmsr(MSR_IA32_VMX_MISC);
	vmx_caps.ept_vpid = vmx_rdmsr(MSR_IA32_VMX_EPT_VPID_CAP);
	for (ctl = 0; ctl < VMX_NR_CTLS; ctl++) {
		vmx_caps.ctl[ctl] = ctl_allowed(ctl);
		vmx_caps.may[ctl] = ctl_allowed(ctl) >> 32;
	}
	for (c = controls; c < controls + ARRAY_SIZE(controls); c++)
		if (c->use == NEED || c->use == MAY)
			vmx_caps.ctl[c->ctl] |= c->bit & vmx_caps.may[c->ctl];
	if (!vpid_usable(vmx_caps.ept_vpid))
		vmx_caps.ctl[VMX_CTL_CPU2] &= ~SECONDARY_EXEC_ENABLE_VPID;
	if (!tpr_shadow)
		vmx_caps.ctl[VMX_CTL_CPU] &= ~CPU_BASED_TPR_SHADOW;
	vmx_caps.tpr_shadow = vmx_caps.ctl[VMX_CTL_CPU] & CPU_BASED_TPR_SHADOW;
	if (!vmx_caps.tpr_shadow) {
		const u32 cr8 = CPU_BASED_CR8_LOAD_EXITING | CPU_BASED_CR8_STORE_EXITING;

		if ((vmx_caps.may[VMX_CTL_CPU] & cr8) != cr8)
			return aerie_refuse(why, -EOPNOTSUPP, 0,
					    "the processor has neither TPR shadow nor CR8 exiting");
		vmx_caps.ctl[VMX_CTL_CPU] |= cr8;
	}
	vmx_caps.apicv = apicv && vmx_caps.tpr_shadow &&
			 (vmx_caps.may[VMX_CTL_CPU2] & VMX_APICV) == VMX_APICV;
	vmx_caps.cr0_fixed1 = vmx_rdmsr(MSR_IA32_VMX_CR0_FIXED0) &
			      ~(u64)(X86_CR0_PE | X86_CR0_PG);
	vmx_caps.cr4_fixed1 = vmx_rdmsr(MSR_IA32_VMX_CR4_FIXED0);
	vmx_caps.cr4_may = vmx_rdmsr(MSR_IA32_VMX_CR4_FIXED1);
	vmx_caps.eptp = VMX_EPTP_MT_WB | VMX_EPTP_PWL_4;
	if (vmx_caps.ept_vpid & VMX_EPT_AD_BIT)
		vmx_caps.eptp |= VMX_EPTP_AD_ENABLE_BIT;
	vmx_caps.pebs = boot_cpu_has(X86_FEATURE_PEBS);
	vmx_caps.tsc_aux = boot_cpu_has(X86_FEATURE_RDTSCP) || boot_cpu_has(X86_FEATURE_RDPID);
	vmx_caps.xss = boot_cpu_has(X86_FEATURE_XSAVES);
	return 0;
}


bool vmx_caps_fit(void)
{
	enum vmx_ctl ctl;

	for (ctl = 0; ctl < VMX_NR_CTLS; ctl++) {
		u64 allowed = ctl_allowed(ctl);

		if ((u32)allowed & ~vmx_caps.ctl[ctl] || vmx_caps.ctl[ctl] & ~(allowed >> 32))
			return false;
	}
	if (vmx_caps.apicv && VMX_APICV & ~(ctl_allowed(VMX_CTL_CPU2) >> 32))
		return false;
	return (u32)vmx_rdmsr(MSR_IA32_VMX_BASIC) == (u32)vmx_caps.basic &&
	       !(vmx_caps.ept_vpid & ~vmx_rdmsr(MSR_IA32_VMX_EPT_VPID_CAP));
}

void vmx_show_caps(struct seq_file *m)
{
	static const char * const uses[] = { "needed", "optional", "switched", "x2apic" };
	const struct control *c;

	seq_printf(m, "vmcs revision     0x%x, %u bytes\n",
		   vmx_basic_vmcs_revision_id(vmx_caps.basic),
		   vmx_basic_vmcs_size(vmx_caps.basic));
	seq_printf(m, "ept and vpid      0x%016llx\n", vmx_caps.ept_vpid);
	seq_printf(m, "misc              0x%016llx\n", vmx_caps.misc);
	seq_printf(m, "cr0 always 1      0x%016llx\n", vmx_caps.cr0_fixed1);
	seq_printf(m, "cr4 always 1      0x%016llx\n", vmx_caps.cr4_fixed1);
	seq_printf(m, "cr4 possible      0x%016llx\n", vmx_caps.cr4_may);
	seq_printf(m, "ept a/d bits      %s\n",
		   vmx_caps.eptp & VMX_EPTP_AD_ENABLE_BIT ? "used" : "no");
	seq_printf(m, "ept 2M pages      %s\n",
		   vmx_caps.ept_vpid & VMX_EPT_2MB_PAGE_BIT ? "yes" : "no");
	for (c = controls; c < controls + ARRAY_SIZE(controls); c++)
		seq_printf(m, "%-28s %-8s %s\n", c->name, uses[c->use],
			   !(vmx_caps.may[c->ctl] & c->bit) ? "absent" :
			   c->use == SWITCH ? "there" :
			   c->use == X2APIC ? (vmx_caps.apicv ? "used" : "not used") :
			   vmx_caps.ctl[c->ctl] & c->bit ? "used" : "not used");
}
