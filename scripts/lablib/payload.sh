# shellcheck shell=bash disable=SC2154 # who comes after this sets $side
# Guests that are payloads (tests/perf/payload), for scripts that race Aerie and KVM on a test
# host: the same guest under either; $side, kvm or aerie, says which. /share has payloads and kvm.

declare -A TYPE PID

# Whatever happens the host is to be left with no guests.
give_up() {
	[ ! -e /sys/module/aerie ] || aerie list --names | xargs -r aerie destroy --quiet
	jobs -pr | xargs -r kill 2>/dev/null
	wait || true
}
trap give_up EXIT

# How the kernel clears a page, as payloads want to know it.
clear_unit() {
	case " $(sed -n 's/^flags.*: //p;/^flags/q' /proc/cpuinfo) " in
	*" erms "*) echo 1 ;;
	*" rep_good "*) echo 8 ;;
	*) echo 64 ;;
	esac
}

kvm_module() {
	[ "$LAB_HOST" = vmx ] && echo kvm_intel || echo kvm_amd
}

# guest NAME MIB PAYLOAD COMMAND-LINE [OPTION OF KVM...]: start it, with $vcpus vCPUs, 1 where
# that is not set; /tmp/NAME has what it says.
guest() {
	local in

	rm -f "/tmp/$1" "/tmp/$1.in"
	mkfifo "/tmp/$1.in"
	exec {in}<>"/tmp/$1.in"
	if [ "$side" = kvm ]; then
		/share/kvm --input --memory "$2" --append "$4" --cpus "${vcpus:-1}" \
			"${@:5}" "/share/payload/$3.elf" <&"$in" >"/tmp/$1" &
	else
		aerie run "$1" --quiet --memory "$2M" --append "$4" --vcpus "${vcpus:-1}" \
			--kernel "/share/payload/$3.elf" --console <&"$in" >"/tmp/$1" &
	fi
	TYPE[$1]=$in PID[$1]=$!
}

# within SECONDS COMMAND...: until it is true, or they have passed, or all guests have ended.
within() {
	local tries=$(($1 * 10))

	until "${@:2}"; do
		tries=$((tries - 1))
		[ $tries != 0 ] && [ -n "$(jobs -pr)" ] || return 1
		sleep 0.1
	done
}
until_true() {
	within 120 "$@" && return
	echo "failed: $*"
	return 1
}

# said NAME WORD: it waits to be told to go on.
said() {
	grep -q "^# $2" "/tmp/$1"
}
go() {
	printf . >&"${TYPE[$1]}"
}

# end NAME: when it is over, what it has said.
end() {
	local in=${TYPE[$1]}

	wait "${PID[$1]}" || echo "failed: $1 ended with $?"
	exec {in}>&-
	[ "$side" = kvm ] || aerie destroy "$1" --quiet
	cat "/tmp/$1"
}

# memory NAME KEY: a figure of aerie mem.
memory() {
	aerie mem "$1" --json | tr ',{}' '\n' | sed -n "s/.*\"$2\": *\\([0-9]*\\).*/\\1/p"
}

# zram_on DISKSIZE: swap that is compressed memory. What is on first is what is used first.
zram_on() {
	modprobe zram
	echo lz4 >/sys/block/zram0/comp_algorithm
	echo "$1" >/sys/block/zram0/disksize
	until [ -b /dev/zram0 ]; do sleep 0.1; done
	mkswap /dev/zram0 >/dev/null
	swapon /dev/zram0
}
zram_off() {
	swapoff /dev/zram0
	rmmod zram
}
