// SPDX-License-Identifier: GPL-2.0
/* The instructions without long mode: in protected mode without paging, in real mode. */
#include "matrix.h"

/*
 * Registers in PUSHA's order and an IRET frame, where 16-bit code reaches them. It is
 * the stack as well: the code goes in by POPA and IRET, and a trap that pushes its
 * frame and then PUSHA leave there what came out.
 */
struct legacy {
	u32 edi, esi, ebp, esp, ebx, edx, ecx, eax, eip, cs, eflags;
	u32 caller_esp, dr6, nr, db[MAX_EVENTS];
};

static struct legacy *const legacy = (struct legacy *)0x6800;

#define LEGACY_CODE(name, bits, ip, iret)						\
extern u8 name[], name##_db[], name##_bp[], name##_end[];				\
asm(".text; .code" bits "\n"								\
    #name ": pushal; mov %esp, 0x6800 + 44; mov $0x6800, %esp; popal; iretl\n"		\
    #name "_db: pushal\n"								\
    "	mov " ip ", %eax; mov 0x6800 + 52, %ebx; and $7, %ebx\n"			\
    "	mov %eax, 0x6800 + 56(, %ebx, 4); incl 0x6800 + 52\n"				\
    "	mov %dr6, %eax; and %eax, 0x6800 + 48; mov $0xffff0ff0, %eax; mov %eax, %dr6\n"	\
    "	popal; " iret "\n"								\
    #name "_bp: pushal; mov 0x6800 + 44, %esp; popal; ret\n"				\
    #name "_end: .code64\n")
LEGACY_CODE(protected, "32", "0x6800 + 32", "iretl");
LEGACY_CODE(real, "16", "0x6800 + 38", "iret");

static void legacy_begin(const struct regs *in)
{
	*legacy = (struct legacy){
		.edi = in->rdi, .esi = in->rsi, .ebp = in->rbp, .ebx = in->rbx, .edx = in->rdx,
		.ecx = in->rcx, .eax = in->rax, .eip = in->rip, .cs = in->cs,
		.eflags = in->rflags, .dr6 = ~0u,
	};
}

/* A frame in real mode is three words: all lies 6 bytes higher. */
static void legacy_end(const struct regs *in, bool real_mode)
{
	const struct legacy *l = real_mode ? (void *)legacy + 6 : legacy;
	u32 i, mask = real_mode ? 0xffff : ~0u;

	for (i = 0; i < legacy->nr && i < MAX_EVENTS; i++)
		seen.event[seen.nr++] = (struct event){ DB, legacy->db[i] & mask };
	if (seen.nr < MAX_EVENTS)
		seen.event[seen.nr++] = (struct event){ BP, l->eip & mask };
	seen.dr6 = legacy->dr6;
	seen.regs = *in;
	seen.regs.rdi = l->edi;
	seen.regs.rsi = l->esi;
	seen.regs.rbp = l->ebp;
	seen.regs.rbx = l->ebx;
	seen.regs.rdx = l->edx;
	seen.regs.rcx = l->ecx;
	seen.regs.rax = l->eax;
	seen.regs.rflags = real_mode ? ((u16 *)&l->eip)[2] : l->eflags;
}

static void enter_protected(struct regs *in)
{
	static struct mode32 m;
	static const u8 *const code[] = { [DB] = protected_db, [BP] = protected_bp };

	setup_idt32();
	for (u32 i = 0; i < ARRAY_SIZE(code); i++)
		if (code[i])
			idt32[i] = ((u64)code[i] & 0xffff) | SEL_CODE32 << 16 | 0x8eull << 40 |
				   (u64)code[i] >> 16 << 48;
	legacy_begin(in);
	m = (struct mode32){ .cr0 = CR0_PE | CR0_NE, .cr4 = read_cr4(), .code = (u64)protected, .vector = ~0u };
	run_mode32(&m);
	legacy_end(in, false);
	if (m.vector != ~0u)
		seen.event[0] = (struct event){ m.vector, m.eip };
}

/* The compiler is not to know that it is at 0. */
static u32 *real_vectors;

static void enter_real(struct regs *in)
{
	volatile u32 *vectors = READ_ONCE(real_vectors);

	vectors[DB] = REAL_BODY + (real_db - real);
	vectors[BP] = REAL_BODY + (real_bp - real);
	legacy_begin(in);
	run_real(real, real_end - real);
	legacy_end(in, true);
}

TEST(without_long_mode)
{
	begin();
	run_all(&(struct way){ "protected mode", .at = CODE_LOW, .cs = SEL_CODE32,
			       .enter = enter_protected });
	run_all(&(struct way){ "protected mode, TF", .at = CODE_LOW, .cs = SEL_CODE32,
			       .flags = FLAG_TF, .enter = enter_protected });
	run_all(&(struct way){ "16-bit protected mode", .at = CODE_LOW, .cs = SEL_CODE16,
			       .enter = enter_protected });
	run_all(&(struct way){ "16-bit protected mode, TF", .at = CODE_LOW, .cs = SEL_CODE16,
			       .flags = FLAG_TF, .enter = enter_protected });
	run_all(&(struct way){ "real mode", .at = CODE_LOW, .enter = enter_real });
	run_all(&(struct way){ "real mode, TF", .at = CODE_LOW, .flags = FLAG_TF, .enter = enter_real });
	EXPECT_EQ(failures, 0);
}
