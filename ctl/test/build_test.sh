#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What make and lint say where something is missing, and where make install puts the module:
# in a copy of the tree, with a kernel whose headers build an empty file.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=ctl/test/ktap.sh
. "$here/ktap.sh"
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES

cp -r "$here"/../../{Makefile,Kbuild,kmod,include,ctl,scripts,tests} "$scratch"
cd "$scratch" || exit 1
mkdir -p headers/include/config stage
# shellcheck disable=SC2016 # for make to expand
printf 'modules:\n\ttouch $(M)/aerie.ko\n' >headers/Makefile
echo 9.9.9-none >headers/include/config/kernel.release

# says STATUS TEXT NAME COMMAND...
says() {
	local want=$1 text=$2 name=$3 status=0
	shift 3
	"$@" >out 2>&1 </dev/null || status=$?
	if [ "$status" = "$want" ] && grep -qF -- "$text" out; then
		result 0 "$name"
	else
		echo "# status $status, wanted $want and '$text':"
		sed 's/^/#   /' out
		result 1 "$name"
	fi
}

says 2 "scripts/setup --what ctl" "the tool without its libraries" \
	env PKG_CONFIG_LIBDIR=/nowhere make ctl
says 0 "" "clean without them" env PKG_CONFIG_LIBDIR=/nowhere make -C ctl clean
says 2 "install linux-headers-$(uname -r) and run make" "load without a module" make load
if [ -e "/lib/modules/$(uname -r)/build/Makefile" ]; then
	skip "install without headers" "the running kernel's are there"
else
	says 2 "the package linux-headers-$(uname -r) is missing" "install without headers" \
		make install DESTDIR= PREFIX="$scratch/stage"
fi
says 2 "no kernel 9.9.9-none" "install for a kernel that is not installed" \
	make install KERNEL="$scratch/headers" PREFIX="$scratch/stage"
check "nothing is installed then" [ -z "$(ls -d /lib/modules/9.9.9-none stage/* 2>/dev/null)" ]
says 0 "" "install to another root" \
	make install KERNEL=./headers DESTDIR="$scratch/stage" PREFIX=/usr
check "the module is there" [ -f stage/lib/modules/9.9.9-none/updates/aerie.ko ]
check "the tool is there" [ -x stage/usr/sbin/aerie ]
check "with what aerie bench runs" [ -x stage/usr/libexec/aerie/kvm ]
check "and its payload" [ -f stage/usr/libexec/aerie/payload/exits.elf ]
if [ -e /sys/module/aerie ]; then
	skip "where the tool finds it" "the module is loaded: it would run"
else
	says 5 "the module is not loaded" "where the tool finds it" stage/usr/sbin/aerie bench
fi
rm stage/usr/libexec/aerie/kvm
says 1 "are not in" "and says so where it is not" stage/usr/sbin/aerie bench
says 1 "git knows no files" "lint where git knows no files" env GIT_DIR=/nowhere scripts/lint.sh
says 1 "not to be installed" "the newest kernel's is no module to install" \
	scripts/build-module --install stage next
finish
