// SPDX-License-Identifier: GPL-2.0
/* VMX: the table of exit reasons, exit qualifications, interruption information. */
// sources: kmod/vmx/reason.c
#include "shim.h"
#include <asm/vmx.h>
#include "vmx/reason.h"
#include "ktap.h"

static struct aerie_exit blank(void)
{
	struct aerie_exit exit;

	memset(&exit, 0, sizeof(exit));
	return exit;
}

TEST(every_exported_reason_is_named)
{
	static const struct { u32 nr; const char *name; } known[] = { VMX_EXIT_REASONS };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(known); i++) {
		const struct vmx_reason *r = vmx_reason(known[i].nr);

		EXPECT(strcmp(r->name, "unknown"));
		EXPECT(r->kind != AERIE_EXIT_UNCLAIMED || known[i].nr == EXIT_REASON_EPT_MISCONFIG);
		EXPECT(r->kind < AERIE_NR_EXIT_KINDS);
		/* The two tables spell two names differently. */
		if (known[i].nr != EXIT_REASON_VMOFF && known[i].nr != EXIT_REASON_VMON)
			EXPECT(!strcmp(r->name, known[i].name));
	}
}

TEST(unknown_reasons_are_unclaimed)
{
	static const u32 holes[] = { 35, 38, 42, 71, 78, 1000, 0xffff };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(holes); i++) {
		EXPECT_EQ(vmx_reason(holes[i])->kind, AERIE_EXIT_UNCLAIMED);
		EXPECT(!strcmp(vmx_reason_name(holes[i]), "unknown"));
	}
	/* The upper half of the field are flags. */
	EXPECT(!strcmp(vmx_reason_name(0x80000021), "INVALID_STATE"));
}

TEST(instructions_have_a_length_and_events_have_not)
{
	static const u8 with[] = { 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 27, 28, 29, 30, 31,
				   32, 36, 39, 40, 46, 47, 50, 51, 53, 54, 55, 57, 58, 59, 61,
				   63, 64, 67, 68 };
	static const u8 without[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 33, 34, 37, 41, 43, 44, 45,
				      48, 49, 52, 56, 62, 66 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(with); i++)
		EXPECT(vmx_reason(with[i])->flags & VMX_R_INSN);
	for (i = 0; i < ARRAY_SIZE(without); i++)
		EXPECT(!(vmx_reason(without[i])->flags & VMX_R_INSN));
	EXPECT(vmx_reason(EXIT_REASON_EPT_VIOLATION)->flags & VMX_R_VECTOR);
	EXPECT(vmx_reason(EXIT_REASON_EXCEPTION_NMI)->flags & VMX_R_VECTOR);
	EXPECT(vmx_reason(EXIT_REASON_EPT_MISCONFIG)->flags & VMX_R_VECTOR);
	EXPECT(vmx_reason(EXIT_REASON_TASK_SWITCH)->flags & VMX_R_VECTOR);
	EXPECT(!(vmx_reason(EXIT_REASON_CPUID)->flags & VMX_R_VECTOR));
}

TEST(virtualization_instructions_are_one_kind)
{
	u32 nr;

	for (nr = EXIT_REASON_VMCLEAR; nr <= EXIT_REASON_VMON; nr++)
		EXPECT_EQ(vmx_reason(nr)->kind, AERIE_EXIT_VIRT_INSN);
	EXPECT_EQ(vmx_reason(EXIT_REASON_INVEPT)->kind, AERIE_EXIT_VIRT_INSN);
	EXPECT_EQ(vmx_reason(EXIT_REASON_INVVPID)->kind, AERIE_EXIT_VIRT_INSN);
	EXPECT_EQ(vmx_reason(EXIT_REASON_INVPCID)->kind, AERIE_EXIT_VIRT_INSN);
	EXPECT_EQ(vmx_reason(EXIT_REASON_VMFUNC)->kind, AERIE_EXIT_VIRT_INSN);
}

TEST(cr_access)
{
	struct aerie_exit exit = blank();

	vmx_decode_cr(4 | 0 << 4 | 9 << 8, &exit);	/* MOV CR4, R9 */
	EXPECT_EQ(exit.cr.cr, 4);
	EXPECT_EQ(exit.cr.op, AERIE_CR_WRITE);
	EXPECT_EQ(exit.cr.reg, AERIE_REG_R9);
	EXPECT(exit.cr.decoded);
	vmx_decode_cr(8 | 1 << 4 | 4 << 8, &exit);	/* MOV RSP, CR8 */
	EXPECT_EQ(exit.cr.cr, 8);
	EXPECT_EQ(exit.cr.op, AERIE_CR_READ);
	EXPECT_EQ(exit.cr.reg, AERIE_REG_RSP);
	vmx_decode_cr(2 << 4, &exit);
	EXPECT_EQ(exit.cr.op, AERIE_CR_CLTS);
	vmx_decode_cr(3 << 4 | 1 << 6 | 0xabcdull << 16, &exit);
	EXPECT_EQ(exit.cr.op, AERIE_CR_LMSW);
	EXPECT_EQ(exit.cr.lmsw, 0xabcd);
	EXPECT_EQ(exit.cr.cr, 0);
}

TEST(dr_access)
{
	struct aerie_exit exit = blank();

	vmx_decode_dr(7 | 15 << 8, &exit);		/* MOV DR7, R15 */
	EXPECT_EQ(exit.dr.dr, 7);
	EXPECT_EQ(exit.dr.reg, AERIE_REG_R15);
	EXPECT(exit.dr.write && exit.dr.decoded);
	vmx_decode_dr(6 | 1 << 4 | 2 << 8, &exit);	/* MOV RDX, DR6 */
	EXPECT_EQ(exit.dr.dr, 6);
	EXPECT_EQ(exit.dr.reg, AERIE_REG_RDX);
	EXPECT_EQ(exit.dr.write, false);
}

TEST(port_io)
{
	struct aerie_exit exit = blank();

	vmx_decode_pio(0 | 1 << 3 | 0x3fdull << 16, &exit);	/* IN AL, DX */
	EXPECT_EQ(exit.pio.size, 1);
	EXPECT(exit.pio.in && !exit.pio.string && !exit.pio.rep);
	EXPECT_EQ(exit.pio.port, 0x3fd);
	vmx_decode_pio(3 | 1 << 4 | 1 << 5 | 0xcf8ull << 16, &exit);	/* REP OUTSD */
	EXPECT_EQ(exit.pio.size, 4);
	EXPECT(!exit.pio.in && exit.pio.string && exit.pio.rep);
	EXPECT_EQ(exit.pio.port, 0xcf8);
	vmx_decode_pio(1 | 1 << 6 | 0x70ull << 16, &exit);
	EXPECT_EQ(exit.pio.size, 2);
}

TEST(task_switch)
{
	struct aerie_exit exit = blank();

	vmx_decode_task(0x28 | 3ull << 30, &exit);
	EXPECT_EQ(exit.task.selector, 0x28);
	EXPECT_EQ(exit.task.source, 3);
	vmx_decode_task(0xfff8 | 1ull << 30, &exit);
	EXPECT_EQ(exit.task.selector, 0xfff8);
	EXPECT_EQ(exit.task.source, 1);
}

TEST(ept_violation)
{
	struct aerie_exit exit = blank();

	vmx_decode_ept(1 | 1 << 7 | 1 << 8, 0xfee00000, 0xffff888000001000ull, &exit);
	EXPECT_EQ(exit.fault.acc, AERIE_ACC_READ);
	EXPECT(exit.fault.gva_valid && !exit.fault.walk);
	EXPECT_EQ(exit.fault.gpa, 0xfee00000);
	EXPECT_EQ(exit.fault.gva, 0xffff888000001000ull);

	exit = blank();		/* the walk of a page table, as a write with A/D bits */
	vmx_decode_ept(3 | 1 << 7, 0x1000, 0x2000, &exit);
	EXPECT_EQ(exit.fault.acc, AERIE_ACC_WRITE);
	EXPECT(exit.fault.gva_valid && exit.fault.walk);

	exit = blank();		/* MOV CR3 in PAE paging: no linear address */
	vmx_decode_ept(1, 0x3000, 0x4000, &exit);
	EXPECT(!exit.fault.gva_valid && !exit.fault.walk);
	EXPECT_EQ(exit.fault.gva, 0);

	exit = blank();
	vmx_decode_ept(4 | 1 << 7 | 1 << 8, 0x5000, 0x6000, &exit);
	EXPECT_EQ(exit.fault.acc, AERIE_ACC_FETCH);
}

TEST(debug_exception)
{
	EXPECT_EQ(vmx_decode_db(1 << 14), 1 << 14);
	EXPECT_EQ(vmx_decode_db(0xf | 1 << 13), 0xf | 1 << 13);
	EXPECT_EQ(vmx_decode_db(~0x600full), 0);
}

static u32 info(u8 type, u8 vector, bool real)
{
	const struct aerie_event ev = { .type = type, .vector = vector };

	return vmx_intr_info(&ev, real);
}

TEST(injection)
{
	EXPECT_EQ(info(AERIE_EVENT_NONE, 3, false), 0);
	EXPECT_EQ(info(AERIE_EVENT_EXTINT, 0x31, false), 0x80000031);
	EXPECT_EQ(info(AERIE_EVENT_NMI, 2, false), 0x80000202);
	EXPECT_EQ(info(AERIE_EVENT_EXCEPTION, 6, false), 0x80000306);
	EXPECT_EQ(info(AERIE_EVENT_SOFTINT, 0x80, false), 0x80000480);
	EXPECT_EQ(info(AERIE_EVENT_PRIVEXC, 1, false), 0x80000501);
	EXPECT_EQ(info(AERIE_EVENT_SOFTEXC, 3, false), 0x80000603);
}

TEST(injection_has_an_error_code_where_the_processor_wants_one)
{
	static const u8 with[] = { 8, 10, 11, 12, 13, 14, 17 };
	unsigned int vector, i;

	for (vector = 0; vector < 32; vector++) {
		bool error = false;

		for (i = 0; i < ARRAY_SIZE(with); i++)
			error |= with[i] == vector;
		EXPECT_EQ(!!(info(AERIE_EVENT_EXCEPTION, vector, false) & 0x800), error);
		EXPECT_EQ(info(AERIE_EVENT_EXCEPTION, vector, true) & 0x800, 0);
		EXPECT_EQ(info(AERIE_EVENT_SOFTINT, vector, false) & 0x800, 0);
		EXPECT_EQ(info(AERIE_EVENT_EXTINT, vector, false) & 0x800, 0);
	}
}

TEST(cut_off_events_go_back_as_they_were)
{
	static const u32 infos[] = {
		0x80000020, 0x80000202, 0x80000306, 0x80000b0e, 0x80000480, 0x80000501, 0x80000603,
	};
	struct aerie_event ev;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(infos); i++) {
		vmx_event_from_info(infos[i], 0x1234, 2, &ev);
		EXPECT_EQ(vmx_intr_info(&ev, false), infos[i]);
		EXPECT_EQ(ev.error, infos[i] & 0x800 ? 0x1234 : 0);
		EXPECT_EQ(ev.insn_len, (infos[i] >> 8 & 7) >= 4 ? 2 : 0);
	}
	vmx_event_from_info(0x00000b0e, 7, 1, &ev);	/* not valid */
	EXPECT_EQ(ev.type, AERIE_EVENT_NONE);
	vmx_event_from_info(0x80000701, 7, 1, &ev);	/* no such type */
	EXPECT_EQ(ev.type, AERIE_EVENT_NONE);
}
