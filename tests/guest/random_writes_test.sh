#!/bin/sh
# Random values to ports, MSRs and registers; the guest may die.
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/guest.sh
. "$lib/guest.sh"
payload random_writes --dies --timeout 60
