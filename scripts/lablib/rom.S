/*
 * An option ROM that starts the kernel instead of letting the BIOS look for a
 * disk. When the BIOS calls it the machine is set up (ACPI tables, PCI, the
 * other processors parked) and the kernel lies in memory already, uncompressed.
 * What is left is to enter long mode with page tables that are there too and
 * to jump, boot parameters in RSI.
 */
	.code16
rom:	.byte	0x55, 0xaa, 1
	cli
	cld
	inb	$0x92, %al
	orb	$2, %al
	outb	%al, $0x92
	movw	%cs, %ax
	movw	%ax, %ds
	lgdtl	gdtr - rom
	movl	%cr0, %eax
	orl	$1, %eax
	movl	%eax, %cr0
	ljmpl	$0x10, $(ROM + start32 - rom)

	.code32
start32:
	movl	$0x18, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	$0x20, %eax
	movl	%eax, %cr4
	movl	$TABLES, %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx
	rdmsr
	orl	$0x100, %eax
	wrmsr
	movl	%cr0, %eax
	orl	$0x80000000, %eax
	movl	%eax, %cr0
	ljmpl	$0x20, $(ROM + start64 - rom)

	.code64
start64:
	movl	$PARAMS, %esi
	movl	$ENTRY, %eax
	jmp	*%rax

	.balign	8
gdt:	.quad	0, 0
	.quad	0x00cf9b000000ffff
	.quad	0x00cf93000000ffff
	.quad	0x00af9b000000ffff
gdtr:	.word	gdtr - gdt - 1
	.long	ROM + gdt - rom
	.org	512
