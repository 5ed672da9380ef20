"""What a test host needs to have QEMU run guests under KVM, as Aerie's peer."""

import os
import shutil

from lablib import host

# What QEMU starts a kernel with, and where Debian has it.
ROMS = ("bios-256k.bin", "linuxboot_dma.bin", "kvmvapic.bin")
ROM_DIRS = ("/usr/share/seabios", "/usr/share/qemu")


def find_rom(name):
    for directory in ROM_DIRS:
        path = os.path.join(directory, name)
        if os.path.exists(path):
            return path
    raise host.Error(f"QEMU's {name} is in none of {', '.join(ROM_DIRS)}; run scripts/setup")


def copy_roms(share):
    """Make @share/roms, for QEMU's -L."""
    os.mkdir(os.path.join(share, "roms"))
    for name in ROMS:
        shutil.copy(find_rom(name), os.path.join(share, "roms"))
