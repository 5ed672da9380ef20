# shellcheck shell=bash
# The part of the benchmark that happens on the test host: the same payload under
# KVM and under Aerie. Each run is announced by a line "run PEER PAGES TEST", the
# pages being small or large, and ends with the payload's "ok 1 TEST", or else has
# failed; scripts/bench, which hands this to the lab as the command, makes figures of
# what comes in between.
set -e
cd /share

case $LAB_HOST in
vmx) kvm=kvm_intel ;;
*) kvm=kvm_amd ;;
esac
single="exits mmio x2apic timer registers touch"
# Seconds of the host's time for what takes a tenth of one, or hangs.
patience=5

sed -n 's/^cpu MHz.*: */clock /p;/^cpu MHz/q' /proc/cpuinfo

# Neither shall find anything of the other.
rmmod aerie
modprobe $kvm
# under_kvm PAGES TEST [OPTION...]
under_kvm() {
	echo "run kvm $1 $2"
	[ "$1" = small ] || set -- "$@" --large
	timeout $patience ./kvm --append "only=$2" "${@:3}" payload/exits.elf || echo "failed: $?"
}
for test in $single; do
	under_kvm small "$test"
done
under_kvm large touch
under_kvm small two --cpus 2
rmmod $kvm kvm

modprobe aerie
# The nearest to a doorbell that there is so far: the mask of the second 8259, which
# stays what it is, and the register that selects one of the I/O APIC's.
doorbells="port=161 address=4273995776"
# under_aerie PAGES TEST [OPTION...]
under_aerie() {
	echo "run aerie $1 $2"
	case $1 in small) echo 0 ;; large) echo 1 ;; esac >/sys/module/aerie/parameters/large_pages
	timeout $patience aerie run bench --quiet --memory 128M --kernel payload/exits.elf \
		--append "only=$2 $doorbells" --console "${@:3}" </dev/null || echo "failed: $?"
	aerie destroy bench --quiet
}
for test in $single; do
	under_aerie small "$test"
done
under_aerie large touch
under_aerie small two --vcpus 2
