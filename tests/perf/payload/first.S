/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest as small as can be: multiboot calls it in 32-bit mode, it writes a byte to
 * the first serial port and halts for good.
 */
#define MAGIC	0x1badb002

	.section .multiboot, "ax"
	.code32
	.balign 4
	.long	MAGIC, 0, -MAGIC
	.globl _start
_start:
	mov	$0x3f8, %dx
	mov	$'x', %al
	out	%al, %dx
1:	hlt
	jmp	1b
	.section .note.GNU-stack, "", @progbits
