/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints: entry, exit, injection, nested fault, port and memory I/O, MSRs. The
 * vCPU is loaded, and what an exit leaves in the control block is read where needed.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM aerie

#if !defined(AERIE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define AERIE_TRACE_H

#include <linux/tracepoint.h>
#include "backend.h"

TRACE_EVENT(aerie_entry,
	TP_PROTO(struct aerie_vcpu *vcpu),
	TP_ARGS(vcpu),
	TP_STRUCT__entry(__field(u32, vm) __field(u32, vcpu) __field(u64, rip)),
	TP_fast_assign(
		__entry->vm = vcpu->vm->id;
		__entry->vcpu = vcpu->id;
		__entry->rip = aerie_reg_read(vcpu, AERIE_REG_RIP);
	),
	TP_printk("vm %u vcpu %u rip 0x%llx", __entry->vm, __entry->vcpu, __entry->rip)
);

TRACE_EVENT(aerie_exit,
	TP_PROTO(struct aerie_vcpu *vcpu, unsigned int kind, u32 reason, u64 qual),
	TP_ARGS(vcpu, kind, reason, qual),
	TP_STRUCT__entry(__field(u32, vm) __field(u32, vcpu) __field(u64, rip)
			 __field(u32, kind) __field(u32, reason) __field(u64, qual)),
	TP_fast_assign(
		__entry->vm = vcpu->vm->id;
		__entry->vcpu = vcpu->id;
		__entry->rip = aerie_reg_read(vcpu, AERIE_REG_RIP);
		__entry->kind = kind;
		__entry->reason = reason;
		__entry->qual = qual;
	),
	TP_printk("vm %u vcpu %u rip 0x%llx kind %s reason 0x%x qualification 0x%llx",
		  __entry->vm, __entry->vcpu, __entry->rip,
		  aerie_exit_names[__entry->kind], __entry->reason, __entry->qual)
);

TRACE_EVENT(aerie_inject,
	TP_PROTO(struct aerie_vcpu *vcpu, const struct aerie_event *event),
	TP_ARGS(vcpu, event),
	TP_STRUCT__entry(__field(u32, vm) __field(u32, vcpu) __field(u8, type)
			 __field(u8, vector) __field(u32, error)),
	TP_fast_assign(
		__entry->vm = vcpu->vm->id;
		__entry->vcpu = vcpu->id;
		__entry->type = event->type;
		__entry->vector = event->vector;
		__entry->error = event->has_error ? event->error : 0;
	),
	TP_printk("vm %u vcpu %u %s vector %u error 0x%x", __entry->vm, __entry->vcpu,
		  __print_symbolic(__entry->type, { AERIE_EVENT_EXTINT, "interrupt" },
				   { AERIE_EVENT_NMI, "nmi" },
				   { AERIE_EVENT_EXCEPTION, "exception" },
				   { AERIE_EVENT_SOFTINT, "software-interrupt" },
				   { AERIE_EVENT_SOFTEXC, "software-exception" },
				   { AERIE_EVENT_PRIVEXC, "privileged-exception" }),
		  __entry->vector, __entry->error)
);

TRACE_EVENT(aerie_fault,
	TP_PROTO(struct aerie_vcpu *vcpu, u64 gpa, u32 acc, int result),
	TP_ARGS(vcpu, gpa, acc, result),
	TP_STRUCT__entry(__field(u32, vm) __field(u32, vcpu) __field(u64, gpa)
			 __field(u32, acc) __field(int, result)),
	TP_fast_assign(
		__entry->vm = vcpu->vm->id;
		__entry->vcpu = vcpu->id;
		__entry->gpa = gpa;
		__entry->acc = acc;
		__entry->result = result;
	),
	TP_printk("vm %u vcpu %u gpa 0x%llx %s result %d", __entry->vm, __entry->vcpu,
		  __entry->gpa, __print_flags(__entry->acc, "|", { AERIE_ACC_WRITE, "write" },
					      { AERIE_ACC_USER, "user" },
					      { AERIE_ACC_FETCH, "fetch" }),
		  __entry->result)
);

DECLARE_EVENT_CLASS(aerie_io,
	TP_PROTO(struct aerie_vcpu *vcpu, bool write, u64 addr, unsigned int size, u64 val),
	TP_ARGS(vcpu, write, addr, size, val),
	TP_STRUCT__entry(__field(u32, vm) __field(u32, vcpu) __field(bool, write)
			 __field(u64, addr) __field(u8, size) __field(u64, val)),
	TP_fast_assign(
		__entry->vm = vcpu->vm->id;
		__entry->vcpu = vcpu->id;
		__entry->write = write;
		__entry->addr = addr;
		__entry->size = size;
		__entry->val = val;
	),
	TP_printk("vm %u vcpu %u %s 0x%llx size %u value 0x%llx", __entry->vm, __entry->vcpu,
		  __entry->write ? "write" : "read", __entry->addr, __entry->size, __entry->val)
);

DEFINE_EVENT(aerie_io, aerie_pio,
	TP_PROTO(struct aerie_vcpu *vcpu, bool write, u64 addr, unsigned int size, u64 val),
	TP_ARGS(vcpu, write, addr, size, val));

DEFINE_EVENT(aerie_io, aerie_mmio,
	TP_PROTO(struct aerie_vcpu *vcpu, bool write, u64 addr, unsigned int size, u64 val),
	TP_ARGS(vcpu, write, addr, size, val));

DECLARE_EVENT_CLASS(aerie_span,
	TP_PROTO(struct aerie_vcpu *vcpu, u64 ns),
	TP_ARGS(vcpu, ns),
	TP_STRUCT__entry(__field(u32, vm) __field(u32, vcpu) __field(u64, ns)),
	TP_fast_assign(
		__entry->vm = vcpu->vm->id;
		__entry->vcpu = vcpu->id;
		__entry->ns = ns;
	),
	TP_printk("vm %u vcpu %u for a processor, %llu ns", __entry->vm, __entry->vcpu, __entry->ns)
);

DEFINE_EVENT(aerie_span, aerie_wait,
	TP_PROTO(struct aerie_vcpu *vcpu, u64 ns), TP_ARGS(vcpu, ns));

DEFINE_EVENT_PRINT(aerie_span, aerie_grace,
	TP_PROTO(struct aerie_vcpu *vcpu, u64 ns), TP_ARGS(vcpu, ns),
	TP_printk("vm %u vcpu %u with interrupts off, %llu ns", __entry->vm, __entry->vcpu,
		  __entry->ns));

TRACE_EVENT(aerie_yield,
	TP_PROTO(struct aerie_vcpu *vcpu, u32 to),
	TP_ARGS(vcpu, to),
	TP_STRUCT__entry(__field(u32, vm) __field(u32, vcpu) __field(u32, to)),
	TP_fast_assign(
		__entry->vm = vcpu->vm->id;
		__entry->vcpu = vcpu->id;
		__entry->to = to;
	),
	TP_printk("vm %u vcpu %u to vcpu %u", __entry->vm, __entry->vcpu, __entry->to)
);

TRACE_EVENT(aerie_msr,
	TP_PROTO(struct aerie_vcpu *vcpu, bool write, u32 msr, u64 val, bool refused),
	TP_ARGS(vcpu, write, msr, val, refused),
	TP_STRUCT__entry(__field(u32, vm) __field(u32, vcpu) __field(bool, write)
			 __field(u32, msr) __field(u64, val) __field(bool, refused)),
	TP_fast_assign(
		__entry->vm = vcpu->vm->id;
		__entry->vcpu = vcpu->id;
		__entry->write = write;
		__entry->msr = msr;
		__entry->val = val;
		__entry->refused = refused;
	),
	TP_printk("vm %u vcpu %u %s 0x%x = 0x%llx%s", __entry->vm, __entry->vcpu,
		  __entry->write ? "wrmsr" : "rdmsr", __entry->msr, __entry->val,
		  __entry->refused ? " #GP" : "")
);

#endif

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
