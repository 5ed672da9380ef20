#!/bin/sh
# PCI and virtio, with a disk and the entropy device.
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/guest.sh
. "$lib/guest.sh"
payload virtio --vcpus 2 --disk 1M
