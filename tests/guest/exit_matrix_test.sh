#!/bin/sh
# Every instruction that exits, in every circumstance that its completion must heed.
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/guest.sh
. "$lib/guest.sh"
# Rounds of the races: all are wanted thousands of times, and Bochs has a minute.
rounds=4000
[ "${GUEST_SLOW:-1}" -lt 10 ] || rounds=1000
payload exit_matrix --append "rounds=$rounds"
