# shellcheck shell=sh
# The modules that payload/boot_multiboot.c expects: $MODULES/1 and $MODULES/2.
MODULES=$(mktemp -d "${TMPDIR:-/tmp}/aerie-test.XXXXXX") || exit 1
on_exit "rm -rf '$MODULES'"
for n in 1 2; do
	awk -v n=$n 'BEGIN { for (i = 0; i < n * 5000; i++) printf "%c", 65 + (i * 7 + n) % 26 }' \
		>"$MODULES/$n"
done
