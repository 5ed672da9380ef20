# shellcheck shell=bash disable=SC2154 # scripts/lablib/payload.sh, which comes before this
# The part of the benchmark of faults that happens on the test host: the same payload under
# KVM, then under Aerie. Each run is announced by "run SIDE TEST"; after it comes what the
# payload said, "ok 1 TEST" at the end.
set -e
clear=$(clear_unit)
# The payload's batches will access 1088 pages; a scanner may miss a few.
pages=1056

# run TEST [OPTION OF KVM...]: from its start to its end, with ready_TEST in between.
run() {
	echo "run $side $1"
	guest faults 128 faults "only=$1 clear=$clear" "${@:2}"
	if [ "$(type -t "ready_$1")" = function ]; then
		until_true said faults filled && "ready_$1"
		go faults
	fi
	end faults
}

# With KVM a merged page is a page of ksmd's; what it scans meanwhile is not ours to count.
kvm_merged() {
	[ "$(cat /sys/kernel/mm/ksm/pages_sharing)" -ge $pages ]
}
aerie_merged() {
	[ "$(memory faults saved)" -ge $((pages * 4096)) ]
}
ready_pairs() {
	if [ "$side" = kvm ]; then
		echo 5000 >/sys/kernel/mm/ksm/pages_to_scan
		echo 1 >/sys/kernel/mm/ksm/run
		until_true kvm_merged
		echo 0 >/sys/kernel/mm/ksm/run
	else
		aerie share --budget 100 >/dev/null
		until_true aerie_merged
		aerie share --budget 0 >/dev/null
	fi
}

# The peer's compressed memory is swap on zram, with the compressor that Aerie has, lz4.
kvm_out() {
	awk -v kib=$((pages * 4)) '$1 == "VmSwap:" && $2 >= kib { all = 1 } END { exit !all }' \
		"/proc/${PID[faults]}/status"
}
aerie_out() {
	[ "$(memory faults stored)" -ge $((pages * 4096)) ]
}
ready_plain() {
	ready_compressed
}
ready_compressed() {
	if [ "$side" = kvm ]; then
		kill -USR1 "${PID[faults]}"
		until_true kvm_out
	else
		aerie mem faults --limit 1M >/dev/null
		until_true aerie_out
		aerie mem faults --limit 0 >/dev/null
	fi
}

# The last one has 2 MiB pages below.
all() {
	run touch
	run zero
	run pairs --mergeable
	run compressed --pageout
	run plain --pageout
	[ "$side" = kvm ] || echo 1 >/sys/module/aerie/parameters/large_pages
	run large --large
}

# Neither shall find anything of the other.
rmmod aerie
modprobe "$(kvm_module)"
side=kvm
zram_on 256M
all
zram_off
rmmod "$(kvm_module)" kvm
modprobe aerie share_percent=0 large_pages=0
side=aerie
all
