// SPDX-License-Identifier: GPL-2.0
/*
 * The VMCS: its life, what is constant in it, and the host's side of it.
 *
 * A VMCS is cached by the processor it was last used on, and only VMCLEAR there
 * makes its memory whole: before another processor loads it, before its memory
 * is freed, and before the processor leaves VMX operation. Each processor keeps
 * the list of those it may cache; only that processor changes the list, with
 * interrupts off, so the crash path may walk it at any time.
 *
 * Most of the host state area is the same for every entry on one processor and
 * written when the VMCS comes to it. CR3, CR4 and RSP are compared at each entry.
 */
#include <linux/slab.h>
#include <linux/smp.h>
#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/segment.h>
#include <asm/special_insns.h>
#include <asm/trapnr.h>

#include "backend.h"
#include "compat.h"
#include "core/mitigate.h"
#include "core/policy.h"
#include "dev/lapic.h"
#include "vmx/vmx.h"

/* Cycles between PAUSEs of one loop, and length of a loop that exits. */
#define PLE_GAP_CYCLES		128
#define PLE_WINDOW_CYCLES	4096

/*
 * A machine check is the host's. #DB and #AC can recur without end while the
 * processor delivers them, so each costs an exit that lets the host in.
 */
#define EXCEPTIONS	(BIT(X86_TRAP_MC) | BIT(X86_TRAP_DB) | BIT(X86_TRAP_AC))

void vmx_write_failed(unsigned long field, u64 val)
{
	WARN_ONCE(1, "aerie: VMWRITE of 0x%llx to field 0x%lx failed, error %llu\n",
		  val, field, vmx_read(VM_INSTRUCTION_ERROR));
}

static void vmclear(struct vmx_vcpu *vmx)
{
	u64 pa = __pa(vmx->vmcs);

	asm volatile("vmclear %0" : : "m" (pa) : "cc", "memory");
}

static void vmptrld(struct vmx_vcpu *vmx)
{
	u64 pa = __pa(vmx->vmcs);

	asm volatile("vmptrld %0" : : "m" (pa) : "cc", "memory");
}

static void vmcs_release(struct vmx_cpu *pc, struct vmx_vcpu *vmx)
{
	vmclear(vmx);
	if (pc->current_vmcs == vmx)
		pc->current_vmcs = NULL;
	list_del(&vmx->node);
	vmx->launched = false;
	smp_store_release(&vmx->vmcs_cpu, -1);	/* pairs with vmcs_release_remote() */
}

void vmx_vmcs_clear_all(struct vmx_cpu *pc)
{
	struct vmx_vcpu *vmx, *next;

	list_for_each_entry_safe(vmx, next, &pc->vmcss, node)
		vmcs_release(pc, vmx);
}

static void vmcs_release_ipi(void *arg)
{
	struct vmx_vcpu *vmx = arg;

	if (vmx->vmcs_cpu == smp_processor_id())
		vmcs_release(this_cpu_ptr(&vmx_cpu), vmx);
}

/* A processor that is gone, or goes meanwhile, has cleared it itself. */
static void vmcs_release_remote(struct vmx_vcpu *vmx)
{
	int cpu = smp_load_acquire(&vmx->vmcs_cpu);

	if (cpu >= 0)
		smp_call_function_single(cpu, vmcs_release_ipi, vmx, 1);
}

int vmx_vcpu_init(struct aerie_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	vmx->vmcs = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!vmx->vmcs)
		return -ENOMEM;
	*(u32 *)vmx->vmcs = vmx_basic_vmcs_revision_id(vmx_caps.basic);
	vmx->vmcs_cpu = -1;
	vmx->vpid = vmx_vpid_alloc();
	vcpu->lapic->staged = vmx_caps.apicv;
	vmx->entry_msr.index = MSR_IA32_PEBS_ENABLE;
	vmx->exit_msr.index = MSR_IA32_PEBS_ENABLE;
	return 0;
}

void vmx_vcpu_fini(struct aerie_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	vmcs_release_remote(vmx);
	vmx_vpid_free(vmx->vpid);
	free_page((unsigned long)vmx->vmcs);
}

/* Optional controls that a guest gets by what its CPUID says. */
static u32 cpu2_controls(struct vmx_vcpu *vmx)
{
	struct aerie_vm *vm = vmx->vcpu.vm;
	u32 ctl = vmx_caps.ctl[VMX_CTL_CPU2];

	if (!vmx->vpid)
		ctl &= ~SECONDARY_EXEC_ENABLE_VPID;
	if (!aerie_guest_has(vm, X86_FEATURE_RDTSCP) && !aerie_guest_has(vm, X86_FEATURE_RDPID))
		ctl &= ~SECONDARY_EXEC_ENABLE_RDTSCP;
	if (!aerie_guest_has(vm, X86_FEATURE_INVPCID))
		ctl &= ~SECONDARY_EXEC_ENABLE_INVPCID;
	if (!aerie_guest_has(vm, X86_FEATURE_XSAVES))
		ctl &= ~(u32)VMCS_CONTROL_BIT(XSAVES);
	return ctl;
}

static void vmcs_init_controls(struct vmx_vcpu *vmx)
{
	enum vmx_ctl ctl;

	for (ctl = 0; ctl < VMX_NR_CTLS; ctl++) {
		vmx->ctl[ctl] = ctl == VMX_CTL_CPU2 ? cpu2_controls(vmx) : vmx_caps.ctl[ctl];
		vmx_write(vmx_ctl_field(ctl), vmx->ctl[ctl]);
	}
	vmx_write(EXCEPTION_BITMAP, EXCEPTIONS);
	vmx_write(PAGE_FAULT_ERROR_CODE_MASK, 0);
	vmx_write(PAGE_FAULT_ERROR_CODE_MATCH, 0);
	vmx_write(CR3_TARGET_COUNT, 0);
	vmx_write(MSR_BITMAP, vmx_msr_bitmap(false));
	vmx_write(VM_EXIT_MSR_STORE_COUNT, 0);
	vmx_write(VM_EXIT_MSR_LOAD_COUNT, 0);
	vmx_write(VM_EXIT_MSR_LOAD_ADDR, __pa(&vmx->exit_msr));
	vmx_write(VM_ENTRY_MSR_LOAD_COUNT, 0);
	vmx_write(VM_ENTRY_MSR_LOAD_ADDR, __pa(&vmx->entry_msr));
	vmx_write(VM_ENTRY_INTR_INFO_FIELD, 0);
	vmx_write(VMCS_LINK_POINTER, ~0ull);
	vmx_write(TSC_OFFSET, vmx->vcpu.tsc_offset);
	vmx_apic_init(vmx);
	if (vmx->vpid)
		vmx_write(VIRTUAL_PROCESSOR_ID, vmx->vpid);
	if (vmx->ctl[VMX_CTL_CPU2] & SECONDARY_EXEC_PAUSE_LOOP_EXITING) {
		vmx_write(PLE_GAP, PLE_GAP_CYCLES);
		vmx_write(PLE_WINDOW, PLE_WINDOW_CYCLES);
	}
	if (vmx->ctl[VMX_CTL_CPU2] & VMCS_CONTROL_BIT(XSAVES))
		vmx_write(XSS_EXIT_BITMAP, 0);
	if (vmx->ctl[VMX_CTL_CPU2] & SECONDARY_EXEC_ENCLS_EXITING)
		vmx_write(ENCLS_EXITING_BITMAP, ~0ull);
}

/*
 * The host state that no processor differs in. A kernel thread's data segments
 * are null and its FS base is 0: it has them of kthreadd.
 */
static void vmcs_init_host(struct vmx_vcpu *vmx)
{
	vmx_write(HOST_CS_SELECTOR, __KERNEL_CS);
	vmx_write(HOST_SS_SELECTOR, __KERNEL_DS);
	vmx_write(HOST_DS_SELECTOR, 0);
	vmx_write(HOST_ES_SELECTOR, 0);
	vmx_write(HOST_FS_SELECTOR, 0);
	vmx_write(HOST_GS_SELECTOR, 0);
	vmx_write(HOST_TR_SELECTOR, GDT_ENTRY_TSS * 8);
	vmx_write(HOST_FS_BASE, 0);
	vmx_write(HOST_RIP, (unsigned long)vmx_guest_exited);
}

/* Context: the VMCS is current, for the first time. */
static void vmcs_init(struct vmx_vcpu *vmx)
{
	vmcs_init_controls(vmx);
	vmcs_init_host(vmx);
	vmx_cr_init(vmx);
	vmx_write(GUEST_IA32_EFER, 0);
	vmx_write(GUEST_IA32_PAT, vmx->vcpu.pat);
	vmx->ready = true;
}

static void vmcs_write_host_cpu(const struct vmx_cpu *pc)
{
	vmx_write(HOST_CR0, pc->cr0);
	vmx_write(HOST_GS_BASE, pc->gs_base);
	vmx_write(HOST_TR_BASE, pc->tr_base);
	vmx_write(HOST_GDTR_BASE, pc->gdt_base);
	vmx_write(HOST_IDTR_BASE, pc->idt_base);
	vmx_write(HOST_IA32_SYSENTER_CS, pc->sysenter_cs);
	vmx_write(HOST_IA32_SYSENTER_ESP, pc->sysenter_esp);
	vmx_write(HOST_IA32_SYSENTER_EIP, pc->sysenter_eip);
	vmx_write(HOST_IA32_PAT, pc->pat);
	vmx_write(HOST_IA32_EFER, pc->efer);
}

static void vmcs_take(struct vmx_vcpu *vmx, struct vmx_cpu *pc, int cpu)
{
	unsigned long flags;

	vmcs_release_remote(vmx);
	local_irq_save(flags);
	vmclear(vmx);
	list_add(&vmx->node, &pc->vmcss);
	vmx->vmcs_cpu = cpu;
	vmx->launched = false;
	local_irq_restore(flags);
}

void vmx_vcpu_load(struct aerie_vcpu *vcpu, int cpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	struct vmx_cpu *pc = this_cpu_ptr(&vmx_cpu);
	bool moved = READ_ONCE(vmx->vmcs_cpu) != cpu;
	u64 eptp = vmx_caps.eptp | vcpu->vm->mem.npt.root_hpa;

	if (moved)
		vmcs_take(vmx, pc, cpu);
	if (pc->current_vmcs != vmx) {
		vmptrld(vmx);
		pc->current_vmcs = vmx;
	}
	if (!vmx->ready)
		vmcs_init(vmx);
	if (eptp != vmx->eptp) {
		vmx->eptp = eptp;
		vmx_write(EPT_POINTER, eptp);
	}
	if (moved) {
		vmcs_write_host_cpu(pc);
		vmx_flush_tlb(vcpu);
	}
	store_ldt(vmx->host_ldt);
	if (boot_cpu_has(X86_FEATURE_KERNEL_IBRS))
		vmx->host_spec_ctrl = vmx_rdmsr(MSR_IA32_SPEC_CTRL);
	vmx_sysmsr_load(vmx, pc);
	vmx->l1d_stale = true;
	aerie_mitigate_load(vcpu);
}

/*
 * An exit sets the limits of GDTR, IDTR and TR to fixed values, makes LDTR
 * unusable and DR7 empty; whoever runs next on this processor wants the host's.
 */
static void host_tables_restore(struct vmx_vcpu *vmx, const struct vmx_cpu *pc)
{
	struct desc_ptr gdt = { .size = GDT_SIZE - 1, .address = pc->gdt_base };
	struct desc_ptr idt = { .size = IDT_ENTRIES * sizeof(gate_desc) - 1,
				.address = pc->idt_base };

	native_load_gdt(&gdt);
	native_load_idt(&idt);
	compat_tss_limit_lost();
	if (unlikely(vmx->host_ldt))
		asm volatile("lldt %0" : : "r" (vmx->host_ldt));
	if (unlikely(hw_breakpoint_active()))
		set_debugreg(__this_cpu_read(cpu_dr7), 7);
}

void vmx_vcpu_put(struct aerie_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	const struct vmx_cpu *pc = this_cpu_ptr(&vmx_cpu);

	vmx_sysmsr_put(vmx, pc);
	host_tables_restore(vmx, pc);
	aerie_mitigate_put();
}

void vmx_vcpu_reset(struct aerie_vcpu *vcpu)
{
	/* SDM, Processor State After Reset: the same for INIT but for what the core keeps. */
	static const struct aerie_segment code = {
		.base = 0xffff0000, .limit = 0xffff, .attr = 0x9b, .selector = 0xf000,
	};
	static const struct aerie_segment data = { .limit = 0xffff, .attr = 0x93 };
	static const struct aerie_segment ldt = { .limit = 0xffff, .attr = 0x82 };
	static const struct aerie_segment tss = { .limit = 0xffff, .attr = 0x8b };
	static const struct aerie_dtable table = { .limit = 0xffff };
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	enum aerie_seg seg;

	for (seg = AERIE_SEG_ES; seg <= AERIE_SEG_GS; seg++)
		vmx_seg_set(vcpu, seg, seg == AERIE_SEG_CS ? &code : &data);
	vmx_seg_set(vcpu, AERIE_SEG_LDTR, &ldt);
	vmx_seg_set(vcpu, AERIE_SEG_TR, &tss);
	vmx_gdt_set(vcpu, &table);
	vmx_idt_set(vcpu, &table);
	vmx_write(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
	vmx_write(GUEST_INTERRUPTIBILITY_INFO, 0);
	vmx_write(GUEST_PENDING_DBG_EXCEPTIONS, 0);
	vmx_write(VM_ENTRY_INTR_INFO_FIELD, 0);
	vmx->intr_state_known = false;
	vmx->nmi_maybe = false;
	vmx->injected = false;
	vmx->tpr_threshold = 0;
	vmx_want_irq_window(vcpu, false);
	vmx_want_nmi_window(vcpu, false);
}
