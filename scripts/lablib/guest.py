"""What guests of demonstrations and tests boot from: a stock Debian kernel, and an
initramfs that is busybox with a shell on the console and a power button that
works."""

import os
import shutil

from lablib import cpio, host

INIT = os.path.join(host.HERE, "guest-init")
# What the power button takes, ACPI's button driver and its input device; virtio, VLANs.
MODULES = ("button", "evdev", "virtio_pci", "virtio_blk", "virtio_rng", "virtio_console",
           "virtio_net", "virtio_balloon", "8021q")


def write(f, kernel, busybox):
    ar = cpio.Writer(f)
    for name in ("dev", "proc", "sys", "tmp", "root", "etc", "bin", "lib"):
        ar.directory(name)
    ar.node("dev/console", 0o20600, 5, 1)
    ar.file("bin/busybox", busybox, 0o755)
    ar.link("bin/sh", "busybox")
    ar.file("init", INIT, 0o755)
    ar.data("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
    ar.data("etc/profile", "PS1='guest# '\n")
    order = []
    for path in kernel.in_load_order(MODULES):
        name = os.path.basename(host.plain_name(path))
        ar.data(f"lib/{name}", host.plain_module(os.path.join(kernel.modules, path)))
        order.append(name)
    ar.data("lib/order", "".join(f"{n}\n" for n in order))
    ar.close()


def make(kernel_name="6.1"):
    """[(name, path)] of the two files."""
    kernel = host.Kernel(kernel_name)
    busybox = host.find_program("busybox")
    key = host.digest(*map(host.stamp, (busybox, kernel.image, __file__, cpio.__file__, INIT)))
    return [("vmlinuz", os.path.realpath(kernel.image)),
            ("initrd.img", host.cached(f"guest/{key}.cpio",
                                       lambda f: write(f, kernel, busybox)))]


def with_programs(path, kernel_name, programs):
    """Make @path the initramfs with @programs, paths of static ones, in its /bin."""
    with open(path, "wb") as out:
        with open(dict(make(kernel_name))["initrd.img"], "rb") as f:
            shutil.copyfileobj(f, out)
        ar = cpio.Writer(out)
        ar.dirs.add("bin")
        for program in programs:
            ar.file(f"bin/{os.path.basename(program)}", program, 0o755)
        ar.close()
