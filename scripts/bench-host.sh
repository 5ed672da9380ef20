# shellcheck shell=bash
# The part of the benchmark that happens on the test host: the same payload under KVM
# and under Aerie, then figures that are taken outside the guest. Each run is announced
# by a line "run PEER PAGES TEST", the pages being small or large, and ends with
# "ok 1 TEST", or else has failed; scripts/bench, which hands this to the lab as the
# command, makes figures of what comes in between. With a kernel in /guest its boot is
# timed, too.
set -e
cd /share

kvm=$(kvm_module)
single="exits mmio x2apic timer registers touch device"
outside="create pause memory"
# Seconds of the host's time for what takes a tenth of one, or hangs.
patience=5

sed -n 's/^cpu MHz.*: */clock /p;/^cpu MHz/q' /proc/cpuinfo
clear=$(clear_unit)

# measured PEER WHAT SECONDS COMMAND...: what says nothing of its end itself.
measured() {
	echo "run $1 small $2"
	if timeout "${@:3}"; then
		echo "ok 1 $2"
	else
		echo "failed: $?"
	fi
}

# Neither shall find anything of the other.
rmmod aerie
modprobe "$kvm"
# under_kvm PAGES TEST [OPTION...]
under_kvm() {
	echo "run kvm $1 $2"
	[ "$1" = small ] || set -- "$@" --large
	timeout $patience ./kvm --append "only=$2 clear=$clear" "${@:3}" payload/exits.elf ||
		echo "failed: $?"
}
for test in $single; do
	under_kvm small "$test"
done
under_kvm large touch
if [ "$LAB_HOST" = svm-bochs ]; then
	# It wants what no processor does when long mode is entered, and ends if it is not so.
	echo "skip ipi: KVM starts processors with a 16-bit TSS in TR, which ends Bochs"
else
	under_kvm small two --cpus 2
fi
for what in $outside; do
	measured kvm "$what" $patience ./kvm --measure "$what" payload/first.elf
done
rmmod "$kvm" kvm

modprobe aerie
# The nearest to a doorbell that there is so far: the mask of the second 8259, which
# stays what it is, and the register that selects one of the I/O APIC's.
doorbells="port=161 address=4273995776"
# under_aerie PAGES TEST [OPTION...]
under_aerie() {
	echo "run aerie $1 $2"
	case $1 in small) echo 0 ;; large) echo 1 ;; esac >/sys/module/aerie/parameters/large_pages
	timeout $patience aerie run bench --quiet --memory 128M --kernel payload/exits.elf \
		--append "only=$2 clear=$clear $doorbells" --console "${@:3}" </dev/null || echo "failed: $?"
	# What could not be made cannot be destroyed either; that has been told.
	aerie destroy bench --quiet || true
}
for test in $single; do
	under_aerie small "$test"
done
[ "$LAB_HOST" = svm-bochs ] || under_aerie small two --vcpus 2
# The last one: large pages are what the rest is to be measured with.
under_aerie large touch
for what in $outside; do
	measured aerie "$what" $patience ./aerie "$what" payload/first.elf
	aerie list --names | xargs -r aerie destroy --quiet
done
if [ -e /guest/vmlinuz ]; then
	measured aerie boot 60 ./aerie boot /guest/vmlinuz boot.img
else
	echo "skip boot: minutes on Bochs, and there is no peer"
	echo "skip boot-exits: goes with boot"
fi
