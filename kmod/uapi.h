/* SPDX-License-Identifier: GPL-2.0 */
/* The netlink interface's header, whose name is also that of kmod/aerie.h. */
#ifndef AERIE_UAPI_H
#define AERIE_UAPI_H

#include "../include/uapi/aerie.h"

#endif
