#!/bin/sh
# A multiboot image as ELF32: what the loader hands over.
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/guest.sh
. "$lib/guest.sh"
# shellcheck source=tests/lib/modules.sh
. "$lib/modules.sh"
payload boot_multiboot --append "one two" --module "$MODULES/1" --module "$MODULES/2"
