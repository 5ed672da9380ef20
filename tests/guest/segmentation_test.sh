#!/bin/sh
# Segments, gates and the ways between the rings.
lib=$(dirname "$0")/../lib
[ -d "$lib" ] || lib=$(dirname "$0")/lib
# shellcheck source=tests/lib/guest.sh
. "$lib/guest.sh"
payload segmentation
