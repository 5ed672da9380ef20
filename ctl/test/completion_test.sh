#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Bash completion: verbs, each verb's options, names of VMs and devices, values, files.
# The tool is the real one, with VMs and devices that it does not have.
AERIE=$(realpath "${AERIE:-../build/aerie}")
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=ctl/test/ktap.sh
. "$here/ktap.sh"

cat >"$scratch/aerie" <<EOF
#!/bin/sh
case "\$*" in
"list --names") printf 'web\nweb-1\ndb\n' ;;
"show web") printf 'name web\n\nDEVICE KIND SLOT\nrng    rng     1\ndisk0  disk    2\n\nDEVICE QUEUE\n' ;;
*) exec "$AERIE" "\$@" ;;
esac
EOF
chmod +x "$scratch/aerie"
touch "$scratch/vmlinuz" "$scratch/initrd.img"
cd "$scratch" || exit 1
# shellcheck source=ctl/aerie.bash
. "$here/../aerie.bash"

# completes TO WORD...: the last word is completed to these, in whatever order.
completes() {
	local got want
	want=$(tr ' ' '\n' <<<"$1" | sort | xargs)
	shift
	COMP_WORDS=("$scratch/aerie" "$@")
	COMP_CWORD=$#
	_aerie
	got=$(printf '%s\n' "${COMPREPLY[@]}" | sort | xargs)
	[ "$got" = "$want" ] || echo "# '$got' instead of '$want'"
	check "aerie $*" [ "$got" = "$want" ]
}

options() {
	"$AERIE" help "$1" | grep -oE -e '^  .{4}--[a-z][a-z-]*' | cut -c7- | xargs
}

verbs=$("$AERIE" help | awk '/^verbs:/ { on = 1; next } !NF { on = 0 } on { print $1 }' | xargs)
completes "$verbs" ""
completes "$verbs" help ""
completes "start stat stop" st
completes "destroy detach disk doctor" d
completes "balloon bench" b
completes "" frobnicate
for verb in $verbs; do
	completes "$(options "$verb")" "$verb" --
done
completes "--kernel" run web --ke
completes "" run --ke=
for verb in start pause resume reset stop destroy show console stat mem attach detach cpus; do
	completes "web web-1 db" "$verb" ""
done
completes "web web-1" stop we
completes "web web-1 db" destroy web ""
completes "" run ""
completes "" list ""
completes "vmlinuz" run -k vm
completes "vmlinuz" run web --kernel = vm
completes "initrd.img vmlinuz aerie" create -i ""
completes "disk nic console rng balloon" attach web ""
completes "on off" swap ""
completes "vmlinuz" attach web disk vm
completes "auto" attach web balloon a
completes "auto" balloon web ""
completes "" cpus web ""
completes "10s 30s 1min 5min" cpus web 2 -t ""
completes "--max --min" balloon web auto --m
completes "auto" run --balloon a
completes "" attach web rng ""
completes "rng disk0" detach web ""
completes "disk0" detach web d
completes "" detach web disk0 ""
completes "256M 512M 1G 2G 4G" run --memory ""
completes "256M 512M 1G 2G 4G" run --memory =
completes "2G" run --memory = 2G
completes "host" run --nic ho
completes "10s 30s 1min 5min" stop web -t ""
completes "" stat web --vcpu ""
completes "web web-1 db" disk ""
completes "disk0 disk1 disk2 disk3" disk web d
completes "" disk web disk0 --size ""
completes "100ms 10s 1s 0" disk web disk0 --burst ""
completes "check commit convert create" image c
completes "vmlinuz" image info vm
completes "raw qcow2 vmdk vdi" image convert a b --from ""
completes "image raw" image convert a b --to = ""
completes "vmlinuz" image create a --base vm
completes "" image split a b --part ""
completes "vmlinuz" mem web --map --svg vm
completes "--map" mem web --m
mkdir "$scratch/files"
completes "files" bench --files ""
completes "" bench ""
completes "" top ""
completes "cpu" top --sort c
completes "200ms 1s 5s 1min" top -d ""
completes "" top -n ""
completes "timer touch two" bench --only t
finish
