"""A run of a test host on which Aerie and a peer do the same, one after the other."""

import os
import re
import shutil
import subprocess
import tempfile

from lablib import host


class Failed(Exception):
    """The run did not give the figures it should have."""


def arguments(p, name):
    """Add to a parser what all such programs take; @name is that of the JSON file."""
    p.add_argument("--kernel", default="6.12", help="the host's kernel (6.12)")
    p.add_argument("--module", metavar="FILE", help="this aerie.ko, not build/KERNEL's")
    p.add_argument("--output", metavar="FILE", help=f"build/{name}",
                   default=os.path.join(host.BUILD, name))
    p.add_argument("--raw", action="store_true", help="show what the test host prints, too")


def share(target, names):
    """Build @target of tests/perf; a folder of @names of it, to be the test host's /share."""
    subprocess.run(["make", "-s", "-C", os.path.join(host.TOP, "tests", "perf"), target],
                   check=True)
    built = os.path.join(host.BUILD, "perf")
    folder = os.path.join(built, f"{target}.share")
    shutil.rmtree(folder, ignore_errors=True)
    for name in names:
        os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
        shutil.copy(os.path.join(built, name), os.path.join(folder, name))
    return folder


def script(name):
    """scripts/@name, with what such scripts have in common before it."""
    text = ""
    for part in (os.path.join(host.HERE, "payload.sh"), os.path.join(host.HERE, "..", name)):
        with open(part) as f:
            text += f.read()
    return text


def run(args, options, command):
    """What the test host printed."""
    command = [os.path.join(host.TOP, "scripts", "lab"), *options, "--kernel", args.kernel,
               *(["--module", args.module] if args.module else []), "--", command]
    said = ""
    with tempfile.TemporaryFile("w+", errors="replace") as errors:
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=errors, text=True, errors="replace") as process:
            for line in process.stdout:
                said += line
                if args.raw:
                    print(line, end="", flush=True)
        errors.seek(0)
        if process.returncode:
            raise Failed(f"exit status {process.returncode}\n{said[-2000:]}{errors.read()[-4000:]}")
    return said.replace("\r", "")


def batches(text):
    """What payloads have measured: of each name, what one took, batch by batch."""
    return {m[1]: [int(ticks) / int(m[2]) for ticks in m[3].split()]
            for m in re.finditer(r"^exits (\S+) (\d+): ([-\d ]+)$", text, re.M)}
