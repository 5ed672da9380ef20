#!/bin/sh
# A multiboot image as ELF64 with a 32-bit entry; QEMU takes none.
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/guest.sh
. "$lib/guest.sh"
# shellcheck source=tests/lib/modules.sh
. "$lib/modules.sh"
[ "$GUEST_ENGINE" = aerie ] || skip_all "only for Aerie"
payload boot_multiboot --file boot_elf64.elf --append "one two" \
	--module "$MODULES/1" --module "$MODULES/2"
