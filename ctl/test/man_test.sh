#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The man page says what the help says: every verb, every option of it, no others.
# And it is installed as it says where things are.
AERIE=${AERIE:-../build/aerie}
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=ctl/test/ktap.sh
. "$here/ktap.sh"
page=$here/../aerie.8

verbs=$("$AERIE" help | sed -n 's/^  \([a-z]*\) .*/\1/p')

# about VERB: what the page says of it, with plain dashes.
about() {
	awk -v verb="$1" '
		/^\.SH/ { verbs = /VERBS/; on = 0 }
		verbs && /^\.B[IR]* "?[a-z]+[ "]/ {
			word = $2; gsub(/"/, "", word); on = word == verb
		}
		on { gsub(/\\-/, "-"); print }' "$page"
}
common=$(sed -n '/^\.SH COMMON/,/^\.SH SIZES/{s/\\-/-/g;p}' "$page")
options() {
	"$AERIE" help "$1" | sed -n 's/^  \(-[a-z],\|   \) \(--[a-z-]*\) .*/\2/p'
}

# has TEXT OPTION
has() { grep -qE -e "(^|[^a-z-])$2([^a-z-]|$)" <<<"$1"; }

check "help lists the verbs" [ "$(wc -w <<<"$verbs")" -ge 16 ]
for verb in $verbs; do
	text=$(about "$verb")
	# create says that it takes what run takes.
	[ "$verb" = create ] && text+=$(about run)
	missing=''
	[ -n "$text" ] || missing="the verb"
	for option in $(options "$verb"); do
		has "$text" "$option" || has "$common" "$option" || missing+=" $option"
	done
	[ -z "$missing" ] || echo "# not in the man page: $missing"
	check "the man page knows $verb and its options" [ -z "$missing" ]

	unknown=''
	known=$(options "$verb")
	[ "$verb" = create ] && known+=" $(options run)"
	for option in $(about "$verb" | grep -oE -e '--[a-z][a-z-]*' | sort -u); do
		has "$known" "$option" || unknown+=" $option"
	done
	[ -z "$unknown" ] || echo "# only in the man page: $unknown"
	check "and no others" [ -z "$unknown" ]
done

statuses=$(awk '/^\.SH/ { on = /EXIT STATUS/ } on && /^\.B [0-9]/ { print $2 }' "$page" | xargs)
check "it lists the exit statuses" [ "$statuses" = "0 1 2 3 4 5 6" ]
if command -v man >/dev/null; then
	out=$(LC_ALL=C.UTF-8 MANROFFSEQ='' man --warnings -E UTF-8 -l "$page" 2>&1 >/dev/null)
	[ -z "$out" ] || echo "# $out"
	check "it formats without a warning" [ -z "$out" ]
else
	skip "it formats without a warning" "no man"
fi

for prefix in /usr/local /usr; do
	make -s -C "$here/.." install DESTDIR="$scratch" PREFIX=$prefix >/dev/null
	man=$scratch$prefix/share/man/man8/aerie.8
	path=$(sed -n 's/^\.I \(.*bash-completion.*\)/\1/p' "$man")
	check "with PREFIX=$prefix completion is where the man page says" \
		[ -f "$scratch${path:-/nowhere}" ]
done
finish
