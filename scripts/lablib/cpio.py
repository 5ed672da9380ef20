"""Initramfs archives (cpio, "newc"): written without being root and without a
staging directory, read back from a host that was not trusted with tar."""

import os
import stat


class Writer:
    """Appends entries to an open binary file; close() ends the archive. An
    initramfs may be several such archives one after another."""

    def __init__(self, out):
        self.out = out
        self.ino = 0
        self.dirs = {""}

    def _pad(self):
        self.out.write(b"\0" * (-self.out.tell() % 4))

    def _entry(self, name, mode, data=b"", mtime=0, rdev=(0, 0), size=None):
        name = name.encode() + b"\0"
        self.ino += 1
        fields = (self.ino, mode, 0, 0, 1, int(mtime),
                  len(data) if size is None else size,
                  0, 0, *rdev, len(name), 0)
        self.out.write(b"070701" + b"".join(b"%08X" % f for f in fields) + name)
        self._pad()
        self.out.write(data)
        if size is None:
            self._pad()

    def parents(self, name):
        at = name.rpartition("/")[0]
        if at not in self.dirs:
            self.directory(at)

    def directory(self, name, mode=0o755, mtime=0):
        if name in self.dirs:
            return
        self.parents(name)
        self.dirs.add(name)
        self._entry(name, stat.S_IFDIR | mode, mtime=mtime)

    def data(self, name, data, mode=0o644, mtime=0):
        self.parents(name)
        if isinstance(data, str):
            data = data.encode()
        self._entry(name, stat.S_IFREG | mode, data, mtime)

    def link(self, name, target):
        self.parents(name)
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def node(self, name, mode, major, minor):
        self.parents(name)
        self._entry(name, mode, rdev=(major, minor))

    def file(self, name, path, mode=None):
        st = os.stat(path)
        self.parents(name)
        with open(path, "rb") as f:
            data = f.read()
        if mode is None:
            mode = stat.S_IMODE(st.st_mode)
        self._entry(name, stat.S_IFREG | mode, data, st.st_mtime)

    def tree(self, name, path):
        """PATH with everything in it as NAME; what is neither file, directory
        nor link is left out."""
        self.directory(name)
        for at, dirs, files in os.walk(path):
            rel = os.path.relpath(at, path)
            base = name if rel == "." else f"{name}/{rel}"
            for d in list(dirs):
                full = os.path.join(at, d)
                if os.path.islink(full):
                    self.link(f"{base}/{d}", os.readlink(full))
                else:
                    st = os.stat(full)
                    self.directory(f"{base}/{d}", stat.S_IMODE(st.st_mode))
            for f in files:
                full = os.path.join(at, f)
                if os.path.islink(full):
                    self.link(f"{base}/{f}", os.readlink(full))
                elif os.path.isfile(full):
                    self.file(f"{base}/{f}", full)

    def close(self):
        self._entry("TRAILER!!!", 0)
        self.out.write(b"\0" * (-self.out.tell() % 512))


def read(data):
    """Yields (name, mode, mtime, content) of the entries in DATA; ends quietly
    where the archive does, at its trailer or because it was cut off."""
    at = 0
    while at + 110 <= len(data) and data[at:at + 6] == b"070701":
        fields = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        mode, mtime, size, namesize = fields[1], fields[5], fields[6], fields[11]
        start = at + 110 + namesize
        start += -start % 4
        name = data[at + 110:at + 109 + namesize].decode(errors="surrogateescape")
        if name == "TRAILER!!!" or start + size > len(data):
            return
        yield name, mode, mtime, data[start:start + size]
        at = start + size
        at += -at % 4


def unpack(data, directory):
    """Put the entries of DATA below DIRECTORY, following no links that lead
    out of it."""
    top = os.path.realpath(directory)
    for name, mode, mtime, content in read(data):
        path = os.path.normpath(os.path.join(top, name))
        parent = os.path.realpath(os.path.dirname(path))
        if not (parent + "/").startswith(top + "/"):
            continue
        path = os.path.join(parent, os.path.basename(path))
        if stat.S_ISDIR(mode):
            os.makedirs(path, exist_ok=True)
            continue
        os.makedirs(parent, exist_ok=True)
        if stat.S_ISLNK(mode):
            if os.path.lexists(path):
                os.unlink(path)
            os.symlink(content.decode(errors="surrogateescape"), path)
        elif stat.S_ISREG(mode):
            if os.path.islink(path):
                os.unlink(path)
            with open(path, "wb") as f:
                f.write(content)
            os.chmod(path, stat.S_IMODE(mode))
            os.utime(path, (mtime, mtime))
