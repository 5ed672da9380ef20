"""Boots a Linux kernel in Bochs without a disk, a boot loader or a decompressor:
the kernel is unpacked here and put into the machine's memory together with
the initramfs, boot parameters and page tables; rom.S and reset.S are what
runs before it. This takes half a minute off every start."""

import lzma
import os
import struct
import subprocess
import tempfile
import zlib

from lablib import host

BIOS = "/usr/share/bochs/BIOS-bochs-latest"
VGABIOS = "/usr/share/vgabios/vgabios.bin"
HERE = os.path.dirname(os.path.abspath(__file__))

# The image starts at 1 MiB; below 16 MiB lie only the things made here.
IMAGE = 0x100000
PARAMS = 0x800000
CMDLINE = PARAMS + 0x2000
TABLES = PARAMS + 0x8000
ROM = 0xd0000
# Above this a Bochs machine has its devices.
MAX_MEMORY = 3072


def unpack(image):
    """The vmlinux inside a bzImage."""
    if image[:4] == b"\x7fELF":
        return image
    if image[0x202:0x206] != b"HdrS":
        raise host.Error("not a Linux kernel image")
    payload = (image[0x1f1] + 1) * 512 + struct.unpack_from("<I", image, 0x248)[0]
    data = image[payload:payload + struct.unpack_from("<I", image, 0x24c)[0]]
    for magic, tool in ((b"\x28\xb5\x2f\xfd", "zstd"), (b"\x02\x21\x4c\x18", "lz4")):
        if data.startswith(magic):
            # The length appended to the stream makes the tool complain.
            return subprocess.run([tool, "-dcq"], input=data[:-4], check=True,
                                  stdout=subprocess.PIPE).stdout
    if data.startswith(b"\xfd7zXZ"):
        return lzma.LZMADecompressor().decompress(data)
    if data.startswith(b"\x1f\x8b"):
        return zlib.decompressobj(31).decompress(data)
    raise host.Error("the kernel image is packed in a way unknown here")


def flatten(elf):
    """(load address, entry, bytes) of an ELF kernel as it lies in memory."""
    entry, phoff = struct.unpack_from("<QQ", elf, 24)
    size, count = struct.unpack_from("<HH", elf, 54)
    parts = []
    for i in range(count):
        kind, _, off, _, addr, filesz, memsz, _ = struct.unpack_from(
            "<IIQQQQQQ", elf, phoff + size * i)
        if kind == 1:
            parts.append((addr, off, filesz, memsz))
    start = min(p[0] for p in parts)
    mem = bytearray(max(p[0] + p[3] for p in parts) - start)
    for addr, off, filesz, _ in parts:
        mem[addr - start:addr - start + filesz] = elf[off:off + filesz]
    return start, entry & 0xffffffff, bytes(mem)


def kernel_image(kernel):
    """Path of the flattened kernel, cached; its first 16 bytes are address
    and entry."""
    def make(f):
        with open(kernel.image, "rb") as g:
            start, entry, mem = flatten(unpack(g.read()))
        f.write(struct.pack("<QQ", start, entry) + mem)
    return host.cached(f"vmlinux/{host.digest(host.stamp(kernel.image))}", make)


def assemble(source, base=0, **symbols):
    with tempfile.TemporaryDirectory() as d:
        obj, out = os.path.join(d, "o"), os.path.join(d, "bin")
        defs = [f"-Wa,--defsym,{k}={v}" for k, v in symbols.items()]
        subprocess.run(["gcc", "-c", "-o", obj, *defs, os.path.join(HERE, source)],
                       check=True)
        subprocess.run(["ld", "-e", "0", f"-Ttext={base:#x}", "--oformat=binary",
                        "-o", out, obj], check=True)
        with open(out, "rb") as f:
            return f.read()


# Where it enables VMX in FEATURE_CONTROL and locks that: RDMSR, OR $5, WRMSR.
VMX_ON, VMX_NOT_ON = bytes.fromhex("0f3283c8050f30"), bytes.fromhex("0f3283c8010f30")


def bios(end, vmx_off):
    """Bochs' BIOS with reset.S in a hole of it and the reset vector leading
    there; VMX_OFF makes it lock FEATURE_CONTROL without VMX."""
    with open(BIOS, "rb") as f:
        rom = bytearray(f.read())
    if rom[-16] != 0xea or rom[-13:-11] != b"\x00\xf0":
        raise host.Error(f"{BIOS} has an unknown reset vector")
    first = struct.unpack_from("<H", rom, len(rom) - 15)[0]
    top = len(rom) - 0x10000
    # The last hole: an earlier one is where the BIOS puts its tables.
    hole = rom.rfind(bytes(512), top, len(rom) - 16)
    if hole < 0:
        raise host.Error(f"{BIOS} has no room for the lab's start code")
    base = (hole - top + 127) & ~63
    code = assemble("reset.S", base, IMAGE=IMAGE, IMAGE_END=end, BIOS_ENTRY=first)
    rom[top + base:top + base + len(code)] = code
    struct.pack_into("<H", rom, len(rom) - 15, base)
    if vmx_off:
        if VMX_ON not in rom:
            raise host.Error(f"{BIOS} enables VMX in a way unknown here")
        rom = rom.replace(VMX_ON, VMX_NOT_ON)
    return bytes(rom)


def option_rom(entry):
    rom = bytearray(assemble("rom.S", ROM=ROM, PARAMS=PARAMS, TABLES=TABLES, ENTRY=entry))
    rom[511] = -sum(rom[:511]) & 255
    return bytes(rom)


def parameters(header, cmdline, memory, initrd, initrd_size):
    """Boot parameters, command line and page tables: 64 KiB from PARAMS on."""
    block = bytearray(0x10000)
    # The set-up header ends where the jump at its start says.
    head = header[0x1f1:0x202 + header[0x201]]
    block[0x1f1:0x1f1 + len(head)] = head
    block[0x210] = 0xff
    struct.pack_into("<II", block, 0x218, initrd, initrd_size)
    struct.pack_into("<I", block, 0x228, CMDLINE)
    text = cmdline.encode()
    if len(text) > 2000:
        raise host.Error("the kernel's command line is too long")
    block[0x2000:0x2000 + len(text)] = text
    # The BIOS keeps its ACPI tables in the last 64 KiB.
    memory_map = ((0, 0x9f000, 1), (0x9f000, 0x1000, 2), (0xe0000, 0x20000, 2),
                  (0x100000, memory - 0x110000, 1), (memory - 0x10000, 0x10000, 3))
    block[0x1e8] = len(memory_map)
    for i, entry in enumerate(memory_map):
        struct.pack_into("<QQI", block, 0x2d0 + 20 * i, *entry)
    # The first 4 GiB mapped one to one with 2 MiB pages.
    at = TABLES - PARAMS
    struct.pack_into("<Q", block, at, TABLES + 0x1000 | 3)
    for i in range(4):
        struct.pack_into("<Q", block, at + 0x1000 + 8 * i, TABLES + 0x2000 + (i << 12) | 3)
    for i in range(2048):
        struct.pack_into("<Q", block, at + 0x2000 + 8 * i, i << 21 | 0x83)
    return bytes(block)


def prepare(directory, kernel, initrd, cmdline, memory, vmx_off):
    """Write bios, rom and ram below DIRECTORY; INITRD names a file. MEMORY is
    in MiB. Returns bochsrc lines that use them."""
    with open(kernel.image, "rb") as f:
        header = f.read(0x1000)
    with open(kernel_image(kernel), "rb") as f:
        start, entry = struct.unpack("<QQ", f.read(16))
        size = os.fstat(f.fileno()).st_size - 16
        at = (start + size + 0x1fffff) & ~0x1fffff
        initrd_size = os.path.getsize(initrd)
        end = (at + initrd_size + 0xfffff) & ~0xfffff
        if end + (64 << 20) > memory << 20:
            raise host.Error(f"{memory} MiB are too little for kernel and initramfs "
                             f"({end >> 20} MiB)")
        with open(f"{directory}/ram", "wb") as ram, open(initrd, "rb") as rd:
            ram.write(b"\1")
            ram.seek(PARAMS - IMAGE)
            ram.write(parameters(header, cmdline, memory << 20, at, initrd_size))
            for addr, source in ((start, f), (at, rd)):
                ram.seek(addr - IMAGE)
                while chunk := source.read(1 << 20):
                    ram.write(chunk)
            ram.truncate(end - IMAGE)
    for name, data in (("bios", bios(end, vmx_off)), ("rom", option_rom(entry))):
        with open(f"{directory}/{name}", "wb") as f:
            f.write(data)
    return (f"romimage: file={directory}/bios, options=fastboot\n"
            f"vgaromimage: file={VGABIOS}\n"
            f"optromimage1: file={directory}/rom, address={ROM:#x}\n"
            f"optramimage1: file={directory}/ram, address={IMAGE:#x}\n"
            f"megs: {memory}\n")
