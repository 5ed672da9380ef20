#!/bin/sh
# A Debian system that Debian's own tools have installed into an image boots in a guest
# with its root on virtio-blk and a network on virtio-net, is worked with, reboots, and is in
# order in the image.
# shellcheck disable=SC2317 # check runs what looks unused

# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
plan 18

share=$SCRATCH/share
mkdir "$share"
"$TOP/scripts/guest-image" --output "$SCRATCH" || bail "no image"
cp "$SCRATCH/debian.vmlinuz" "$SCRATCH/debian.initrd" "$share"
image=$SCRATCH/debian.img

# What apt finds on the host's bridge: a package, and an index of it.
parcel=$SCRATCH/parcel
mkdir -p "$share/repository" "$parcel/DEBIAN" "$parcel/usr/share/parcel"
head -c 5000000 /dev/urandom >"$parcel/usr/share/parcel/content"
cat >"$parcel/DEBIAN/control" <<END
Package: parcel
Version: 1.0
Architecture: all
Maintainer: Aerie <aerie@localhost>
Description: something to carry
END
dpkg-deb --build --root-owner-group "$parcel" "$share/repository/parcel.deb" >&2 || bail "no package"
{
	dpkg-deb -f "$share/repository/parcel.deb"
	echo "Filename: ./parcel.deb"
	stat -c 'Size: %s' "$share/repository/parcel.deb"
	echo "SHA256: $(sha256sum <"$share/repository/parcel.deb" | cut -d' ' -f1)"
} >"$share/repository/Packages"

# The other end of iperf3, with what it is linked to.
mkdir "$share/iperf3"
iperf3=$(command -v iperf3) || bail "no iperf3"
# shellcheck disable=SC2046 # files
cp -L "$iperf3" $(ldd "$iperf3" | grep -o '/[^ ]*') "$share/iperf3"

# fact NAME: what the host has said of it.
fact() {
	sed -n "s/^$1: //p" "$SCRATCH/out" | tr -d '\r'
}

# same TEXT: it is what the guest says to have written.
same() {
	[ -n "$1" ] && [ "$1" = "$(fact written)" ]
}

# extract FILE: from the image.
extract() {
	/sbin/debugfs -R "dump $1 $SCRATCH/extract" "$image" 2>/dev/null && md5sum <"$SCRATCH/extract"
}

in_order() {
	/sbin/e2fsck -fn "$image" >"$SCRATCH/fsck" 2>&1 && return
	sed 's/^/# /' "$SCRATCH/fsck"
	return 1
}

lab svm --disk "$image" --share "$share" --timeout 1200 -- \
	"$(cat "$TOP/scripts/lablib/console.sh" "$HERE/debian-host.sh")"
ended 0 "the system is used"
[ ! -e "$share/stuck" ] || sed 's/^/# /' "$share/stuck"
check "systemd has nothing to complain of" [ "$(fact system)" = running ]
check "two processors" [ "$(fact processors)" = 2 ]
check "root is on virtio-blk" [ "$(fact root)" = "/dev/vda ext4" ]
check "fio verifies what it wrote" [ "$(fact fio)" = 0 ]
check "it discards" [ "$(fact discarded)" = some ]
check "what is installed is what it was" [ "$(fact packages)" = 0 ]
check "it has an address by DHCP" [ "$(fact address)" = 10.98.0.2/24 ]
check "apt installs from a server on the host's bridge" [ "$(fact apt)" = installed ]
check "what is there" [ "$(fact parcel)" = "$(md5sum <"$parcel/usr/share/parcel/content")" ]
check "wget has it, too" [ "$(fact wget)" = "$(md5sum <"$share/repository/parcel.deb")" ]
check "iperf3 sends" [ "$(fact sent)" = 1 ]
check "and receives" [ "$(fact received)" = 1 ]
check "it writes a file" [ -n "$(fact written)" ]
check "which a reboot leaves as it is" same "$(fact kept)"
check "the guest powers off" [ "$(fact state)" = "powered off by the guest" ]
check "the image's file system is clean" in_order
check "and has the file" same "$(extract /root/random)"
finish
