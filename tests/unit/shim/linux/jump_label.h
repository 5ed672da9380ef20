#include "../shim.h"
#ifndef SHIM_JUMP_LABEL_H
#define SHIM_JUMP_LABEL_H
#define DECLARE_STATIC_KEY_TRUE(x)	extern bool x
#define DECLARE_STATIC_KEY_FALSE(x)	extern bool x
#define static_branch_unlikely(x)	unlikely(*(x))
#endif
