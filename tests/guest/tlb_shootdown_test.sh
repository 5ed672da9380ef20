#!/bin/sh
# A page that is taken away under another processor's eyes.
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/guest.sh
. "$lib/guest.sh"
payload tlb_shootdown --vcpus 2 --append "rounds=$((40 / ${GUEST_SLOW:-1}))"
