/* SPDX-License-Identifier: GPL-2.0 */
/* Whether a backend checks its control block before every entry. */
#ifndef AERIE_CORE_CHECK_H
#define AERIE_CORE_CHECK_H

#include <linux/jump_label.h>

/* The module parameter check_entry; on from the start in a build with AERIE_DEBUG. */
#ifdef AERIE_DEBUG
DECLARE_STATIC_KEY_TRUE(aerie_check_entry);
#else
DECLARE_STATIC_KEY_FALSE(aerie_check_entry);
#endif

#endif
