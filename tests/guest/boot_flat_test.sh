#!/bin/sh
# A flat multiboot image with addresses in its header.
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/guest.sh
. "$lib/guest.sh"
# shellcheck source=tests/lib/modules.sh
. "$lib/modules.sh"
payload boot_multiboot --file boot_flat.bin --append "one two" \
	--module "$MODULES/1" --module "$MODULES/2"
