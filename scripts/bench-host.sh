# shellcheck shell=bash
# The part of the benchmark that happens on the test host: the same payload under
# KVM and under Aerie, with small pages and with large ones. Each run is announced
# by a line "run PEER PAGES"; scripts/bench, which hands this to the lab as the
# command, makes figures of what the payload prints.
set -e
cd /share

case $LAB_HOST in
vmx) kvm=kvm_intel ;;
*) kvm=kvm_amd ;;
esac

sed -n 's/^cpu MHz.*: */clock /p;/^cpu MHz/q' /proc/cpuinfo

# Neither shall find anything of the other.
rmmod aerie
modprobe $kvm
echo "run kvm small"
./kvm payload/exits.elf
echo "run kvm large"
./kvm --large payload/exits.elf
rmmod $kvm kvm

modprobe aerie
for pages in 0 1; do
	echo $pages >/sys/module/aerie/parameters/large_pages
	[ $pages = 0 ] && echo "run aerie small" || echo "run aerie large"
	aerie run bench --quiet --memory 128M --kernel payload/exits.elf --console </dev/null
	aerie destroy bench --quiet
done
