// SPDX-License-Identifier: GPL-2.0
/* VMX: states that a processor takes pass the entry checks, each broken rule is named. */
// sources: kmod/vmx/check.c
#include "shim.h"
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include "vmx/check.h"
#include "ktap.h"

#define CPU2_UNRESTRICTED	(1u << 7)
#define ENTRY_IA32E		(1u << 9)
#define PAT_RESET		0x0007040600070406ull

/* Limits, controls and a host like Linux. */
static struct vmx_state base(void)
{
	struct vmx_state s;

	memset(&s, 0, sizeof(s));
	s.cr0_fixed1 = X86_CR0_NE;
	s.cr4_fixed1 = X86_CR4_VMXE;
	s.cr4_may = 0x3767ff;
	s.phys_bits = 40;
	s.virt_bits = 48;
	s.cpu = 1u << 21 | 1u << 28;
	s.cpu2 = CPU2_UNRESTRICTED | 1u << 5 | 1u << 1;
	s.exit = 1u << 9;
	s.eptp = 0x12345000 | 0x5e;
	s.msr_bitmap = 0x1000;
	s.vapic = 0x2000;
	s.vpid = 1;
	s.host_cr0 = 0x80050033;
	s.host_cr3 = 0x4000;
	s.host_cr4 = 0x3626e0;
	s.host_efer = EFER_LMA | EFER_LME | EFER_NX | EFER_SCE;
	s.host_pat = PAT_RESET;
	s.host_gs = 0xffff88807dc00000ull;
	s.host_tr = s.host_gdt = s.host_idt = 0xfffffe0000001000ull;
	s.host_rip = 0xffffffffc0000000ull;
	s.host_cs_sel = 0x10;
	s.host_ss_sel = 0x18;
	s.host_tr_sel = 0x40;
	s.link = ~0ull;
	s.pat = PAT_RESET;
	s.dr7 = 0x400;
	s.rflags = 2;
	return s;
}

/* After reset: real mode, caches on (never off in hardware). */
static struct vmx_state real_mode(void)
{
	struct vmx_state s = base();
	int i;

	s.cr0 = X86_CR0_ET | X86_CR0_NE;
	s.cr4 = X86_CR4_VMXE | X86_CR4_MCE;
	for (i = AERIE_SEG_ES; i <= AERIE_SEG_GS; i++)
		s.seg[i] = (struct aerie_segment){ .limit = 0xffff, .attr = 0x93 };
	s.seg[AERIE_SEG_CS] = (struct aerie_segment){
		.base = 0xffff0000, .limit = 0xffff, .attr = 0x9b, .selector = 0xf000 };
	s.seg[AERIE_SEG_LDTR] = (struct aerie_segment){ .limit = 0xffff, .attr = 0x82 };
	s.seg[AERIE_SEG_TR] = (struct aerie_segment){ .limit = 0xffff, .attr = 0x8b };
	s.gdt_limit = s.idt_limit = 0xffff;
	s.rip = 0xfff0;
	return s;
}

static struct vmx_state long_mode(void)
{
	struct vmx_state s = real_mode();
	int i;

	s.entry = ENTRY_IA32E;
	s.cr0 = 0x80050033;
	s.cr3 = 0x1000;
	s.cr4 = X86_CR4_VMXE | X86_CR4_PAE | X86_CR4_PGE;
	s.efer = EFER_LMA | EFER_LME | EFER_SCE | EFER_NX;
	for (i = AERIE_SEG_ES; i <= AERIE_SEG_GS; i++)
		s.seg[i] = (struct aerie_segment){
			.limit = 0xffffffff, .attr = 0xc093, .selector = 0x18 };
	s.seg[AERIE_SEG_CS] = (struct aerie_segment){
		.limit = 0xffffffff, .attr = 0xa09b, .selector = 0x10 };
	s.seg[AERIE_SEG_GS].base = 0xffff888000000000ull;
	s.seg[AERIE_SEG_LDTR].attr = AERIE_SEG_UNUSABLE;
	s.seg[AERIE_SEG_TR] = (struct aerie_segment){
		.base = 0xfffffe0000003000ull, .limit = 0x206f, .attr = 0x8b, .selector = 0x40 };
	s.gdt_base = s.idt_base = 0xfffffe0000001000ull;
	s.rip = 0xffffffff81000000ull;
	s.rflags = 0x202;
	return s;
}

static struct vmx_state v86(void)
{
	struct vmx_state s = real_mode();
	int i;

	s.cr0 |= X86_CR0_PE;
	s.rflags = 0x23202;
	for (i = AERIE_SEG_ES; i <= AERIE_SEG_GS; i++)
		s.seg[i] = (struct aerie_segment){
			.base = 0x12340, .limit = 0xffff, .attr = 0xf3, .selector = 0x1234 };
	return s;
}

#define PASSES(s)	do {							\
	const char *_r = vmx_check_state(&(s));					\
	if (_r)									\
		printf("# refused: %s\n", _r);					\
	EXPECT(!_r);								\
} while (0)

#define BREAKS(s, rule)	do {							\
	const char *_r = vmx_check_state(&(s));					\
	if (!_r || strcmp(_r, rule))						\
		printf("# found: %s\n", _r ? _r : "nothing");			\
	EXPECT(_r && !strcmp(_r, rule));					\
} while (0)

TEST(modes_that_processors_take)
{
	struct vmx_state s = real_mode();

	PASSES(s);
	s.seg[AERIE_SEG_CS].attr = 0x93;	/* unrestricted: data as code */
	PASSES(s);
	s = long_mode();
	PASSES(s);
	s.seg[AERIE_SEG_SS].attr = AERIE_SEG_UNUSABLE;	/* null SS in 64-bit mode */
	PASSES(s);
	s = v86();
	PASSES(s);
	s = long_mode();			/* compatibility mode, user */
	s.seg[AERIE_SEG_CS].attr = 0xc0fb;
	s.seg[AERIE_SEG_CS].selector = 0x23;
	s.seg[AERIE_SEG_SS].attr = 0xc0f3;
	s.seg[AERIE_SEG_SS].selector = 0x2b;
	s.rip = 0x8048000;
	PASSES(s);
	s = long_mode();			/* PAE paging */
	s.entry = 0;
	s.efer = 0;
	s.seg[AERIE_SEG_CS].attr = 0xc09b;
	s.rip = 0xc0100000;
	s.pdpte[0] = 0x5001;
	PASSES(s);
}

TEST(controls)
{
	struct vmx_state s = real_mode();

	s.tpr_threshold = 3;
	s.vtpr = 0x2f;
	BREAKS(s, "TPR threshold above the task priority");
	s.vtpr = 0x30;
	PASSES(s);
	s.vapic = 0x2008;
	BREAKS(s, "virtual-APIC address");
	s = real_mode();
	s.cpu2 |= 1u << 9;		/* virtual-interrupt delivery */
	BREAKS(s, "virtual interrupts without external-interrupt exiting");
	s.pin = 1;
	s.tpr_threshold = 3;		/* is not looked at then */
	PASSES(s);
	s.cpu &= ~(1u << 21);
	BREAKS(s, "APIC virtualized without a TPR shadow");
	s = real_mode();
	s.vpid = 0;
	BREAKS(s, "VPID 0");
	s = real_mode();
	s.eptp = 0x12345000 | 0x56;	/* three levels */
	BREAKS(s, "EPT levels");
	s.eptp = 1ull << 41 | 0x5e;
	BREAKS(s, "EPT pointer reserved bits");
}

TEST(host_state)
{
	struct vmx_state s = real_mode();

	s.host_ds_sel = 0x2b;
	BREAKS(s, "host: selector RPL or TI");
	s = real_mode();
	s.host_gs = 1ull << 60;
	BREAKS(s, "host: base addresses");
	s = real_mode();
	s.host_cr4 &= ~(u64)X86_CR4_VMXE;
	BREAKS(s, "host: CR4");
	s = real_mode();
	s.host_efer = EFER_NX;
	BREAKS(s, "host: EFER");
}

TEST(control_registers)
{
	struct vmx_state s = long_mode();

	s.cr0 &= ~(u64)X86_CR0_NE;
	BREAKS(s, "CR0 bits that must be 1");
	s = long_mode();
	s.cr0 &= ~(u64)X86_CR0_PE;
	BREAKS(s, "CR0.PG without PE");
	s = long_mode();
	s.cr4 &= ~(u64)X86_CR4_PAE;
	BREAKS(s, "64-bit guest without paging or PAE");
	s = long_mode();
	s.efer &= ~(u64)EFER_LMA;
	BREAKS(s, "EFER.LMA against the entry control");
	s = long_mode();
	s.efer &= ~(u64)EFER_LME;
	BREAKS(s, "EFER.LMA against LME");
	s = real_mode();
	s.efer = EFER_LME;		/* set, paging still off */
	PASSES(s);
	s.cr4 |= X86_CR4_PCIDE;
	BREAKS(s, "PCIDE outside a 64-bit guest");
	s = long_mode();
	s.cr3 = 1ull << 40;
	BREAKS(s, "CR3 beyond physical addresses");
	s = long_mode();
	s.pat = 0x0007040600070402ull;
	BREAKS(s, "PAT");
	s = long_mode();
	s.dr7 = 1ull << 32;
	BREAKS(s, "DR7 reserved bits");
	s = real_mode();
	s.cpu2 &= ~CPU2_UNRESTRICTED;
	BREAKS(s, "CR0 bits that must be 1");
}

TEST(segments)
{
	struct vmx_state s = long_mode();

	s.seg[AERIE_SEG_CS].attr = 0xe09b;
	BREAKS(s, "CS both L and D");
	s = long_mode();
	s.seg[AERIE_SEG_CS].attr = 0xa093;
	s.seg[AERIE_SEG_CS].limit = 0x1000;
	BREAKS(s, "CS limit or reserved bits");
	s = long_mode();
	s.seg[AERIE_SEG_CS].attr = 0xa0fb;	/* CPL 0 with code of DPL 3 */
	BREAKS(s, "CS.DPL against SS.DPL");
	s = real_mode();
	s.seg[AERIE_SEG_SS].attr = 0xf3;
	BREAKS(s, "CS.DPL against SS.DPL");
	s.seg[AERIE_SEG_CS].attr = 0xfb;
	BREAKS(s, "SS.DPL in real mode");
	s = long_mode();
	s.seg[AERIE_SEG_DS].attr = 0xc092;
	BREAKS(s, "data segment not accessed");
	s.seg[AERIE_SEG_DS].attr |= AERIE_SEG_UNUSABLE;
	PASSES(s);
	s = long_mode();
	s.seg[AERIE_SEG_ES].attr = 0xc099;	/* execute only */
	BREAKS(s, "data segment not readable");
	s = long_mode();
	s.seg[AERIE_SEG_GS].base = 1ull << 55;
	BREAKS(s, "FS or GS base");
	s = long_mode();
	s.seg[AERIE_SEG_TR].attr = 0x89;
	BREAKS(s, "TR type");
	s.seg[AERIE_SEG_TR].attr = AERIE_SEG_UNUSABLE;
	BREAKS(s, "TR unusable");
	s = long_mode();
	s.seg[AERIE_SEG_LDTR] = (struct aerie_segment){ .limit = 15, .attr = 0x82, .selector = 4 };
	BREAKS(s, "LDTR");
	s = v86();
	s.seg[AERIE_SEG_FS].base = 0;
	BREAKS(s, "virtual-8086: segment base");
	s = v86();
	s.seg[AERIE_SEG_ES].attr = 0x93;
	BREAKS(s, "virtual-8086: segment attributes");
	s = long_mode();
	s.idt_limit = 0x10000;
	BREAKS(s, "GDTR or IDTR limit");
}

TEST(rip_and_rflags)
{
	struct vmx_state s = real_mode();

	s.rip = 1ull << 32;
	BREAKS(s, "RIP above 4 GiB outside 64-bit mode");
	s = long_mode();
	s.rip = 0x0000800000000000ull;	/* not canonical, yet taken: it faults in the guest */
	PASSES(s);
	s.rip = 0x0001000000000000ull;
	BREAKS(s, "RIP unused bits");
	s = long_mode();
	s.rflags = 0x200;
	BREAKS(s, "RFLAGS reserved bits");
	s.rflags = 0x8202;
	BREAKS(s, "RFLAGS reserved bits");
	s = v86();
	s.cr0 &= ~(u64)X86_CR0_PE;
	BREAKS(s, "RFLAGS.VM in this mode");
}

TEST(injections)
{
	struct vmx_state s = long_mode();

	s.entry_info = 0x80000020;
	PASSES(s);
	s.rflags = 2;
	BREAKS(s, "interrupt injected with IF clear");
	s = long_mode();
	s.entry_info = 0x80000020;
	s.intr_state = 1;
	BREAKS(s, "interrupt injected in a shadow");
	s.entry_info = 0x80000202;
	s.intr_state = 2;
	BREAKS(s, "NMI injected in a MOV SS shadow");
	s.intr_state = 8;
	BREAKS(s, "NMI injected while NMIs are blocked");
	s.intr_state = 0;
	PASSES(s);
	s.entry_info = 0x80000203;
	BREAKS(s, "injection: NMI vector");
	s.entry_info = 0x8000030e;
	BREAKS(s, "injection: error code delivery");
	s.entry_info = 0x80000b0e;
	PASSES(s);
	s.entry_info = 0x80000b06;
	BREAKS(s, "injection: error code delivery");
	s.entry_info = 0x80000480;
	BREAKS(s, "injection: instruction length");
	s.entry_len = 2;
	PASSES(s);
	s = real_mode();
	s.entry_info = 0x80000b0d;
	BREAKS(s, "injection: error code delivery");
	s.entry_info = 0x8000030d;
	PASSES(s);
	s.entry_info = 0x00000fff;	/* not valid: not looked at */
	PASSES(s);
}

TEST(interruptibility)
{
	struct vmx_state s = long_mode();

	s.intr_state = 3;
	BREAKS(s, "shadow of both STI and MOV SS");
	s.intr_state = 1;
	PASSES(s);
	s.rflags = 2;
	BREAKS(s, "STI shadow with IF clear");
	s.rflags = 0x302;		/* TF in a shadow: a single step is pending */
	BREAKS(s, "pending single step against TF in a shadow");
	s.pending_dbg = 1 << 14;
	PASSES(s);
	s.debugctl = 2;			/* BTF: it is not */
	BREAKS(s, "pending single step against TF in a shadow");
	s = long_mode();
	s.activity = 1;
	BREAKS(s, "activity state not active");
	s = long_mode();
	s.link = 0;
	BREAKS(s, "VMCS link pointer");
}

TEST(pdptes)
{
	struct vmx_state s = long_mode();

	s.pdpte[3] = 0x1e7;
	PASSES(s);			/* not used in a 64-bit guest */
	s.entry = 0;
	s.efer = 0;
	s.rip = 0x1000;
	BREAKS(s, "PDPTE reserved bits");
	s.pdpte[3] = 0x1e6;		/* not present */
	PASSES(s);
	s.pdpte[0] = 1ull << 40 | 1;
	BREAKS(s, "PDPTE reserved bits");
}
