/* SPDX-License-Identifier: GPL-2.0 */
/* How much memory a guest is to do without, where that is left to us. */
#ifndef AERIE_VIRTIO_BALLOON_POLICY_H
#define AERIE_VIRTIO_BALLOON_POLICY_H

#include "types.h"

/* What is known of the guest's own memory. */
enum aerie_balloon_told {
	AERIE_BALLOON_TOLD_NOTHING,	/* there is no driver, or one that does not say */
	AERIE_BALLOON_TOLD_BEFORE,	/* but it has not said anything for long */
	AERIE_BALLOON_TOLD_NOW,
};

/**
 * struct aerie_balloon_view - what is looked at, in bytes
 * @memory: that the VM has
 * @min, @max: bounds of what is wanted in the balloon
 * @wanted: in it; @actual: that is
 * @told: whether to go by @available
 * @available: to the guest, without it having to swap
 * @need: the host had better have back
 * @room: that it has left over
 */
struct aerie_balloon_view {
	u64 memory, min, max;
	u64 wanted, actual;
	enum aerie_balloon_told told;
	u64 available;
	u64 need, room;
};

/* What is remembered from one look to the next: how many there were without need, in a row. */
struct aerie_balloon_policy {
	unsigned int calm;
};

/**
 * aerie_balloon_decide() - how much is wanted in a balloon
 * @policy: zeroed to begin with
 * @view: as it is, a second after the last
 *
 * Return: bytes, of whole pages where @view's are.
 */
u64 aerie_balloon_decide(struct aerie_balloon_policy *policy,
			 const struct aerie_balloon_view *view);

#endif
