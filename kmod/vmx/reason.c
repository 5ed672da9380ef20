// SPDX-License-Identifier: GPL-2.0
/*
 * The table of exit reasons, and the meaning of exit qualifications and
 * interruption information. Pure: no VMCS is touched here.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include <asm/vmx.h>

#include "backend.h"
#include "vmx/reason.h"

#define R(_nr, _name, _kind, _flags) \
	[_nr] = { .name = _name, .kind = AERIE_EXIT_##_kind, .flags = _flags }
#define I	VMX_R_INSN
#define Q	VMX_R_QUAL
#define V	VMX_R_VECTOR

/* SDM, VMX Basic Exit Reasons. Those without a kernel definition by number. */
static const struct vmx_reason reasons[] = {
	R(EXIT_REASON_EXCEPTION_NMI, "EXCEPTION_NMI", EXCEPTION, V),
	R(EXIT_REASON_EXTERNAL_INTERRUPT, "EXTERNAL_INTERRUPT", HOST_INTR, 0),
	R(EXIT_REASON_TRIPLE_FAULT, "TRIPLE_FAULT", TRIPLE_FAULT, 0),
	R(EXIT_REASON_INIT_SIGNAL, "INIT_SIGNAL", INIT, 0),
	R(EXIT_REASON_SIPI_SIGNAL, "SIPI_SIGNAL", SIPI, Q),
	R(5, "IO_SMI", SMI, 0),
	R(6, "OTHER_SMI", SMI, 0),
	R(EXIT_REASON_INTERRUPT_WINDOW, "INTERRUPT_WINDOW", INTR_WINDOW, 0),
	R(EXIT_REASON_NMI_WINDOW, "NMI_WINDOW", NMI_WINDOW, 0),
	R(EXIT_REASON_TASK_SWITCH, "TASK_SWITCH", TASK_SWITCH, I | Q | V),
	R(EXIT_REASON_CPUID, "CPUID", CPUID, I),
	R(11, "GETSEC", VIRT_INSN, I),
	R(EXIT_REASON_HLT, "HLT", HLT, I),
	R(EXIT_REASON_INVD, "INVD", INVD, I),
	R(EXIT_REASON_INVLPG, "INVLPG", INVLPG, I | Q),
	R(EXIT_REASON_RDPMC, "RDPMC", RDPMC, I),
	R(EXIT_REASON_RDTSC, "RDTSC", RDTSC, I),
	R(17, "RSM", VIRT_INSN, I),
	R(EXIT_REASON_VMCALL, "VMCALL", HYPERCALL, I),
	R(EXIT_REASON_VMCLEAR, "VMCLEAR", VIRT_INSN, I | Q),
	R(EXIT_REASON_VMLAUNCH, "VMLAUNCH", VIRT_INSN, I),
	R(EXIT_REASON_VMPTRLD, "VMPTRLD", VIRT_INSN, I | Q),
	R(EXIT_REASON_VMPTRST, "VMPTRST", VIRT_INSN, I | Q),
	R(EXIT_REASON_VMREAD, "VMREAD", VIRT_INSN, I | Q),
	R(EXIT_REASON_VMRESUME, "VMRESUME", VIRT_INSN, I),
	R(EXIT_REASON_VMWRITE, "VMWRITE", VIRT_INSN, I | Q),
	R(EXIT_REASON_VMOFF, "VMXOFF", VIRT_INSN, I),
	R(EXIT_REASON_VMON, "VMXON", VIRT_INSN, I | Q),
	R(EXIT_REASON_CR_ACCESS, "CR_ACCESS", CR, I | Q),
	R(EXIT_REASON_DR_ACCESS, "DR_ACCESS", DR, I | Q),
	R(EXIT_REASON_IO_INSTRUCTION, "IO_INSTRUCTION", PIO, I | Q),
	R(EXIT_REASON_MSR_READ, "MSR_READ", RDMSR, I),
	R(EXIT_REASON_MSR_WRITE, "MSR_WRITE", WRMSR, I),
	R(EXIT_REASON_INVALID_STATE, "INVALID_STATE", INVALID_STATE, Q),
	R(EXIT_REASON_MSR_LOAD_FAIL, "MSR_LOAD_FAIL", INVALID_STATE, Q),
	R(EXIT_REASON_MWAIT_INSTRUCTION, "MWAIT_INSTRUCTION", MWAIT, I | Q),
	R(EXIT_REASON_MONITOR_TRAP_FLAG, "MONITOR_TRAP_FLAG", OTHER, 0),
	R(EXIT_REASON_MONITOR_INSTRUCTION, "MONITOR_INSTRUCTION", MONITOR, I),
	R(EXIT_REASON_PAUSE_INSTRUCTION, "PAUSE_INSTRUCTION", PAUSE, I),
	R(EXIT_REASON_MCE_DURING_VMENTRY, "MCE_DURING_VMENTRY", INVALID_STATE, 0),
	R(EXIT_REASON_TPR_BELOW_THRESHOLD, "TPR_BELOW_THRESHOLD", INTR_WINDOW, 0),
	R(EXIT_REASON_APIC_ACCESS, "APIC_ACCESS", OTHER, Q | V),
	R(EXIT_REASON_EOI_INDUCED, "EOI_INDUCED", EOI, Q),
	R(EXIT_REASON_GDTR_IDTR, "GDTR_IDTR", DTABLE, I | Q),
	R(EXIT_REASON_LDTR_TR, "LDTR_TR", DTABLE, I | Q),
	R(EXIT_REASON_EPT_VIOLATION, "EPT_VIOLATION", FAULT, Q | V),
	R(EXIT_REASON_EPT_MISCONFIG, "EPT_MISCONFIG", UNCLAIMED, V),
	R(EXIT_REASON_INVEPT, "INVEPT", VIRT_INSN, I | Q),
	R(EXIT_REASON_RDTSCP, "RDTSCP", RDTSC, I),
	R(EXIT_REASON_PREEMPTION_TIMER, "PREEMPTION_TIMER", PREEMPT_TIMER, 0),
	R(EXIT_REASON_INVVPID, "INVVPID", VIRT_INSN, I | Q),
	R(EXIT_REASON_WBINVD, "WBINVD", WBINVD, I),
	R(EXIT_REASON_XSETBV, "XSETBV", XSETBV, I),
	R(EXIT_REASON_APIC_WRITE, "APIC_WRITE", OTHER, Q),
	R(EXIT_REASON_RDRAND, "RDRAND", OTHER, I),
	R(EXIT_REASON_INVPCID, "INVPCID", VIRT_INSN, I | Q),
	R(EXIT_REASON_VMFUNC, "VMFUNC", VIRT_INSN, I),
	R(EXIT_REASON_ENCLS, "ENCLS", VIRT_INSN, I),
	R(EXIT_REASON_RDSEED, "RDSEED", OTHER, I),
	R(EXIT_REASON_PML_FULL, "PML_FULL", OTHER, Q | V),
	R(EXIT_REASON_XSAVES, "XSAVES", VIRT_INSN, I | Q),
	R(EXIT_REASON_XRSTORS, "XRSTORS", VIRT_INSN, I | Q),
	R(65, "PCONFIG", VIRT_INSN, I),
	R(66, "SPP_EVENT", OTHER, Q | V),
	R(EXIT_REASON_UMWAIT, "UMWAIT", VIRT_INSN, I),
	R(EXIT_REASON_TPAUSE, "TPAUSE", VIRT_INSN, I),
	R(69, "LOADIWKEY", VIRT_INSN, I),
	R(70, "ENCLV", VIRT_INSN, I),
	R(72, "ENQCMD_PASID", OTHER, Q),
	R(73, "ENQCMDS_PASID", OTHER, Q),
	R(EXIT_REASON_BUS_LOCK, "BUS_LOCK", OTHER, 0),
	R(EXIT_REASON_NOTIFY, "NOTIFY", OTHER, Q),
	R(76, "SEAMCALL", VIRT_INSN, I),
	R(77, "TDCALL", VIRT_INSN, I),
};

#undef R
#undef I
#undef Q
#undef V

static const struct vmx_reason reason_unknown = { .name = "unknown" };

const struct vmx_reason *vmx_reason(u32 basic)
{
	if (basic >= ARRAY_SIZE(reasons) || !reasons[basic].name)
		return &reason_unknown;
	return &reasons[basic];
}

const char *vmx_reason_name(u32 hw_reason)
{
	return vmx_reason(hw_reason & 0xffff)->name;
}

/* SDM, Exit Qualification for Control-Register Accesses. */
void vmx_decode_cr(u64 qual, struct aerie_exit *exit)
{
	static const u8 ops[] = {
		AERIE_CR_WRITE, AERIE_CR_READ, AERIE_CR_CLTS, AERIE_CR_LMSW,
	};

	exit->cr.cr = qual & 0xf;
	exit->cr.op = ops[qual >> 4 & 3];
	exit->cr.reg = qual >> 8 & 0xf;
	exit->cr.lmsw = qual >> 16;
	exit->cr.decoded = true;
}

/* SDM, Exit Qualification for MOV DR. */
void vmx_decode_dr(u64 qual, struct aerie_exit *exit)
{
	exit->dr.dr = qual & DEBUG_REG_ACCESS_NUM;
	exit->dr.write = !(qual & TYPE_MOV_FROM_DR);
	exit->dr.reg = DEBUG_REG_ACCESS_REG(qual);
	exit->dr.decoded = true;
}

void vmx_decode_pio(u64 qual, struct aerie_exit *exit)
{
	exit->pio.size = (qual & VMX_IO_SIZE) + 1;
	exit->pio.in = qual & VMX_IO_IN;
	exit->pio.string = qual & VMX_IO_STRING;
	exit->pio.rep = qual & VMX_IO_REP;
	exit->pio.port = qual >> 16;
}

/* SDM, Exit Qualification for Task Switches. */
void vmx_decode_task(u64 qual, struct aerie_exit *exit)
{
	exit->task.selector = qual;
	exit->task.source = qual >> 30 & 3;
}

/*
 * SDM, Exit Qualification for EPT Violations. Where accessed and dirty bits are
 * on, the processor's accesses to the guest's page tables count as writes.
 */
void vmx_decode_ept(u64 qual, gpa_t gpa, gva_t gva, struct aerie_exit *exit)
{
	exit->fault.gpa = gpa;
	if (qual & EPT_VIOLATION_ACC_WRITE)
		exit->fault.acc |= AERIE_ACC_WRITE;
	if (qual & EPT_VIOLATION_ACC_INSTR)
		exit->fault.acc |= AERIE_ACC_FETCH;
	exit->fault.gva_valid = qual & BIT(7);
	if (exit->fault.gva_valid) {
		exit->fault.gva = gva;
		exit->fault.walk = !(qual & BIT(8));
	}
}

/* SDM, Exit Qualification for Debug Exceptions: B0-B3, BD, BS as in DR6. */
u64 vmx_decode_db(u64 qual)
{
	return qual & 0x600f;
}

#define INFO_ERROR	BIT(11)
#define INFO_VALID	BIT(31)
#define INFO_TYPE_SHIFT	8

/* #DF, #TS, #NP, #SS, #GP, #PF, #AC: the entry wants an error code with exactly these. */
#define ERROR_VECTORS	(BIT(8) | BIT(10) | BIT(11) | BIT(12) | BIT(13) | BIT(14) | BIT(17))

u32 vmx_intr_info(const struct aerie_event *event, bool real)
{
	static const u32 types[] = {
		[AERIE_EVENT_EXTINT] = 0, [AERIE_EVENT_NMI] = 2,
		[AERIE_EVENT_EXCEPTION] = 3, [AERIE_EVENT_SOFTINT] = 4,
		[AERIE_EVENT_PRIVEXC] = 5, [AERIE_EVENT_SOFTEXC] = 6,
	};
	u32 info;

	if (event->type == AERIE_EVENT_NONE || event->type >= ARRAY_SIZE(types))
		return 0;
	info = INFO_VALID | types[event->type] << INFO_TYPE_SHIFT | event->vector;
	if (event->type == AERIE_EVENT_EXCEPTION && !real &&
	    event->vector < 32 && ERROR_VECTORS & BIT(event->vector))
		info |= INFO_ERROR;
	return info;
}

void vmx_event_from_info(u32 info, u32 error, u8 insn_len, struct aerie_event *event)
{
	static const u8 types[] = {
		AERIE_EVENT_EXTINT, AERIE_EVENT_NONE, AERIE_EVENT_NMI,
		AERIE_EVENT_EXCEPTION, AERIE_EVENT_SOFTINT, AERIE_EVENT_PRIVEXC,
		AERIE_EVENT_SOFTEXC, AERIE_EVENT_NONE,
	};

	memset(event, 0, sizeof(*event));
	if (!(info & INFO_VALID))
		return;
	event->type = types[info >> INFO_TYPE_SHIFT & 7];
	event->vector = info;
	event->has_error = info & INFO_ERROR;
	if (event->has_error)
		event->error = error;
	if (event->type >= AERIE_EVENT_SOFTINT)
		event->insn_len = insn_len;
}
