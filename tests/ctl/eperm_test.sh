#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Who has no CAP_NET_ADMIN in the initial user namespace gets exit status 4 from
# every verb: an ordinary user, and root of another user namespace.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
need_guest
plan 36

v=$(vm eperm)
cp "$KERNEL" "$SCRATCH/vmlinuz"
chmod 755 "$SCRATCH"
chmod 644 "$SCRATCH/vmlinuz"
: >"$SCRATCH/out"
: >"$SCRATCH/err"

as_user() {
	su -s /bin/sh "${TEST_USER:-nobody}" -c "exec $(command -v aerie) $*"
}
as_other_root() {
	unshare -U -r aerie "$@"
}
# denied COMMAND...: status 4, and words about permission.
denied() {
	"$@" >"$SCRATCH/out" 2>"$SCRATCH/err" </dev/null
	got=$?
	if [ "$got" != 4 ] || ! grep -qE "not permitted|CAP_NET_ADMIN" "$SCRATCH/err" "$SCRATCH/out"; then
		echo "# $*: status $got"
		sed 's/^/#   /' "$SCRATCH/out" "$SCRATCH/err"
		return 1
	fi
}

grep -q "^${TEST_USER:-nobody}:" /etc/passwd || TEST_USER=user
check "a VM to be denied" aerie create "$v" -q -k "$KERNEL"
for who in as_user as_other_root; do
	if [ $who = as_other_root ] && ! unshare -U -r true 2>/dev/null; then
		for verb in $(seq 17); do skip "other root $verb" "no user namespaces"; done
		continue
	fi
	for verb in start pause resume reset stop destroy show console stat; do
		check "$who $verb" denied $who "$verb" "$v"
	done
	for verb in list events doctor version; do
		check "$who $verb" denied $who "$verb"
	done
	check "$who top" denied $who top --batch -n 1
	check "$who list --json" denied $who list --json
	check "$who create" denied $who create "$v-2" -k "$SCRATCH/vmlinuz"
	check "$who run" denied $who run -k "$SCRATCH/vmlinuz"
done
check "the VM is as it was" is_state "$v" created
finish
