/* SPDX-License-Identifier: GPL-2.0 */
/* VMX definitions: exit reasons of the exported header, and what the kernel adds. */
#ifndef AERIE_SHIM_VMX_H
#define AERIE_SHIM_VMX_H

#include_next <asm/vmx.h>

#define DEBUG_REG_ACCESS_NUM		0x7
#define TYPE_MOV_FROM_DR		(1 << 4)
#define DEBUG_REG_ACCESS_REG(eq)	(((eq) >> 8) & 0xf)
#define EPT_VIOLATION_ACC_WRITE		(1 << 1)
#define EPT_VIOLATION_ACC_INSTR		(1 << 2)

#endif
