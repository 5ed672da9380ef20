#include "../shim.h"
#ifndef SHIM_STATIC_CALL_H
#define SHIM_STATIC_CALL_H
/* Tests have a backend that they can change: backend.h's calls go by its pointers. */
#define DECLARE_STATIC_CALL(name, func)	extern typeof(func) name
#define static_call(name)		(*BACKEND_OP_##name)
#define BACKEND_OP_aerie_hw_cache_reg	aerie_backend->cache_reg
#define BACKEND_OP_aerie_hw_cpl		aerie_backend->cpl
#define BACKEND_OP_aerie_hw_inject	aerie_backend->inject
#define BACKEND_OP_aerie_hw_irq_ready	aerie_backend->irq_ready
#define BACKEND_OP_aerie_hw_nmi_ready	aerie_backend->nmi_ready
#define BACKEND_OP_aerie_hw_want_irq_window	aerie_backend->want_irq_window
#define BACKEND_OP_aerie_hw_want_nmi_window	aerie_backend->want_nmi_window
#define BACKEND_OP_aerie_hw_want_cr8_window	aerie_backend->want_cr8_window
#endif
