# shellcheck shell=bash disable=SC2154 # who hands this over sets $side, $test and $kind
# The part of scripts/exit-profile that happens on the test host, after lablib/payload.sh: a
# guest that has one kind of exit for ever, and where the host's functions are.
set -e
rmmod aerie
modprobe "$([ "$side" = kvm ] && kvm_module || echo aerie)"
# Before there is somebody else who wants the processor.
grep -i ' [tw] ' /proc/kallsyms
guest profile 128 exits "only=$test stay=$kind port=161 address=4273995776"
until_true said profile "$kind goes on"
echo "the guest is there"
sleep 100000
