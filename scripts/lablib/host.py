"""What a test host is made of: its kernel and its initramfs. The part that is
the same in every run (programs, modules) is kept in the cache; the part that
is not (module, tool, command, shared folder) is appended for the run."""

import contextlib
import fcntl
import glob
import hashlib
import lzma
import os
import shutil
import subprocess
import tempfile
import time

from lablib import cpio

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(TOP, "build")
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME")
                     or os.path.expanduser("~/.cache"), "aerie")

# Kernel modules at hand in a host (where that kernel has them as modules).
# Nothing but the channel's is loaded before the command asks for it.
MODULES = ("virtio_pci", "virtio_console", "kvm", "kvm_intel", "kvm_amd",
           "tun", "bridge", "loop", "virtio_blk", "virtio_net", "zsmalloc",
           "lz4", "msr", "cpuid", "tls", "vfat", "rtc_cmos", "configfs", "null_blk",
           "scsi_debug", "sd_mod", "8021q", "veth", "dummy", "nf_tables", "sch_ingress",
           "cls_matchall", "act_gact", "act_mirred", "vhost_net", "brd", "zram")
PROGRAMS = ("bash", "kmod", "ip", "tc")


class Error(Exception):
    """Something the lab needs is not there; the text says what to do."""


def cached(name, make, keep=12):
    """Path of cache entry NAME; MAKE(file) writes it when it is not there. Runs
    at the same time see all of it or nothing."""
    path = os.path.join(CACHE, name)
    if os.path.exists(path):
        os.utime(path)
        return path
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path):
            tmp = f"{path}.tmp.{os.getpid()}"
            try:
                with open(tmp, "wb") as f:
                    make(f)
                os.rename(tmp, path)
            finally:
                if os.path.exists(tmp):
                    os.unlink(tmp)
        # Who waited for the lock finds the entry made and the lock's name gone.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(lock.name)
    forget_old(os.path.dirname(path), keep)
    return path


def forget_old(directory, keep):
    """The cache keeps the KEEP entries used last, and all of the last hour: a run
    may be about to open its own. Others forget, too, at the same time. Folders are
    somebody else's."""
    used = []
    for e in os.scandir(directory):
        with contextlib.suppress(FileNotFoundError):
            if e.is_file() and not e.name.endswith(".lock"):
                used.append((e.stat().st_mtime, e.path))
    for when, path in sorted(used, reverse=True)[keep:]:
        with contextlib.suppress(FileNotFoundError):
            if time.time() - when > 3600:
                os.unlink(path)


def digest(*parts):
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:16]


def stamp(path):
    st = os.stat(path)
    return f"{os.path.realpath(path)} {st.st_size} {st.st_mtime_ns}"


class Kernel:
    """NAME is a series that scripts/setup unpacked, a directory laid out like
    one of those, or a bzImage (which then has no modules). The module for any of
    the latter is build/other/aerie.ko, as build-module has it."""

    def __init__(self, name):
        where = os.path.join(BUILD, "kernels", name)
        self.name = name
        if "/" in name or os.path.isfile(name):
            where = os.path.abspath(name)
            self.name = "other"
        if os.path.isfile(where):
            self.image, self.modules, self.version = where, None, None
            return
        self.image = os.path.join(where, "vmlinuz")
        self.modules = os.path.join(where, "modules")
        if not os.path.exists(self.image):
            raise Error(f"no kernel at {where}; run scripts/setup" +
                        (" and scripts/debug-kernel" if name == "debug" else ""))
        self.version = os.path.basename(os.path.realpath(self.modules))

    def module_files(self, names):
        """Paths, below the modules directory, of NAMES and all that they need."""
        return sorted(self.in_load_order(names))

    def in_load_order(self, names):
        """The same, each after those it needs."""
        if not self.modules:
            return []
        deps, by_name = {}, {}
        with open(os.path.join(self.modules, "modules.dep")) as f:
            for line in f:
                path, _, needs = line.strip().partition(":")
                deps[path] = needs.split()
                stem = os.path.basename(path).split(".ko")[0].replace("-", "_")
                by_name[stem] = path
        found = {}
        for n in names:
            if n in by_name:
                # depmod lists what is needed in turn, too, the last to load first.
                path = by_name[n]
                found.update(dict.fromkeys([*reversed(deps[path]), path]))
        return list(found)


def plain_module(path):
    """A module's bytes, unpacked."""
    with open(path, "rb") as f:
        data = f.read()
    if path.endswith(".xz"):
        return lzma.decompress(data)
    if path.endswith(".zst"):
        return subprocess.run(["zstd", "-dcq", path], check=True,
                              stdout=subprocess.PIPE).stdout
    return data


def plain_name(path):
    return path.split(".ko")[0] + ".ko"


def libraries(program):
    """What the dynamic linker would load for PROGRAM."""
    r = subprocess.run(["ldd", program], text=True, capture_output=True)
    if r.returncode:
        return []
    paths = (w for line in r.stdout.splitlines() for w in line.split())
    if "not found" in r.stdout:
        raise Error(f"{program} lacks a library:\n{r.stdout}")
    return sorted({p for p in paths if p.startswith("/")})


def find_program(name):
    for d in (os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin").split(":"):
        path = os.path.join(d, name)
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return os.path.realpath(path)
    raise Error(f"no program {name} here; run scripts/setup")


def add_program(ar, path, have, name=None):
    """A program and its libraries, where they are on this machine. On the host
    /bin, /sbin, /usr/sbin are all /usr/bin."""
    ar.file("usr/bin/" + (name or os.path.basename(path)), path, 0o755)
    for lib in libraries(path):
        dest = lib.lstrip("/")
        if dest.startswith("lib"):
            dest = "usr/" + dest
        if dest not in have:
            have.add(dest)
            ar.file(dest, os.path.realpath(lib), 0o755)


def compile_static(source):
    """A small C program of the lab's own, cached."""
    def make(f):
        with tempfile.TemporaryDirectory() as d:
            out = os.path.join(d, "out")
            subprocess.run(["gcc", "-O2", "-Wall", "-static", "-s", "-o", out, source],
                           check=True)
            with open(out, "rb") as g:
                f.write(g.read())
            os.fchmod(f.fileno(), 0o755)
    return cached(f"lab/{os.path.basename(source)}-{digest(stamp(source))}", make)


PASSWD = """root:x:0:0:root:/root:/bin/bash
user:x:1000:1000:user:/tmp:/bin/bash
nobody:x:65534:65534:nobody:/nonexistent:/bin/false
"""
GROUP = "root:x:0:\ntty:x:5:\nuser:x:1000:\nnogroup:x:65534:\n"
MOTD = """
Guests: aerie run web -m 256M -k /guest/vmlinuz -i /guest/initrd.img \\
                -a console=ttyS0 --console
"""
PROFILE = """export PATH=/usr/sbin:/usr/bin:/sbin:/bin
PS1='\\h:\\w\\$ '
for f in /usr/share/bash-completion/completions/*; do
	[ -f "$f" ] && . "$f"
done
[ -n "$WELCOMED" ] || cat /etc/motd
export WELCOMED=1
"""


def base():
    """The cached part of the initramfs."""
    busybox = find_program("busybox")
    programs = [find_program(p) for p in PROGRAMS]
    mux = compile_static(os.path.join(HERE, "mux.c"))
    own = [os.path.join(HERE, f) for f in ("init", "session")]

    def make(f):
        ar = cpio.Writer(f)
        for d in ("dev", "proc", "sys", "tmp", "run", "root", "mnt", "etc",
                  "lab", "usr/bin", "usr/lib", "usr/lib64"):
            ar.directory(d)
        for name in ("bin", "sbin"):
            ar.link(name, "usr/bin")
        ar.link("usr/sbin", "bin")
        ar.link("lib", "usr/lib")
        ar.link("lib64", "usr/lib64")
        ar.node("dev/console", 0o20600, 5, 1)
        ar.node("dev/null", 0o20666, 1, 3)
        ar.file("usr/bin/busybox", busybox, 0o755)
        applets = subprocess.run([busybox, "--list"], text=True, check=True,
                                 stdout=subprocess.PIPE).stdout.split()
        have = set()
        taken = {"busybox"}
        for path in programs:
            add_program(ar, path, have)
            taken.add(os.path.basename(path))
        for name in ("modprobe", "insmod", "rmmod", "lsmod", "modinfo", "depmod"):
            ar.link(f"usr/bin/{name}", "kmod")
            taken.add(name)
        for name in sorted(set(applets) - taken):
            ar.link(f"usr/bin/{name}", "busybox")
        for t in ("d/dumb", "l/linux", "v/vt100", "x/xterm", "x/xterm-256color",
                  "s/screen", "t/tmux"):
            for where in ("/lib/terminfo", "/usr/share/terminfo"):
                if os.path.isfile(f"{where}/{t}"):
                    ar.file(f"usr/lib/terminfo/{t}", f"{where}/{t}")
                    break
        ar.data("etc/passwd", PASSWD)
        ar.data("etc/group", GROUP)
        ar.data("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")
        ar.data("etc/hosts", "127.0.0.1 localhost\n")
        ar.data("etc/profile", PROFILE)
        ar.data("etc/motd", MOTD)
        ar.data("root/.bashrc", ". /etc/profile\n")
        ar.file("lab/mux", mux, 0o755)
        ar.file("init", own[0], 0o755)
        ar.file("lab/session", own[1], 0o755)
        ar.close()

    # Not mux itself: its time is that of its last use.
    key = digest(*map(stamp, [busybox, *programs, *own, __file__]), mux)
    return cached(f"lab/base-{key}.cpio", make)


def module_tree(directory, kernel, aerie):
    """DIRECTORY/VERSION as /lib/modules/VERSION shall be: the modules that
    kernel has of MODULES, plain, and aerie.ko; indexed by depmod."""
    tree = os.path.join(directory, "lib", "modules", kernel.version)
    os.makedirs(tree)
    for path in kernel.module_files(MODULES):
        source = os.path.join(kernel.modules, path)

        def make(f, source=source):
            f.write(plain_module(source))

        dest = os.path.join(tree, plain_name(path))
        os.makedirs(os.path.dirname(dest), exist_ok=True)
        shutil.copyfile(cached(f"modules/{digest(stamp(source))}", make, keep=200), dest)
    for name in ("modules.builtin", "modules.order"):
        shutil.copy(os.path.join(kernel.modules, name), tree)
    if aerie:
        os.mkdir(os.path.join(tree, "extra"))
        shutil.copy(aerie, os.path.join(tree, "extra", "aerie.ko"))
    said = subprocess.run(["/sbin/depmod", "-b", directory, "-w", kernel.version],
                          text=True, capture_output=True)
    if said.returncode or "missing" in said.stderr or "needs unknown" in said.stderr:
        raise Error(f"depmod: {said.stderr.strip()}")
    return tree


def run_part(out, kernel, config, command, aerie=None, tool=None, share=None,
             extra=(), guest=()):
    """What only this run has. EXTRA: programs to bring along; GUEST: names and
    paths of the files in /guest."""
    ar = cpio.Writer(out)
    ar.dirs.update(("lab", "etc", "usr", "usr/bin", "usr/lib", "root"))
    ar.data("lab/config", "".join(f"{k}={v}\n" for k, v in config.items()))
    ar.data("lab/command", command)
    if kernel.version:
        with tempfile.TemporaryDirectory() as d:
            ar.tree(f"usr/lib/modules/{kernel.version}", module_tree(d, kernel, aerie))
    elif aerie:
        ar.file("lab/aerie.ko", aerie, 0o644)
    have = set()
    if tool:
        add_program(ar, tool, have)
        for path in glob.glob(os.path.join(TOP, "ctl", "*.bash")):
            ar.file("usr/share/bash-completion/completions/aerie", path, 0o644)
    for program in extra:
        add_program(ar, find_program(program), have, os.path.basename(program))
    for name, path in guest:
        ar.file(f"guest/{name}", path, 0o644)
    if share:
        ar.tree("share", share)
    ar.close()
