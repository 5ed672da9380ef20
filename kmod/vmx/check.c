// SPDX-License-Identifier: GPL-2.0
/*
 * The rules a VMCS must obey for the processor to enter with it.
 *
 * In the SDM's order: VM-Execution, Exit and Entry Control Fields; Host Control
 * Registers, MSRs, Segments; Guest Control Registers, Segments, Descriptor
 * Tables, RIP and RFLAGS, Non-Register State, PDPTEs. Emulators let some of it
 * pass, so debug builds look before every entry; and when a processor refuses an
 * entry the rule that is broken tells why. Only what Aerie uses is looked at.
 */
#include <linux/kernel.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/vmx.h>

#include "vmx/check.h"

#define RULE(ok, text)	do { if (!(ok)) return text; } while (0)

/* As in asm/vmx.h, which host-run tests do not have in full. */
#define PIN_EXT_INTR		BIT(0)
#define CPU_TPR_SHADOW		BIT(21)
#define CPU_MSR_BITMAPS		BIT(28)
#define CPU2_X2APIC		BIT(4)
#define CPU2_VPID		BIT(5)
#define CPU2_UNRESTRICTED	BIT(7)
#define CPU2_APIC_REGS		BIT(8)
#define CPU2_VIRTUAL_INTR	BIT(9)
#define ENTRY_IA32E		BIT(9)
#define EXIT_HOST64		BIT(9)

#define INFO_VALID		BIT(31)
#define INFO_ERROR		BIT(11)
#define INFO_TYPE(info)		((info) >> 8 & 7)
#define ERROR_VECTORS		(BIT(8) | BIT(10) | BIT(11) | BIT(12) | BIT(13) | BIT(14) | BIT(17))

#define STI			BIT(0)
#define MOV_SS			BIT(1)
#define SMI			BIT(2)
#define NMI			BIT(3)
#define INTR_STATE_RESERVED	(~0x1fu)

#define TF			BIT(8)
#define IF			BIT(9)
#define VM			BIT(17)
#define RFLAGS_RESERVED		(~0x003f7fd7ull)

static bool is_canonical(const struct vmx_state *s, u64 addr)
{
	unsigned int unused = 64 - s->virt_bits;

	return (u64)((s64)(addr << unused) >> unused) == addr;
}

static bool is_phys(const struct vmx_state *s, u64 addr)
{
	return !(addr >> s->phys_bits);
}

static bool is_page(const struct vmx_state *s, u64 addr)
{
	return !(addr & 0xfff) && is_phys(s, addr);
}

static bool is_pat(u64 pat)
{
	for (; pat; pat >>= 8)
		if ((pat & 0xff) == 2 || (pat & 0xff) == 3 || (pat & 0xff) > 7)
			return false;
	return true;
}

static const char *check_injection(const struct vmx_state *s)
{
	u32 info = s->entry_info, type = INFO_TYPE(info);
	u8 vector = info;
	bool error = type == 3 && s->cr0 & X86_CR0_PE && vector < 32 &&
		     ERROR_VECTORS & BIT(vector);

	if (!(info & INFO_VALID))
		return NULL;
	RULE(type != 1 && type != 7, "injection: type");
	RULE(type != 2 || vector == 2, "injection: NMI vector");
	RULE(type != 3 || vector < 32, "injection: exception vector");
	RULE(!(info & 0x7ffff000), "injection: reserved bits");
	RULE(!!(info & INFO_ERROR) == error, "injection: error code delivery");
	RULE(!(info & INFO_ERROR) || !(s->entry_error & ~0xffffu), "injection: error code");
	RULE(type < 4 || (s->entry_len >= 1 && s->entry_len <= 15),
	     "injection: instruction length");
	return NULL;
}

static const char *check_controls(const struct vmx_state *s)
{
	RULE(is_page(s, s->msr_bitmap) || !(s->cpu & CPU_MSR_BITMAPS), "MSR bitmap address");
	if (s->cpu & CPU_TPR_SHADOW) {
		RULE(is_page(s, s->vapic), "virtual-APIC address");
		if (!(s->cpu2 & CPU2_VIRTUAL_INTR)) {
			RULE(!(s->tpr_threshold & ~0xfu), "TPR threshold reserved bits");
			RULE(s->tpr_threshold <= s->vtpr >> 4,
			     "TPR threshold above the task priority");
		}
	} else {
		RULE(!(s->cpu2 & (CPU2_X2APIC | CPU2_APIC_REGS | CPU2_VIRTUAL_INTR)),
		     "APIC virtualized without a TPR shadow");
	}
	RULE(!(s->cpu2 & CPU2_VIRTUAL_INTR) || s->pin & PIN_EXT_INTR,
	     "virtual interrupts without external-interrupt exiting");
	RULE(s->vpid || !(s->cpu2 & CPU2_VPID), "VPID 0");
	RULE((s->eptp & 7) == 6, "EPT memory type");
	RULE((s->eptp >> 3 & 7) == 3, "EPT levels");
	RULE(!(s->eptp & 0xf80) && is_phys(s, s->eptp), "EPT pointer reserved bits");
	return check_injection(s);
}

static const char *check_host(const struct vmx_state *s)
{
	RULE(s->exit & EXIT_HOST64, "host: not 64-bit");
	RULE((s->host_cr0 & (X86_CR0_PE | X86_CR0_PG)) == (X86_CR0_PE | X86_CR0_PG) &&
	     !(s->cr0_fixed1 & ~s->host_cr0), "host: CR0");
	RULE(!(s->cr4_fixed1 & ~s->host_cr4) && !(s->host_cr4 & ~s->cr4_may) &&
	     s->host_cr4 & X86_CR4_PAE, "host: CR4");
	RULE(is_phys(s, s->host_cr3 & ~(3ull << 61)), "host: CR3");
	RULE(is_canonical(s, s->host_sysenter_esp) && is_canonical(s, s->host_sysenter_eip),
	     "host: SYSENTER addresses");
	RULE(is_pat(s->host_pat), "host: PAT");
	RULE((s->host_efer & (EFER_LMA | EFER_LME)) == (EFER_LMA | EFER_LME), "host: EFER");
	RULE(!((s->host_cs_sel | s->host_ss_sel | s->host_ds_sel | s->host_es_sel |
		s->host_fs_sel | s->host_gs_sel | s->host_tr_sel) & 7), "host: selector RPL or TI");
	RULE(s->host_cs_sel && s->host_tr_sel, "host: CS or TR null");
	RULE(is_canonical(s, s->host_fs) && is_canonical(s, s->host_gs) &&
	     is_canonical(s, s->host_tr) && is_canonical(s, s->host_gdt) &&
	     is_canonical(s, s->host_idt) && is_canonical(s, s->host_rip), "host: base addresses");
	return NULL;
}

static const char *check_control_regs(const struct vmx_state *s)
{
	bool ia32e = s->entry & ENTRY_IA32E;
	u64 fixed1 = s->cr0_fixed1;

	if (!(s->cpu2 & CPU2_UNRESTRICTED))
		fixed1 |= X86_CR0_PE | X86_CR0_PG;
	RULE(!(fixed1 & ~s->cr0), "CR0 bits that must be 1");
	RULE(!(s->cr0 >> 32), "CR0 reserved bits");
	RULE(!(s->cr0 & X86_CR0_PG) || s->cr0 & X86_CR0_PE, "CR0.PG without PE");
	RULE(!(s->cr4_fixed1 & ~s->cr4), "CR4 bits that must be 1");
	RULE(!(s->cr4 & ~s->cr4_may), "CR4 bits that must be 0");
	RULE(!ia32e || (s->cr0 & X86_CR0_PG && s->cr4 & X86_CR4_PAE),
	     "64-bit guest without paging or PAE");
	RULE(ia32e || !(s->cr4 & X86_CR4_PCIDE), "PCIDE outside a 64-bit guest");
	RULE(is_phys(s, s->cr3), "CR3 beyond physical addresses");
	RULE(!(s->debugctl & ~0xdfc3ull), "DEBUGCTL reserved bits");
	RULE(!(s->dr7 >> 32), "DR7 reserved bits");
	RULE(is_canonical(s, s->sysenter_esp) && is_canonical(s, s->sysenter_eip),
	     "SYSENTER addresses");
	RULE(is_pat(s->pat), "PAT");
	RULE(!(s->efer & ~0xd01ull), "EFER reserved bits");
	RULE(!!(s->efer & EFER_LMA) == ia32e, "EFER.LMA against the entry control");
	RULE(!(s->cr0 & X86_CR0_PG) || !!(s->efer & EFER_LMA) == !!(s->efer & EFER_LME),
	     "EFER.LMA against LME");
	return NULL;
}

static bool usable(const struct aerie_segment *seg)
{
	return !(seg->attr & AERIE_SEG_UNUSABLE);
}

static u32 type_of(const struct aerie_segment *seg)
{
	return seg->attr & AERIE_SEG_TYPE;
}

static u32 dpl_of(const struct aerie_segment *seg)
{
	return (seg->attr & AERIE_SEG_DPL) >> AERIE_SEG_DPL_SHIFT;
}

/* Reserved bits, granularity against the limit. */
static bool limit_fits(const struct aerie_segment *seg)
{
	if (seg->attr & 0xfffe0f00)
		return false;
	if ((seg->limit & 0xfff) != 0xfff && seg->attr & AERIE_SEG_G)
		return false;
	return !(seg->limit >> 20) || seg->attr & AERIE_SEG_G;
}

static const char *check_v86(const struct vmx_state *s)
{
	enum aerie_seg i;

	for (i = AERIE_SEG_ES; i <= AERIE_SEG_GS; i++) {
		RULE(s->seg[i].base == (u64)s->seg[i].selector << 4, "virtual-8086: segment base");
		RULE(s->seg[i].limit == 0xffff, "virtual-8086: segment limit");
		RULE(s->seg[i].attr == 0xf3, "virtual-8086: segment attributes");
	}
	return NULL;
}

static const char *check_cs(const struct vmx_state *s)
{
	const struct aerie_segment *cs = &s->seg[AERIE_SEG_CS], *ss = &s->seg[AERIE_SEG_SS];
	u32 type = type_of(cs);

	RULE(usable(cs), "CS unusable");
	RULE(type == 9 || type == 11 || type == 13 || type == 15 ||
	     (type == 3 && s->cpu2 & CPU2_UNRESTRICTED), "CS type");
	RULE(cs->attr & AERIE_SEG_S && cs->attr & AERIE_SEG_P, "CS not a present code segment");
	RULE(type != 3 || !dpl_of(cs), "CS.DPL of a data segment");
	RULE((type != 9 && type != 11) || dpl_of(cs) == dpl_of(ss), "CS.DPL against SS.DPL");
	RULE((type != 13 && type != 15) || dpl_of(cs) <= dpl_of(ss), "conforming CS.DPL");
	RULE(!(s->entry & ENTRY_IA32E) || !(cs->attr & AERIE_SEG_L) || !(cs->attr & AERIE_SEG_DB),
	     "CS both L and D");
	RULE(limit_fits(cs), "CS limit or reserved bits");
	RULE(!(cs->base >> 32), "CS base");
	return NULL;
}

static const char *check_ss(const struct vmx_state *s)
{
	const struct aerie_segment *cs = &s->seg[AERIE_SEG_CS], *ss = &s->seg[AERIE_SEG_SS];
	bool unrestricted = s->cpu2 & CPU2_UNRESTRICTED;

	RULE(unrestricted || (ss->selector & 3) == (cs->selector & 3), "SS.RPL against CS.RPL");
	RULE(unrestricted || dpl_of(ss) == (ss->selector & 3), "SS.DPL against SS.RPL");
	RULE((type_of(cs) != 3 && s->cr0 & X86_CR0_PE) || !dpl_of(ss), "SS.DPL in real mode");
	if (!usable(ss))
		return NULL;
	RULE(type_of(ss) == 3 || type_of(ss) == 7, "SS type");
	RULE(ss->attr & AERIE_SEG_S && ss->attr & AERIE_SEG_P, "SS not a present data segment");
	RULE(limit_fits(ss), "SS limit or reserved bits");
	RULE(!(ss->base >> 32), "SS base");
	return NULL;
}

static const char *check_data(const struct vmx_state *s)
{
	static const u8 data[] = { AERIE_SEG_DS, AERIE_SEG_ES, AERIE_SEG_FS, AERIE_SEG_GS };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(data); i++) {
		const struct aerie_segment *seg = &s->seg[data[i]];

		if (data[i] == AERIE_SEG_FS || data[i] == AERIE_SEG_GS)
			RULE(is_canonical(s, seg->base), "FS or GS base");
		else
			RULE(!usable(seg) || !(seg->base >> 32), "DS or ES base");
		if (!usable(seg))
			continue;
		RULE(type_of(seg) & 1, "data segment not accessed");
		RULE((type_of(seg) & 0xa) != 8, "data segment not readable");
		RULE(seg->attr & AERIE_SEG_S && seg->attr & AERIE_SEG_P,
		     "data segment not present");
		RULE(s->cpu2 & CPU2_UNRESTRICTED || type_of(seg) > 11 ||
		     dpl_of(seg) >= (seg->selector & 3), "data segment privilege");
		RULE(limit_fits(seg), "data segment limit or reserved bits");
	}
	return NULL;
}

static const char *check_system_segs(const struct vmx_state *s)
{
	const struct aerie_segment *tr = &s->seg[AERIE_SEG_TR], *ldt = &s->seg[AERIE_SEG_LDTR];
	bool ia32e = s->entry & ENTRY_IA32E;

	RULE(usable(tr), "TR unusable");
	RULE(type_of(tr) == 11 || (type_of(tr) == 3 && !ia32e), "TR type");
	RULE(!(tr->attr & AERIE_SEG_S) && tr->attr & AERIE_SEG_P && limit_fits(tr) &&
	     !(tr->selector & 4) && is_canonical(s, tr->base), "TR");
	RULE(!usable(ldt) ||
	     (type_of(ldt) == 2 && !(ldt->attr & AERIE_SEG_S) && ldt->attr & AERIE_SEG_P &&
	      limit_fits(ldt) && !(ldt->selector & 4) && is_canonical(s, ldt->base)), "LDTR");
	return NULL;
}

static const char *check_segments(const struct vmx_state *s)
{
	const char *rule;

	if (s->rflags & VM) {
		rule = check_v86(s);
	} else {
		rule = check_cs(s);
		if (!rule)
			rule = check_ss(s);
		if (!rule)
			rule = check_data(s);
	}
	if (!rule)
		rule = check_system_segs(s);
	if (rule)
		return rule;
	RULE(is_canonical(s, s->gdt_base) && is_canonical(s, s->idt_base), "GDTR or IDTR base");
	RULE(!(s->gdt_limit >> 16) && !(s->idt_limit >> 16), "GDTR or IDTR limit");
	return NULL;
}

static const char *check_rip(const struct vmx_state *s)
{
	bool ia32e = s->entry & ENTRY_IA32E;
	u64 high = s->rip >> s->virt_bits;

	if (!ia32e || !(s->seg[AERIE_SEG_CS].attr & AERIE_SEG_L))
		RULE(!(s->rip >> 32), "RIP above 4 GiB outside 64-bit mode");
	else
		RULE(!high || high == ~0ull >> s->virt_bits, "RIP unused bits");
	RULE(!(s->rflags & RFLAGS_RESERVED) && s->rflags & BIT(1), "RFLAGS reserved bits");
	RULE(!(s->rflags & VM) || (!ia32e && s->cr0 & X86_CR0_PE), "RFLAGS.VM in this mode");
	RULE(!(s->entry_info & INFO_VALID) || INFO_TYPE(s->entry_info) || s->rflags & IF,
	     "interrupt injected with IF clear");
	return NULL;
}

static const char *check_intr_state(const struct vmx_state *s)
{
	u32 state = s->intr_state, type = INFO_TYPE(s->entry_info);
	bool inject = s->entry_info & INFO_VALID;
	bool bs = s->pending_dbg & BIT(14);
	bool step = s->rflags & TF && !(s->debugctl & BIT(1));

	RULE(s->activity == 0, "activity state not active");
	RULE(!(state & INTR_STATE_RESERVED), "interruptibility reserved bits");
	RULE((state & (STI | MOV_SS)) != (STI | MOV_SS), "shadow of both STI and MOV SS");
	RULE(!(state & STI) || s->rflags & IF, "STI shadow with IF clear");
	RULE(!inject || type != 0 || !(state & (STI | MOV_SS)), "interrupt injected in a shadow");
	RULE(!inject || type != 2 || !(state & MOV_SS), "NMI injected in a MOV SS shadow");
	RULE(!inject || type != 2 || !(state & NMI), "NMI injected while NMIs are blocked");
	RULE(!(state & SMI), "blocking by SMI");
	RULE(!(s->pending_dbg & ~0x1500full & ~0x800ull), "pending debug exceptions reserved bits");
	RULE(!(state & (STI | MOV_SS)) || bs == step, "pending single step against TF in a shadow");
	RULE(s->link == ~0ull, "VMCS link pointer");
	return NULL;
}

static const char *check_pdptes(const struct vmx_state *s)
{
	u64 reserved = 0x1e6 | ~(~0ull >> (64 - s->phys_bits));
	int i;

	if (!(s->cr0 & X86_CR0_PG) || !(s->cr4 & X86_CR4_PAE) || s->entry & ENTRY_IA32E)
		return NULL;
	for (i = 0; i < 4; i++)
		RULE(!(s->pdpte[i] & 1) || !(s->pdpte[i] & reserved), "PDPTE reserved bits");
	return NULL;
}

const char *vmx_check_state(const struct vmx_state *s)
{
	static const char *(*const checks[])(const struct vmx_state *s) = {
		check_controls, check_host, check_control_regs, check_segments,
		check_rip, check_intr_state, check_pdptes,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(checks); i++) {
		const char *rule = checks[i](s);

		if (rule)
			return rule;
	}
	return NULL;
}
