/*
 * Runs at the reset vector, before the BIOS. Bochs gives guest memory its
 * backing store block by block, in the order in which blocks are first
 * touched, and reads an optramimage into the backing store from its first block
 * on. Touching the blocks from the image's address upwards therefore puts an
 * image of any size where it belongs. Then the BIOS starts as ever.
 *
 * After the first start the image's first byte is cleared; a second time round
 * the machine was reset, which is said on COM1 for the lab to see.
 */
	.code16
	cli
	lgdtl	%cs:gdtr
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmpl	$8, $(0xffff0000 + start32)

	.code32
start32:
	movl	$0x10, %eax
	movl	%eax, %ds
	movl	$IMAGE, %eax
	cmpb	$1, (%eax)
	jne	again
	movb	$0, (%eax)
1:	testb	%al, (%eax)
	addl	$0x10000, %eax
	cmpl	$IMAGE_END, %eax
	jb	1b
	ljmp	$0x18, $start16

again:	movl	$(0xffff0000 + text), %esi
2:	movw	$0x3fd, %dx
	inb	%dx, %al
	testb	$0x20, %al
	jz	2b
	lodsb
	movw	$0x3f8, %dx
	outb	%al, %dx
	testb	%al, %al
	jnz	2b
3:	hlt
	jmp	3b
text:	.asciz	"\naerie-lab: reset\n"

	.code16
start16:
	movl	%cr0, %eax
	andb	$0xfe, %al
	movl	%eax, %cr0
	ljmp	$0xf000, $BIOS_ENTRY

	.balign	8
gdt:	.quad	0
	.quad	0x00cf9b000000ffff
	.quad	0x00cf93000000ffff
	.quad	0x00009b0f0000ffff
gdtr:	.word	gdtr - gdt - 1
	.long	0xffff0000 + gdt
