"""The emulators: how each is started. What the rest of the lab sees of one is
a process, a console to read and a channel to talk over."""

import ctypes
import os
import pty
import re
import shlex
import signal
import socket
import subprocess

from lablib import bochs, host

# Nobody looks at the self-tests of the kernel's cryptography, half of its boot.
KERNEL_ARGS = "console=ttyS0,115200 oops=panic panic=0 cryptomgr.notests"
# Every character of the log costs a Bochs host thousands of instructions; what
# it boots with is read back afterwards. The rest skips work nobody here
# looks at: calibration, self-tests and certificates. Of XSAVEC and XSAVES Bochs tells sizes
# that contradict each other, for which Linux does without XSAVE, and so without AVX.
BOCHS_ARGS = ("clearcpuid=321,323 "
              "quiet tsc=reliable lpj=1000000 no_timer_check nokaslr audit=0 "
              "initcall_blacklist=trace_eval_init,"
              "load_system_certificate_list,jent_mod_init")
STOCK_ARGS = "log_buf_len=4M"
# Which caches fault injection may fail: all but those of the checkers themselves. The
# log keeps the size it is built with: each scan for leaks reads all of it.
DEBUG_ARGS = "slub_debug=A;-,kmemleak_object,kmemleak_scan_area,debug_objects_cache"


def kernel_args(kernel):
    return f"{KERNEL_ARGS} {DEBUG_ARGS if kernel == 'debug' else STOCK_ARGS}"


def tsc_args(args):
    """A host that finds the rate of its TSC itself finds a wrong one where this machine has
    other things to do meanwhile, and then has no clock to rely on."""
    if args.accel == "kvm" or args.icount:
        return ""
    khz = subprocess.run([host.compile_static(os.path.join(host.HERE, "tsc.c"))], text=True,
                         stdout=subprocess.PIPE, check=True).stdout
    return f" tsc_early_khz={int(khz)}"


def die_with_parent():
    """Between fork and exec: however the lab ends, this process ends too."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(125)


def qemu_version():
    out = subprocess.run(["qemu-system-x86_64", "--version"], text=True,
                         stdout=subprocess.PIPE, check=True).stdout
    return tuple(map(int, re.search(r"version (\d+)\.(\d+)", out).groups()))


def need(program):
    try:
        host.find_program(program)
    except host.Error:
        raise host.Error(f"{program} is not installed; run scripts/setup") from None


class Engine:
    """One running emulator. channel and console are sockets."""

    bochs = False
    loses_interrupts = False
    module_args = ()
    boot_seconds = 180
    command_seconds = 900
    process = channel = console = control = screen = None

    def start(self, argv, keep=(), **kw):
        self.process = subprocess.Popen(argv, pass_fds=keep, start_new_session=True,
                                        preexec_fn=die_with_parent, **kw)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for f in (self.channel, self.console, self.control):
            if f:
                f.close()

    def trouble(self):
        """What the emulator itself had to say, for when it did not work."""
        try:
            with open(self.errors, errors="replace") as f:
                return f.read()
        except OSError:
            return ""


class Qemu(Engine):
    channel_name = "virtio"

    def __init__(self, args):
        need("qemu-system-x86_64")
        self.args = args
        # TCG's VMRUN and #VMEXIT change the flags by which devices interrupt the
        # processor without a lock. Once in some minutes that loses one: a halted
        # processor then sleeps on, the interrupt pending in its local APIC, until
        # another comes. With --icount it all happens in one thread.
        self.loses_interrupts = args.accel != "kvm" and not args.icount
        # Every processor's FXRSTOR clears IGNNE, a bit of the first processor's flags,
        # and writes the others back as it found them, without a lock: nested paging
        # stays on after that processor's #VMEXIT, or GIF 0. The host triple-faults or
        # a guest's page tables are gone, KVM's as well as Aerie's (tests/lab/smp.sh).
        # The first processor's flags stay the same while guests run elsewhere.
        if args.accel != "kvm" and args.cpus > 1:
            self.module_args = (f"cpus=1-{args.cpus - 1}",)
        self.machine = "pc"
        if args.kernel == "debug":
            self.boot_seconds = 600
            # The PC's table of interrupts is made by a loop, which takes the checkers half
            # a minute; this one's is a constant.
            self.machine = "q35"
        if args.accel == "kvm":
            self.cpu = args.cpu or "host"
            self.check_kvm()
        else:
            # The newest model that QEMU knows and a stock kernel boots on; not
            # "max", which costs more instructions a page than processors do.
            version = qemu_version()
            model = "EPYC-v4" if version >= (8, 1) else "EPYC-Rome"
            self.cpu = args.cpu or f"{model},+svm,+npt"
            # CMPXCHG16B leaves garbage in the flags there, and kernels since 6.6
            # that use it die of it once in a while.
            if version < (8, 0) and "cx16" not in self.cpu:
                self.cpu += ",-cx16"
            # XSETBV has an intercept since 8.2; before that a guest's XCR0
            # changes behind the hypervisor's back.
            if version < (8, 2) and "xsave" not in self.cpu:
                self.cpu += ",-xsave"
        if args.icount and args.cpus > 1:
            raise host.Error("--icount works with one processor only")

    def check_kvm(self):
        vendor = {"svm": "kvm_amd", "vmx": "kvm_intel"}[self.args.host]
        nested = f"/sys/module/{vendor}/parameters/nested"
        if not os.access("/dev/kvm", os.R_OK | os.W_OK):
            raise host.Error("--accel kvm: /dev/kvm is not there or not permitted")
        try:
            with open(nested) as f:
                ok = f.read().strip() in ("1", "Y")
        except OSError:
            raise host.Error(f"--accel kvm: {vendor} is not loaded here") from None
        if not ok:
            raise host.Error(f"--accel kvm: {vendor} has nested=0")

    def boot(self, directory, kernel, initrd, append):
        a = self.args
        self.errors = f"{directory}/qemu.err"
        pairs = [socket.socketpair() for _ in range(3)]
        self.channel, self.console, self.control = (p[0] for p in pairs)
        fds = [p[1].fileno() for p in pairs]
        argv = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot",
                "-machine", self.machine, "-display", "none",
                "-accel", a.accel or "tcg", "-cpu", self.cpu,
                "-smp", str(a.cpus), "-m", str(a.memory),
                "-kernel", kernel.image, "-initrd", initrd,
                "-append",
                f"{kernel_args(a.kernel)} unknown_nmi_panic{tsc_args(a)} {append}",
                "-chardev", f"socket,id=channel,fd={fds[0]}",
                "-device", "virtio-serial-pci",
                "-device", "virtserialport,chardev=channel,name=aerie.lab",
                "-chardev", f"socket,id=console,fd={fds[1]}",
                "-serial", "chardev:console",
                "-chardev", f"socket,id=control,fd={fds[2]}",
                "-mon", "chardev=control,mode=readline"]
        if a.icount:
            argv += ["-icount", "shift=0,sleep=off"]
        for disk in a.disk:
            argv += ["-drive", f"file={disk},format=raw,if=virtio"]
        argv += shlex.split(a.qemu)
        with open(self.errors, "wb") as err:
            self.start(argv, fds, stdin=subprocess.DEVNULL, stdout=err, stderr=err)
        for p in pairs:
            p[1].close()

    def monitor(self, command):
        try:
            self.control.sendall(command.encode() + b"\n")
        except OSError:
            pass


class Bochs(Engine):
    bochs = True
    channel_name = "serial"
    boot_seconds = 900
    command_seconds = 3600

    def __init__(self, args, model):
        need("bochs")
        self.args = args
        self.model = args.cpu or model
        for option in ("icount", "disk", "qemu"):
            if getattr(args, option):
                raise host.Error(f"--{option} is for QEMU hosts only")
        if args.memory > bochs.MAX_MEMORY:
            raise host.Error(f"a Bochs host has at most {bochs.MAX_MEMORY} MiB")

    def boot(self, directory, kernel, initrd, append):
        self.errors = f"{directory}/bochs.log"
        listeners = []
        lines = bochs.prepare(directory, kernel, initrd,
                              f"{kernel_args(self.args.kernel)} {BOCHS_ARGS} {append}",
                              self.args.memory, self.args.firmware_off)
        for com in (1, 2):
            s = socket.create_server(("127.0.0.1", 0))
            listeners.append(s)
            lines += (f"com{com}: enabled=1, mode=socket-client, "
                      f"dev=127.0.0.1:{s.getsockname()[1]}\n")
        with open(f"{directory}/bochsrc", "w") as f:
            f.write(lines + f"""display_library: term
cpu: model={self.model}, count={self.args.cpus}, ips=100000000, reset_on_triple_fault=0
clock: sync=none
ata0: enabled=0
ata1: enabled=0
floppya: type=none
parport1: enabled=0
log: {self.errors}
panic: action=report
error: action=report
info: action=ignore
debug: action=ignore
""")
        with open(f"{directory}/continue", "w") as f:
            f.write("c\n")
        argv = ["bochs", "-q", "-f", f"{directory}/bochsrc"]
        usage = subprocess.run(["bochs", "--help"], capture_output=True, text=True,
                               cwd=directory)
        if "-rc " in usage.stdout + usage.stderr:
            # This one is a debugger and waits to be told to go on.
            argv += ["-rc", f"{directory}/continue"]
        self.screen, slave = pty.openpty()
        self.start(argv, stdin=slave, stdout=slave, stderr=slave, cwd=directory,
                   env=dict(os.environ, TERM="vt100"))
        os.close(slave)
        sockets = []
        for s in listeners:
            s.settimeout(0.2)
            while True:
                try:
                    sockets.append(s.accept()[0])
                    break
                except TimeoutError:
                    if self.process.poll() is not None:
                        raise host.Error("bochs did not start:\n" + self.trouble()) from None
            s.close()
        self.console, self.channel = sockets


def create(args):
    if args.host == "svm" or args.accel == "kvm":
        return Qemu(args)
    if args.host == "vmx":
        return Bochs(args, "corei7_skylake_x")
    return Bochs(args, "trinity_apu")
