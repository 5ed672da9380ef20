# shellcheck shell=sh
# KVM on the same host, for tests of it and Aerie: it loads beside an Aerie without VMs.
# For sourcing after fault.sh.

# need_kvm: it is there to be loaded, by what is called $kvm then.
need_kvm() {
	grep -qw vmx /proc/cpuinfo && kvm=kvm_intel || kvm=kvm_amd
	[ ! -d /sys/module/kvm ] || skip_all "KVM is loaded already"
	/sbin/modprobe -n -q "$kvm" || skip_all "there is no $kvm"
	on_exit "unload_kvm"
}

# load_kvm [PARAMETER...]
load_kvm() {
	/sbin/modprobe kvm "$@" 2>"$SCRATCH/err" && /sbin/modprobe "$kvm" 2>>"$SCRATCH/err"
}

unload_kvm() {
	for module in "$kvm" kvm; do
		[ ! -d /sys/module/"$module" ] || /sbin/rmmod "$module" || return 1
	done
}
