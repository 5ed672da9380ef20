# shellcheck shell=sh
# Runs a bare-metal payload as a guest and passes its KTAP on; for sourcing by
# tests/guest/NAME_test.sh:
#
#	. "$lib/guest.sh"
#	payload ipi --vcpus 4
#
# GUEST_ENGINE=qemu runs it under QEMU's TCG instead of Aerie: that is how the
# payloads themselves are checked. GUEST_SLOW multiplies all timeouts.

# shellcheck source=tests/lib/ktap.sh
. "${lib:?}/ktap.sh"

GUEST_ENGINE=${GUEST_ENGINE:-aerie}

# payload NAME [--file F] [--vcpus N] [--memory SIZE] [--append TEXT] [--module FILE]...
#	[--disk SIZE] [--nic BRIDGE]... [--balloon SIZE] [--timeout SECONDS] [--dies]
# Runs payload/NAME.elf (or F) and exits with its result. --dies: the guest may
# stop without finishing; the host must only survive it.
payload() {
	name=$1
	file=$1.elf
	vcpus=1 memory=64M append='' modules='' disk='' nics='' balloon='' limit=120 dies=''
	shift
	while [ $# -gt 0 ]; do
		case $1 in
		--file) file=$2 ;;
		--vcpus) vcpus=$2 ;;
		--memory) memory=$2 ;;
		--append) append=$2 ;;
		--module) modules="$modules $2" ;;
		--disk) disk=$2 ;;
		--nic) nics="$nics $2" ;;
		--balloon) balloon=$2 ;;
		--timeout) limit=$2 ;;
		--dies) dies=1; shift; continue ;;
		*) bail "payload: unknown option $1" ;;
		esac
		shift 2
	done
	file=$(built "payload/$file") || exit
	limit=$((limit * ${GUEST_SLOW:-1}))
	scratch
	[ -z "$disk" ] || truncate -s "$disk" "$SCRATCH/disk"
	"run_$GUEST_ENGINE" >"$SCRATCH/out" 2>"$SCRATCH/err"
	status=$?
	ktap_result "$SCRATCH/out" "$status" "$dies"
}

run_aerie() {
	need_aerie
	vm=t-$(echo "$name" | tr _ -)-$$
	set -- run "$vm" --memory "$memory" --vcpus "$vcpus" --kernel "$file" --append "$append"
	for module in $modules; do
		set -- "$@" --module "$module"
	done
	[ -z "$disk" ] || set -- "$@" --disk "$SCRATCH/disk,serial=payload"
	for nic in $nics; do
		set -- "$@" --nic "$nic"
	done
	[ -z "$balloon" ] || set -- "$@" --balloon "$balloon"
	on_exit "aerie destroy $vm >/dev/null 2>&1"
	timeout "$limit" aerie "$@" --console </dev/null
}

# Not -no-reboot: payloads reset the machine on purpose.
run_qemu() {
	set -- -M pc -cpu "${GUEST_CPU:-max}" -m "$memory" -smp "$vcpus" -kernel "$file" \
		-append "$append" -display none -monitor none -serial stdio -nic none
	if [ -n "$modules" ]; then
		set -- "$@" -initrd "$(echo "$modules" | sed 's/^ //; s/ /,/g')"
	fi
	# shellcheck disable=SC2086 # words on purpose
	timeout "$limit" qemu-system-x86_64 "$@" ${GUEST_QEMU_ARGS:-} </dev/null
}
