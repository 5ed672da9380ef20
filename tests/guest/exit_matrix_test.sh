#!/bin/sh
# Every instruction that exits, in every circumstance that its completion must heed.
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/guest.sh
. "$lib/guest.sh"
payload exit_matrix
