// SPDX-License-Identifier: GPL-2.0
/* The VMCS as a whole: printed field by field, and copied for the entry checks. */
#include <linux/seq_file.h>
#include <asm/apicdef.h>

#include "backend.h"
#include "dev/lapic.h"
#include "vmx/check.h"
#include "vmx/vmx.h"

#define F(field) { field, #field }

static const struct {
	u32 field;
	const char *name;
} fields[] = {
	F(VIRTUAL_PROCESSOR_ID),
	F(GUEST_ES_SELECTOR), F(GUEST_CS_SELECTOR), F(GUEST_SS_SELECTOR), F(GUEST_DS_SELECTOR),
	F(GUEST_FS_SELECTOR), F(GUEST_GS_SELECTOR), F(GUEST_LDTR_SELECTOR),
	F(GUEST_TR_SELECTOR),
	F(GUEST_INTR_STATUS),
	F(HOST_ES_SELECTOR), F(HOST_CS_SELECTOR), F(HOST_SS_SELECTOR), F(HOST_DS_SELECTOR),
	F(HOST_FS_SELECTOR), F(HOST_GS_SELECTOR), F(HOST_TR_SELECTOR),
	F(IO_BITMAP_A), F(IO_BITMAP_B), F(MSR_BITMAP), F(VM_EXIT_MSR_STORE_ADDR),
	F(VM_EXIT_MSR_LOAD_ADDR), F(VM_ENTRY_MSR_LOAD_ADDR), F(PML_ADDRESS), F(TSC_OFFSET),
	F(VIRTUAL_APIC_PAGE_ADDR), F(APIC_ACCESS_ADDR),
	F(EOI_EXIT_BITMAP0), F(EOI_EXIT_BITMAP1), F(EOI_EXIT_BITMAP2), F(EOI_EXIT_BITMAP3),
	F(EPT_POINTER), F(XSS_EXIT_BITMAP), F(ENCLS_EXITING_BITMAP), F(TSC_MULTIPLIER),
	F(GUEST_PHYSICAL_ADDRESS), F(VMCS_LINK_POINTER), F(GUEST_IA32_DEBUGCTL),
	F(GUEST_IA32_PAT), F(GUEST_IA32_EFER), F(GUEST_IA32_PERF_GLOBAL_CTRL), F(GUEST_PDPTR0),
	F(GUEST_PDPTR1), F(GUEST_PDPTR2), F(GUEST_PDPTR3),
	F(HOST_IA32_PAT), F(HOST_IA32_EFER), F(HOST_IA32_PERF_GLOBAL_CTRL),
	F(PIN_BASED_VM_EXEC_CONTROL), F(CPU_BASED_VM_EXEC_CONTROL),
	F(SECONDARY_VM_EXEC_CONTROL), F(VM_EXIT_CONTROLS), F(VM_ENTRY_CONTROLS),
	F(EXCEPTION_BITMAP), F(PAGE_FAULT_ERROR_CODE_MASK), F(PAGE_FAULT_ERROR_CODE_MATCH),
	F(CR3_TARGET_COUNT), F(VM_EXIT_MSR_STORE_COUNT), F(VM_EXIT_MSR_LOAD_COUNT),
	F(VM_ENTRY_MSR_LOAD_COUNT), F(VM_ENTRY_INTR_INFO_FIELD),
	F(VM_ENTRY_EXCEPTION_ERROR_CODE), F(VM_ENTRY_INSTRUCTION_LEN), F(TPR_THRESHOLD),
	F(PLE_GAP), F(PLE_WINDOW),
	F(VM_INSTRUCTION_ERROR), F(VM_EXIT_REASON), F(VM_EXIT_INTR_INFO),
	F(VM_EXIT_INTR_ERROR_CODE), F(IDT_VECTORING_INFO_FIELD), F(IDT_VECTORING_ERROR_CODE),
	F(VM_EXIT_INSTRUCTION_LEN), F(VMX_INSTRUCTION_INFO),
	F(GUEST_ES_LIMIT), F(GUEST_CS_LIMIT), F(GUEST_SS_LIMIT), F(GUEST_DS_LIMIT),
	F(GUEST_FS_LIMIT), F(GUEST_GS_LIMIT), F(GUEST_LDTR_LIMIT), F(GUEST_TR_LIMIT),
	F(GUEST_GDTR_LIMIT), F(GUEST_IDTR_LIMIT),
	F(GUEST_ES_AR_BYTES), F(GUEST_CS_AR_BYTES), F(GUEST_SS_AR_BYTES), F(GUEST_DS_AR_BYTES),
	F(GUEST_FS_AR_BYTES), F(GUEST_GS_AR_BYTES), F(GUEST_LDTR_AR_BYTES),
	F(GUEST_TR_AR_BYTES),
	F(GUEST_INTERRUPTIBILITY_INFO), F(GUEST_ACTIVITY_STATE), F(GUEST_SYSENTER_CS),
	F(HOST_IA32_SYSENTER_CS),
	F(CR0_GUEST_HOST_MASK), F(CR4_GUEST_HOST_MASK), F(CR0_READ_SHADOW), F(CR4_READ_SHADOW),
	F(EXIT_QUALIFICATION), F(GUEST_LINEAR_ADDRESS),
	F(GUEST_CR0), F(GUEST_CR3), F(GUEST_CR4), F(GUEST_ES_BASE), F(GUEST_CS_BASE),
	F(GUEST_SS_BASE), F(GUEST_DS_BASE), F(GUEST_FS_BASE), F(GUEST_GS_BASE),
	F(GUEST_LDTR_BASE), F(GUEST_TR_BASE), F(GUEST_GDTR_BASE), F(GUEST_IDTR_BASE),
	F(GUEST_DR7), F(GUEST_RSP), F(GUEST_RIP), F(GUEST_RFLAGS),
	F(GUEST_PENDING_DBG_EXCEPTIONS), F(GUEST_SYSENTER_ESP), F(GUEST_SYSENTER_EIP),
	F(HOST_CR0), F(HOST_CR3), F(HOST_CR4), F(HOST_FS_BASE), F(HOST_GS_BASE),
	F(HOST_TR_BASE), F(HOST_GDTR_BASE), F(HOST_IDTR_BASE), F(HOST_IA32_SYSENTER_ESP),
	F(HOST_IA32_SYSENTER_EIP), F(HOST_RSP), F(HOST_RIP),
};

#undef F

/* False where the processor does not have the field. */
static bool read_field(unsigned long field, u64 *val)
{
	bool ok;

	asm volatile("vmread %[field], %[val]\n\t"
		     "seta %[ok]"
		     : [val] "=r" (*val), [ok] "=qm" (ok) : [field] "r" (field) : "cc");
	return ok;
}

void vmx_dump(struct aerie_vcpu *vcpu, struct seq_file *m)
{
	unsigned int i;
	u64 val;

	for (i = 0; i < ARRAY_SIZE(fields); i++)
		if (read_field(fields[i].field, &val))
			seq_printf(m, "%-30s 0x%llx\n", fields[i].name, val);
}

static void copy_controls(struct vmx_vcpu *vmx, struct vmx_state *s)
{
	s->cr0_fixed1 = vmx_caps.cr0_fixed1;
	s->cr4_fixed1 = vmx_caps.cr4_fixed1;
	s->cr4_may = vmx_caps.cr4_may;
	s->phys_bits = boot_cpu_data.x86_phys_bits;
	s->virt_bits = boot_cpu_data.x86_virt_bits;
	s->pin = vmx_read(PIN_BASED_VM_EXEC_CONTROL);
	s->cpu = vmx_read(CPU_BASED_VM_EXEC_CONTROL);
	s->cpu2 = vmx_read(SECONDARY_VM_EXEC_CONTROL);
	s->exit = vmx_read(VM_EXIT_CONTROLS);
	s->entry = vmx_read(VM_ENTRY_CONTROLS);
	s->entry_info = vmx_read(VM_ENTRY_INTR_INFO_FIELD);
	s->entry_error = vmx_read(VM_ENTRY_EXCEPTION_ERROR_CODE);
	s->entry_len = vmx_read(VM_ENTRY_INSTRUCTION_LEN);
	s->eptp = vmx_read(EPT_POINTER);
	s->msr_bitmap = vmx_read(MSR_BITMAP);
	if (s->cpu2 & SECONDARY_EXEC_ENABLE_VPID)
		s->vpid = vmx_read(VIRTUAL_PROCESSOR_ID);
	if (s->cpu & CPU_BASED_TPR_SHADOW) {
		s->vapic = vmx_read(VIRTUAL_APIC_PAGE_ADDR);
		s->tpr_threshold = vmx_read(TPR_THRESHOLD);
		s->vtpr = vmx->vcpu.lapic->regs[APIC_TASKPRI];
	}
}

static void copy_host(struct vmx_state *s)
{
	s->host_cr0 = vmx_read(HOST_CR0);
	s->host_cr3 = vmx_read(HOST_CR3);
	s->host_cr4 = vmx_read(HOST_CR4);
	s->host_efer = vmx_read(HOST_IA32_EFER);
	s->host_pat = vmx_read(HOST_IA32_PAT);
	s->host_fs = vmx_read(HOST_FS_BASE);
	s->host_gs = vmx_read(HOST_GS_BASE);
	s->host_tr = vmx_read(HOST_TR_BASE);
	s->host_gdt = vmx_read(HOST_GDTR_BASE);
	s->host_idt = vmx_read(HOST_IDTR_BASE);
	s->host_rip = vmx_read(HOST_RIP);
	s->host_sysenter_esp = vmx_read(HOST_IA32_SYSENTER_ESP);
	s->host_sysenter_eip = vmx_read(HOST_IA32_SYSENTER_EIP);
	s->host_cs_sel = vmx_read(HOST_CS_SELECTOR);
	s->host_ss_sel = vmx_read(HOST_SS_SELECTOR);
	s->host_ds_sel = vmx_read(HOST_DS_SELECTOR);
	s->host_es_sel = vmx_read(HOST_ES_SELECTOR);
	s->host_fs_sel = vmx_read(HOST_FS_SELECTOR);
	s->host_gs_sel = vmx_read(HOST_GS_SELECTOR);
	s->host_tr_sel = vmx_read(HOST_TR_SELECTOR);
}

static void copy_guest(struct vmx_vcpu *vmx, struct vmx_state *s)
{
	enum aerie_seg seg;
	int i;

	s->cr0 = vmx_read(GUEST_CR0);
	s->cr3 = vmx_read(GUEST_CR3);
	s->cr4 = vmx_read(GUEST_CR4);
	s->efer = vmx_read(GUEST_IA32_EFER);
	s->pat = vmx_read(GUEST_IA32_PAT);
	s->dr7 = vmx_read(GUEST_DR7);
	s->debugctl = vmx_read(GUEST_IA32_DEBUGCTL);
	s->rip = vmx_read(GUEST_RIP);
	s->rflags = vmx_read(GUEST_RFLAGS);
	s->sysenter_esp = vmx_read(GUEST_SYSENTER_ESP);
	s->sysenter_eip = vmx_read(GUEST_SYSENTER_EIP);
	for (i = 0; i < ARRAY_SIZE(s->pdpte); i++)
		s->pdpte[i] = vmx_read(GUEST_PDPTR0 + 2 * i);
	s->link = vmx_read(VMCS_LINK_POINTER);
	for (seg = 0; seg < AERIE_NR_SEGS; seg++)
		vmx_seg_get(&vmx->vcpu, seg, &s->seg[seg]);
	s->gdt_base = vmx_read(GUEST_GDTR_BASE);
	s->gdt_limit = vmx_read(GUEST_GDTR_LIMIT);
	s->idt_base = vmx_read(GUEST_IDTR_BASE);
	s->idt_limit = vmx_read(GUEST_IDTR_LIMIT);
	s->activity = vmx_read(GUEST_ACTIVITY_STATE);
	s->intr_state = vmx_read(GUEST_INTERRUPTIBILITY_INFO);
	s->pending_dbg = vmx_read(GUEST_PENDING_DBG_EXCEPTIONS);
}

const char *vmx_entry_check(struct vmx_vcpu *vmx)
{
	struct vmx_state s = {};

	copy_controls(vmx, &s);
	copy_host(&s);
	copy_guest(vmx, &s);
	return vmx_check_state(&s);
}
