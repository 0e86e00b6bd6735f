"""What a program finds itself in: the command of bubblewrap, or in words why there can be none.

The root is empty but for a Python interpreter and the system's shared libraries, read-only. There is no network, no
other process, no environment, no `/proc`; one small folder in memory can be written to. Nothing runs without all this.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from gra.errors import ConfigError
from gra.sandbox.calls_denied import ARCHITECTURES

OLDEST = (0, 7)
"""Of bubblewrap: earlier ones cannot bound a folder in memory."""
FOLDER = "/work"
FOLDER_BYTES = 16 * 2**20
MEMORY_BYTES = 512 * 2**20
CPU_S = 4
"""Of one process; a call that takes longer ends it."""
LIMITS = {
    "RLIMIT_CPU": CPU_S,
    "RLIMIT_AS": MEMORY_BYTES,
    "RLIMIT_FSIZE": FOLDER_BYTES,
    "RLIMIT_NOFILE": 64,
    "RLIMIT_CORE": 0,
}
ENVIRONMENT = {"PYTHONHASHSEED": "0", "LANG": "C.UTF-8", "TZ": "UTC", "HOME": FOLDER, "TMPDIR": FOLDER}
"""All of it. With it, what does not ask for the time or for chance gives the same again."""
WITHOUT = "Or leave `code` out of the `verifiers`: gra never runs a model's code without a sandbox"
LIBRARIES = ("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64")


@dataclass(frozen=True, slots=True)
class Isolation:
    """A way to run the interpreter."""

    bwrap: str
    machine: str
    """Architecture, as `calls_denied` names it."""

    def command(self, seccomp: int) -> list[str]:
        """The command line that runs `runner` in isolation.

        Args:
            seccomp: file descriptor that the filter is read from.
        """
        python, prefix = interpreter()
        wrap = [self.bwrap, "--unshare-user", "--unshare-all", "--die-with-parent", "--new-session"]
        wrap += ["--cap-drop", "ALL", "--uid", "65534", "--gid", "65534", "--hostname", "sandbox", "--clearenv"]
        for folder in (Path(name) for name in LIBRARIES):
            if folder.is_symlink():
                wrap += ["--symlink", str(folder.readlink()), str(folder)]
            elif folder.is_dir():
                wrap += ["--ro-bind", str(folder), str(folder)]
        wrap += ["--ro-bind", str(python), str(python)]
        stdlib, platstdlib = _own_libraries()
        paths = {stdlib, platstdlib}
        if prefix != Path("/usr"):  # there its libraries are the system's
            paths |= {prefix / "lib"}
        for path in sorted(p for p in paths if p.is_dir()):  # a folder before what is in it
            wrap += ["--ro-bind", str(path), str(path)]
        for name in ("site-packages", "dist-packages"):
            if (installed := stdlib / name).is_dir():
                wrap += ["--tmpfs", str(installed), "--remount-ro", str(installed)]
        wrap += ["--ro-bind", str(Path(__file__).with_name("runner.py")), "/runner.py"]
        wrap += ["--dev-bind", "/dev/null", "/dev/null", "--ro-bind", "/dev/urandom", "/dev/urandom"]
        wrap += ["--size", str(FOLDER_BYTES), "--tmpfs", FOLDER, "--chdir", FOLDER, "--remount-ro", "/"]
        for name, value in ENVIRONMENT.items():
            wrap += ["--setenv", name, value]
        return [*wrap, "--seccomp", str(seccomp), "--", str(python), "-s", "-S", "-P", "-B", "/runner.py"]


def find_isolation() -> Isolation:
    """How programs can be isolated here.

    Raises:
        ConfigError: they cannot; says what is missing and how to get it.
    """
    system, machine = platform.system(), platform.machine()
    if system != "Linux":
        raise ConfigError(
            f"The verifier `code` runs what models wrote, in a sandbox that there is on Linux only; this is {system}. "
            f"Run gra in a Linux virtual machine. {WITHOUT}"
        )
    if machine not in ARCHITECTURES:
        raise ConfigError(
            f"The verifier `code` needs a sandbox, and gra has none for {machine}, only for "
            f"{' and '.join(ARCHITECTURES)}. {WITHOUT}"
        )
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise ConfigError(
            "The verifier `code` runs what models wrote, in a sandbox by bubblewrap, and there is no `bwrap` here. "
            f"Install it, on Debian or Ubuntu with: sudo apt-get install bubblewrap. {WITHOUT}"
        )
    if (version := _version(bwrap)) < OLDEST:
        told, least = (".".join(map(str, numbers)) for numbers in (version, OLDEST))
        raise ConfigError(
            f"The verifier `code` needs bubblewrap {least} or later, and {bwrap} is {told or 'none that works'}. "
            f"Install a newer one (https://github.com/containers/bubblewrap). {WITHOUT}"
        )
    return Isolation(bwrap, machine)


def _version(bwrap: str) -> tuple[int, ...]:
    try:
        said = subprocess.run(  # noqa: S603 (it is the one of the PATH)
            [bwrap, "--version"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(r"(\d+)\.(\d+)", said)
    return tuple(map(int, found.groups())) if found else ()


def interpreter() -> tuple[Path, Path]:
    """The file of the interpreter itself, without a virtual environment around it, and where it is installed."""
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve(), Path(sys.base_prefix).resolve()


def _own_libraries() -> tuple[Path, Path]:
    """Where the interpreter's own modules are, those in Python and those that are compiled."""
    base = {"platbase": sys.base_exec_prefix, "base": sys.base_prefix, "installed_base": sys.base_prefix}
    return Path(sysconfig.get_path("stdlib", vars=base)), Path(sysconfig.get_path("platstdlib", vars=base))
