// SPDX-License-Identifier: GPL-2.0
/* SVM: exits from VMCB contents, cut-off events, segment attributes, the MSR map, VM_CR. */
// sources: kmod/svm/decode.c
#include "shim.h"
#include <asm/svm.h>
#include "svm/bitmap.h"
#include "svm/svm.h"
#include "ktap.h"

#define RIP	0x401000ull

static struct svm_vmcb vmcb;

static struct aerie_exit decode(u32 code, u64 info1, u64 info2, bool assists)
{
	struct aerie_exit exit;

	memset(&exit, 0, sizeof(exit));
	vmcb.control.exit_code = code;
	vmcb.control.exit_info_1 = info1;
	vmcb.control.exit_info_2 = info2;
	vmcb.save.rip = RIP;
	svm_decode(&vmcb, assists, &exit);
	EXPECT_EQ(exit.hw_reason, code);
	EXPECT_EQ(exit.hw_qual, info1);
	return exit;
}

static void clean(void)
{
	memset(&vmcb, 0, sizeof(vmcb));
}

TEST(plain_kinds)
{
	static const struct { u32 code; u8 kind; } rows[] = {
		{ SVM_EXIT_INTR, AERIE_EXIT_HOST_INTR },
		{ SVM_EXIT_NMI, AERIE_EXIT_HOST_NMI },
		{ SVM_EXIT_SMI, AERIE_EXIT_SMI },
		{ SVM_EXIT_INIT, AERIE_EXIT_INIT },
		{ SVM_EXIT_VINTR, AERIE_EXIT_INTR_WINDOW },
		{ SVM_EXIT_IRET, AERIE_EXIT_NMI_WINDOW },
		{ SVM_EXIT_CPUID, AERIE_EXIT_CPUID },
		{ SVM_EXIT_HLT, AERIE_EXIT_HLT },
		{ SVM_EXIT_PAUSE, AERIE_EXIT_PAUSE },
		{ SVM_EXIT_INVD, AERIE_EXIT_INVD },
		{ SVM_EXIT_WBINVD, AERIE_EXIT_WBINVD },
		{ SVM_EXIT_RDPMC, AERIE_EXIT_RDPMC },
		{ SVM_EXIT_MONITOR, AERIE_EXIT_MONITOR },
		{ SVM_EXIT_MWAIT, AERIE_EXIT_MWAIT },
		{ SVM_EXIT_XSETBV, AERIE_EXIT_XSETBV },
		{ SVM_EXIT_VMMCALL, AERIE_EXIT_HYPERCALL },
		{ SVM_EXIT_VMRUN, AERIE_EXIT_VIRT_INSN },
		{ SVM_EXIT_VMLOAD, AERIE_EXIT_VIRT_INSN },
		{ SVM_EXIT_VMSAVE, AERIE_EXIT_VIRT_INSN },
		{ SVM_EXIT_STGI, AERIE_EXIT_VIRT_INSN },
		{ SVM_EXIT_CLGI, AERIE_EXIT_VIRT_INSN },
		{ SVM_EXIT_SKINIT, AERIE_EXIT_VIRT_INSN },
		{ SVM_EXIT_INVLPGA, AERIE_EXIT_VIRT_INSN },
		{ SVM_EXIT_RSM, AERIE_EXIT_VIRT_INSN },
		{ SVM_EXIT_SHUTDOWN, AERIE_EXIT_TRIPLE_FAULT },
		{ SVM_EXIT_FERR_FREEZE, AERIE_EXIT_OTHER },
		{ SVM_EXIT_EXCP_BASE + 18, AERIE_EXIT_HOST_NMI },
		{ (u32)SVM_EXIT_ERR, AERIE_EXIT_INVALID_STATE },
	};
	size_t i;

	clean();
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		EXPECT_EQ(decode(rows[i].code, 0, 0, false).kind, rows[i].kind);
}

TEST(unknown_codes_stay_unclaimed)
{
	clean();
	EXPECT_EQ(decode(SVM_EXIT_SWINT, 0, 0, false).kind, AERIE_EXIT_UNCLAIMED);
	EXPECT_EQ(decode(0x8f, 0, 0, false).kind, AERIE_EXIT_UNCLAIMED);
	EXPECT_EQ(decode(0x3ff, 0, 0, false).kind, AERIE_EXIT_UNCLAIMED);
	EXPECT_EQ(decode(0x401, 0, 0, false).kind, AERIE_EXIT_UNCLAIMED);
	EXPECT_EQ(decode(0xfffffffe, 0, 0, false).kind, AERIE_EXIT_UNCLAIMED);
	EXPECT_EQ(decode(1, 0, 0, false).kind, AERIE_EXIT_UNCLAIMED);
}

TEST(every_code_decodes_to_a_kind)
{
	u32 code;

	clean();
	memset(&vmcb, 0xff, sizeof(vmcb));
	for (code = 0; code < 0x500; code++)
		EXPECT(decode(code, ~0ull, ~0ull, true).kind < AERIE_NR_EXIT_KINDS);
}

TEST(insn_len_from_next_rip)
{
	clean();
	EXPECT_EQ(decode(SVM_EXIT_CPUID, 0, 0, false).insn_len, 0);
	vmcb.control.next_rip = RIP + 2;
	EXPECT_EQ(decode(SVM_EXIT_CPUID, 0, 0, false).insn_len, 2);
	vmcb.control.next_rip = RIP + 15;
	EXPECT_EQ(decode(SVM_EXIT_CPUID, 0, 0, false).insn_len, 15);
	vmcb.control.next_rip = RIP + 16;
	EXPECT_EQ(decode(SVM_EXIT_CPUID, 0, 0, false).insn_len, 0);
	vmcb.control.next_rip = RIP - 1;
	EXPECT_EQ(decode(SVM_EXIT_CPUID, 0, 0, false).insn_len, 0);
	/* Not an instruction's exit: what is left in next_rip means nothing. */
	vmcb.control.next_rip = RIP + 2;
	EXPECT_EQ(decode(SVM_EXIT_INTR, 0, 0, false).insn_len, 0);
	EXPECT_EQ(decode(SVM_EXIT_NPF, 0, 0, false).insn_len, 0);
}

TEST(port_io)
{
	struct aerie_exit e;

	clean();
	/* OUT to 0x3f8, one byte */
	e = decode(SVM_EXIT_IOIO, 0x3f8ull << 16 | 1 << 4, RIP + 1, false);
	EXPECT_EQ(e.kind, AERIE_EXIT_PIO);
	EXPECT_EQ(e.pio.port, 0x3f8);
	EXPECT_EQ(e.pio.size, 1);
	EXPECT_EQ(e.pio.in, false);
	EXPECT_EQ(e.pio.string, false);
	EXPECT_EQ(e.pio.rep, false);
	EXPECT_EQ(e.insn_len, 1);
	/* REP INSD from 0xffff */
	e = decode(SVM_EXIT_IOIO, 0xffffull << 16 | 4 << 4 | 8 | 4 | 1, RIP + 2, false);
	EXPECT_EQ(e.pio.port, 0xffff);
	EXPECT_EQ(e.pio.size, 4);
	EXPECT(e.pio.in && e.pio.string && e.pio.rep);
	EXPECT_EQ(e.insn_len, 2);
}

TEST(msr_direction)
{
	clean();
	EXPECT_EQ(decode(SVM_EXIT_MSR, 0, 0, false).kind, AERIE_EXIT_RDMSR);
	EXPECT_EQ(decode(SVM_EXIT_MSR, 1, 0, false).kind, AERIE_EXIT_WRMSR);
	EXPECT_EQ(decode(SVM_EXIT_MSR, 1, 0, false).msr.write, true);
}

TEST(control_registers)
{
	struct aerie_exit e;

	clean();
	e = decode(SVM_EXIT_READ_CR4, 1ull << 63 | 9, 0, true);
	EXPECT_EQ(e.kind, AERIE_EXIT_CR);
	EXPECT_EQ(e.cr.cr, 4);
	EXPECT_EQ(e.cr.op, AERIE_CR_READ);
	EXPECT_EQ(e.cr.reg, AERIE_REG_R9);
	EXPECT(e.cr.decoded);
	e = decode(SVM_EXIT_WRITE_CR8, 1ull << 63 | 3, 0, true);
	EXPECT_EQ(e.cr.cr, 8);
	EXPECT_EQ(e.cr.op, AERIE_CR_WRITE);
	EXPECT_EQ(e.cr.reg, AERIE_REG_RBX);
	e = decode(SVM_EXIT_CR0_SEL_WRITE, 1ull << 63, 0, true);
	EXPECT_EQ(e.cr.cr, 0);
	EXPECT_EQ(e.cr.op, AERIE_CR_WRITE);
	EXPECT(e.cr.decoded);
	/* CLTS and LMSW have no register */
	EXPECT_EQ(decode(SVM_EXIT_WRITE_CR0, 0, 0, true).cr.decoded, false);
	EXPECT_EQ(decode(SVM_EXIT_WRITE_CR0, 1ull << 63, 0, false).cr.decoded, false);
}

TEST(debug_registers)
{
	struct aerie_exit e;

	clean();
	e = decode(SVM_EXIT_READ_DR6, 12, 0, true);
	EXPECT_EQ(e.kind, AERIE_EXIT_DR);
	EXPECT_EQ(e.dr.dr, 6);
	EXPECT_EQ(e.dr.write, false);
	EXPECT_EQ(e.dr.reg, AERIE_REG_R12);
	e = decode(SVM_EXIT_WRITE_DR7, 0, 0, false);
	EXPECT_EQ(e.dr.dr, 7);
	EXPECT(e.dr.write);
	EXPECT_EQ(e.dr.decoded, false);
}

TEST(exceptions)
{
	struct aerie_exit e;

	clean();
	e = decode(SVM_EXIT_EXCP_BASE + 17, 0, 0, false);
	EXPECT_EQ(e.kind, AERIE_EXIT_EXCEPTION);
	EXPECT_EQ(e.exc.vector, 17);
	EXPECT(e.exc.has_error);
	vmcb.save.dr6 = SVM_DR6_RESET | 1 << 14 | 2;
	e = decode(SVM_EXIT_EXCP_BASE + 1, 0, 0, false);
	EXPECT_EQ(e.exc.has_error, false);
	EXPECT_EQ(e.exc.payload, 1 << 14 | 2);
	/* DR6 not written yet, but TF tells. */
	vmcb.save.dr6 = SVM_DR6_RESET;
	EXPECT_EQ(decode(SVM_EXIT_EXCP_BASE + 1, 0, 0, false).exc.payload, 0);
	vmcb.save.rflags = 0x302;
	EXPECT_EQ(decode(SVM_EXIT_EXCP_BASE + 1, 0, 0, false).exc.payload, 1 << 14);
	e = decode(SVM_EXIT_EXCP_BASE + 14, 0x1f, 0xdead0000, false);
	EXPECT_EQ(e.exc.error, 0x1f);
	EXPECT_EQ(e.exc.payload, 0xdead0000);
}

TEST(nested_fault)
{
	struct aerie_exit e;

	clean();
	e = decode(SVM_EXIT_NPF, 1ull << 32 | 1 << 2, 0xfee00020, false);
	EXPECT_EQ(e.kind, AERIE_EXIT_FAULT);
	EXPECT_EQ(e.fault.gpa, 0xfee00020);
	EXPECT_EQ(e.fault.acc, AERIE_ACC_READ);
	EXPECT_EQ(e.fault.walk, false);
	EXPECT_EQ(e.fault.nr_insn, 0);
	e = decode(SVM_EXIT_NPF, 1ull << 33 | 1 << 1, 0x1000, false);
	EXPECT_EQ(e.fault.acc, AERIE_ACC_WRITE);
	EXPECT(e.fault.walk);
	e = decode(SVM_EXIT_NPF, 1 << 4, 0x1000, false);
	EXPECT_EQ(e.fault.acc, AERIE_ACC_FETCH);
	EXPECT_EQ(e.fault.gva_valid, false);
	/* A reserved bit in our own tables must not be taken for a fault to serve. */
	EXPECT_EQ(decode(SVM_EXIT_NPF, 1 << 3, 0x1000, false).kind, AERIE_EXIT_UNCLAIMED);
}

TEST(nested_fault_instruction_bytes)
{
	struct aerie_exit e;

	clean();
	vmcb.control.nr_insn = 15;
	memset(vmcb.control.insn, 0x90, 15);
	e = decode(SVM_EXIT_NPF, 0, 0, true);
	EXPECT_EQ(e.fault.nr_insn, 15);
	EXPECT_EQ(e.fault.insn[14], 0x90);
	EXPECT_EQ(decode(SVM_EXIT_NPF, 0, 0, false).fault.nr_insn, 0);
	vmcb.control.nr_insn = 0xff;
	EXPECT_EQ(decode(SVM_EXIT_NPF, 0, 0, true).fault.nr_insn, 0);
}

TEST(task_switch_sources)
{
	struct aerie_exit e;

	clean();
	e = decode(SVM_EXIT_TASK_SWITCH, 0x28, 1ull << 38, false);
	EXPECT_EQ(e.task.selector, 0x28);
	EXPECT_EQ(e.task.source, 2);
	EXPECT_EQ(decode(SVM_EXIT_TASK_SWITCH, 0x28, 1ull << 36, false).task.source, 1);
	EXPECT_EQ(decode(SVM_EXIT_TASK_SWITCH, 0x28, 0, false).task.source, 0);
	vmcb.control.exit_int_info = SVM_EXITINTINFO_VALID | SVM_EXITINTINFO_TYPE_EXEPT | 8;
	e = decode(SVM_EXIT_TASK_SWITCH, 0x28, 1ull << 44 | 5, false);
	EXPECT_EQ(e.task.source, 3);
	EXPECT(e.task.has_error);
	EXPECT_EQ(e.task.error, 5);
}

static struct aerie_event event(u32 info, u32 error)
{
	struct aerie_event ev;

	memset(&ev, 0xff, sizeof(ev));
	vmcb.control.exit_int_info = SVM_EXITINTINFO_VALID | info;
	vmcb.control.exit_int_error = error;
	svm_decode_event(&vmcb, &ev);
	return ev;
}

TEST(cut_off_events)
{
	struct aerie_event ev;

	clean();
	ev = event(SVM_EXITINTINFO_TYPE_INTR | 0xec, 0);
	EXPECT_EQ(ev.type, AERIE_EVENT_EXTINT);
	EXPECT_EQ(ev.vector, 0xec);
	EXPECT_EQ(ev.has_error, false);
	EXPECT_EQ(event(SVM_EXITINTINFO_TYPE_NMI | 2, 0).type, AERIE_EVENT_NMI);
	EXPECT_EQ(event(SVM_EXITINTINFO_TYPE_SOFT | 0x80, 0).type, AERIE_EVENT_SOFTINT);
	EXPECT_EQ(event(SVM_EXITINTINFO_TYPE_EXEPT | 3, 0).type, AERIE_EVENT_SOFTEXC);
	EXPECT_EQ(event(SVM_EXITINTINFO_TYPE_EXEPT | 4, 0).type, AERIE_EVENT_SOFTEXC);
	vmcb.save.cr2 = 0x7fff0000;
	ev = event(SVM_EXITINTINFO_TYPE_EXEPT | SVM_EXITINTINFO_VALID_ERR | 14, 6);
	EXPECT_EQ(ev.type, AERIE_EVENT_EXCEPTION);
	EXPECT(ev.has_error);
	EXPECT_EQ(ev.error, 6);
	EXPECT_EQ(ev.payload, 0x7fff0000);
	/* A reserved type is no event. */
	EXPECT_EQ(event(7 << 8, 0).type, AERIE_EVENT_NONE);
}

TEST(segment_attributes)
{
	/* 64-bit code: P S code, L; limit 4 GiB gives G */
	EXPECT_EQ(svm_attr_from_hw(0x29b, 0xffffffff), 0x9b | AERIE_SEG_L | AERIE_SEG_G);
	EXPECT_EQ(svm_attr_to_hw(0x9b | AERIE_SEG_L | AERIE_SEG_G), 0xa9b);
	/* 32-bit data, user */
	EXPECT_EQ(svm_attr_from_hw(0xcf3, 0xffffffff), 0xf3 | AERIE_SEG_DB | AERIE_SEG_G);
	/* A stale G does not survive a byte-granular limit. */
	EXPECT_EQ(svm_attr_from_hw(0xc93, 0xffff), 0x93 | AERIE_SEG_DB);
	EXPECT_EQ(svm_attr_from_hw(0x113, 0xffff) & AERIE_SEG_UNUSABLE, AERIE_SEG_UNUSABLE);
	EXPECT_EQ(svm_attr_to_hw(0x93 | AERIE_SEG_UNUSABLE), 0x13);
}

TEST(segment_attributes_round_trip)
{
	u32 attr;

	for (attr = 0; attr < 0x10000; attr++) {
		u32 a = (attr & 0xff) | (attr & 0x700) << 4;	/* all but G */
		u32 back = svm_attr_from_hw(svm_attr_to_hw(a), 0xffff);

		if (!(a & AERIE_SEG_P))
			a |= AERIE_SEG_UNUSABLE;
		if (back != a)
			EXPECT_EQ(back, a);
	}
	EXPECT_EQ(attr, 0x10000);
}

TEST(msr_map_positions)
{
	u8 map[8192];
	size_t i, passed = 0;

	EXPECT_EQ(svm_msrpm_bit(0), 0);
	EXPECT_EQ(svm_msrpm_bit(0x1fff), 0x3ffe);
	EXPECT_EQ(svm_msrpm_bit(0x2000), -1);
	EXPECT_EQ(svm_msrpm_bit(0xc0000000), 0x800 * 8);
	EXPECT_EQ(svm_msrpm_bit(0xc0000100), 0x800 * 8 + 0x200);
	EXPECT_EQ(svm_msrpm_bit(0xc0010000), 0x1000 * 8);
	EXPECT_EQ(svm_msrpm_bit(0xc0012000), -1);
	EXPECT_EQ(svm_msrpm_bit(0x4b564d00), -1);

	memset(map, 0xff, sizeof(map));
	svm_msrpm_pass(map, 0xc0000101);
	svm_msrpm_pass(map, 0x176);
	svm_msrpm_pass(map, 0x4b564d00);
	for (i = 0; i < sizeof(map); i++)
		passed += 8 - hweight8(map[i]);
	EXPECT_EQ(passed, 4);
	EXPECT_EQ(map[0x800 + 0x40], 0xf3);
}

/* No emulator has firmware that does it, see tests/lab/refuse.sh. */
TEST(disabled_by_firmware)
{
	const u64 disabled = BIT_ULL(4), locked = BIT_ULL(3);

	EXPECT(!svm_disabled(0));
	EXPECT(!svm_disabled(locked));		/* enabled, and for good */
	EXPECT(!svm_disabled(~disabled));
	EXPECT(svm_disabled(disabled) && !strstr(svm_disabled(disabled), "locked"));
	EXPECT(strstr(svm_disabled(disabled | locked), "the firmware has disabled SVM and locked"));
}
