#include "../shim.h"
#ifndef SHIM_RWSEM_H
#define SHIM_RWSEM_H

struct rw_semaphore { int readers; };

static inline void init_rwsem(struct rw_semaphore *sem) { sem->readers = 0; }
static inline void down_read(struct rw_semaphore *sem) { sem->readers++; }
static inline void up_read(struct rw_semaphore *sem) { sem->readers--; }

static inline void down_write(struct rw_semaphore *sem)
{
	if (sem->readers)
		abort();
}

static inline void up_write(struct rw_semaphore *sem) { }

#endif
