"""What code can do in the sandbox, and what it cannot. All of it needs bubblewrap, and is skipped without."""

from __future__ import annotations

import asyncio
import os
import platform
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from gra.errors import ConfigError, EndpointError, OutOfService
from gra.programs import Broke, Execution, Returned, Stranger, execution, to_run
from gra.sandbox import Sandbox, open_sandbox, probe, running
from gra.sandbox.calls_denied import ARCHITECTURES, seccomp_filter
from gra.sandbox.isolation import FOLDER_BYTES, LIMITS, Isolation, find_isolation


@pytest.fixture(scope="module")
def isolation() -> Isolation:
    """Of this machine; walls are tried in the first test that needs them."""
    try:
        asyncio.run(open_sandbox())
    except ConfigError as error:
        if "no `bwrap` here" in str(error) or "cannot make one here" in str(error) or sys.platform != "linux":
            pytest.skip(str(error))
        raise
    return find_isolation()


@pytest.fixture
def sandbox(isolation: Isolation) -> Sandbox:
    return Sandbox(isolation)


async def run(sandbox: Sandbox, code: str, calls: Sequence[str]) -> Execution:
    reply = await sandbox.complete(to_run(code, calls))
    return execution(reply.text, len(calls))


def returned(came_to: Execution) -> list[object]:
    return [result.value if isinstance(result, Returned) else result.why for result in came_to.results]


VALUES = "[1, 2.5, True, None, 'é\\n', b'x', (1, (2,)), {1, 2}, {'a': [1j]}, frozenset(), 10**40, float('-inf')]"


async def test_it_says_what_calls_return_and_how_they_break(sandbox: Sandbox) -> None:
    code = """
        from dataclasses import dataclass
        import asyncio, collections, decimal, random, re
        print("to nobody")
        @dataclass
        class Point:
            x: int
        async def later(): return 7
        def chance(): return random.random()
        if __name__ == "__main__":
            input()
    """
    calls = [VALUES, "Point(1)", "Point(2).x", "1 / 0", "missing", "asyncio.run(later())", "chance()", "chance()"]
    calls += ["collections.Counter('aab')", "hash('a')", "[0] * 10**5", "exit()"]
    code = "\n".join(line.removeprefix("        ") for line in code.splitlines())
    came_to = await run(sandbox, code, calls)
    found = returned(came_to)
    assert found[0] == eval(VALUES)
    assert [type(one) for one in found[0]] == [set if t is frozenset else t for t in map(type, eval(VALUES))]  # type: ignore[attr-defined]
    assert found[1:6] == [Stranger("Point"), 2, "ZeroDivisionError", "NameError", 7]
    assert found[6] == found[7], "chance begins anew with every call"
    assert found[8] == {"a": 2, "b": 1}
    assert found[10:] == ["OverflowError", "SystemExit"]
    again = await run(sandbox, code, calls)
    assert again == came_to, "the order of sets and all else is the same every time"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("1 +", "SyntaxError"),
        ("raise SystemExit", "SystemExit"),
        ("import os; os._exit(0)", "ended"),
        ("x", "NameError"),
    ],
)
async def test_a_program_that_cannot_be_loaded_breaks_every_call(sandbox: Sandbox, code: str, why: str) -> None:
    assert await run(sandbox, code, ["1", "2"]) == Execution(Broke(why), (Broke(why), Broke(why)))


ESCAPES = """
import ctypes, mmap, os, resource, signal, socket, subprocess, sys, threading

libc = ctypes.CDLL(None, use_errno=True)

def can(attempt):
    try:
        result = attempt()
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return False
    return result is not False

def called(name, *arguments):
    return getattr(libc, name)(*arguments) >= 0

def attempts(port, secret, home, parent):
    return {name: can(attempt) for name, attempt in {
        "loopback": lambda: socket.create_connection(("127.0.0.1", port), 1),
        "abstract socket": lambda: socket.socket(socket.AF_UNIX),
        "vsock": lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM),
        "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
        "secret": lambda: open(secret).read(),
        "etc": lambda: os.listdir("/etc"),
        "temporary": lambda: os.listdir("/tmp"),
        "proc": lambda: os.listdir("/proc"),
        "shell": lambda: subprocess.run(["/bin/sh", "-c", "true"]),
        "interpreter": lambda: subprocess.run([sys.executable, "-V"]),
        "fork": os.fork,
        "spawn": lambda: os.posix_spawn(sys.executable, [sys.executable, "-V"], {}),
        "clone": lambda: called("syscall", 56 if os.uname().machine == "x86_64" else 220, 17, 0, 0, 0, 0),
        "namespace": lambda: called("unshare", 0x10000000),
        "mount": lambda: called("mount", b"none", b"/work", b"tmpfs", 0, None),
        "chroot": lambda: os.chroot("/work"),
        "trace": lambda: called("ptrace", 0, 0, 0, 0),
        "shared memory": lambda: called("shmget", 0, 1 << 20, 0o1600),
        "anonymous file": lambda: os.memfd_create("x"),
        "raise a limit": lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40)),
        "root": lambda: os.setuid(0),
        "write to root": lambda: open("/x", "w"),
        "write to dev": lambda: open("/dev/x", "w"),
        "change python": lambda: open(os.__file__, "a"),
        "change the runner": lambda: open("/runner.py", "a"),
        "installed packages": lambda: any("site-packages" in p and os.listdir(p) for p in sys.path) and True,
    }.items()}

def seen(home):
    there = sorted(os.listdir(home)) if os.path.isdir(home) else []
    return sorted(os.environ), there, sorted(os.listdir("/")), os.getpid()
"""


async def test_there_is_no_way_out(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "sk-secret")
    secret = tmp_path / "secret"
    secret.write_text("sk-secret")
    home = Path.home().resolve()
    with socket.create_server(("127.0.0.1", 0)) as server:
        calls = [
            f"attempts({server.getsockname()[1]}, {str(secret)!r}, {str(home)!r}, {os.getpid()})",
            f"seen({str(home)!r})",
        ]
        found, seen = returned(await run(sandbox, ESCAPES, calls))
    assert isinstance(found, dict) and len(found) == 26
    assert [name for name, possible in found.items() if possible] == []
    assert isinstance(seen, tuple)
    environment, at_home, root, own = seen
    assert set(environment) <= {"HOME", "LANG", "LC_CTYPE", "PWD", "PYTHONHASHSEED", "TMPDIR", "TZ"}
    assert not set(at_home) - {Path(sys.base_prefix).resolve().relative_to(home).parts[0]} if at_home else True
    assert not {"etc", "proc", "sys", "tmp", "var", "run", "bin"} & set(root)
    assert own < 10, "it has a process table of its own"


async def test_memory_and_disk_and_output_are_bounded(sandbox: Sandbox) -> None:
    code = """
import os, sys
def memory(n): return len(bytearray(n))
def disk(count, size):
    for k in range(count):
        with open(str(k), "wb") as file: file.write(b"x" * size)
    return sum(os.stat(str(k)).st_size for k in range(count))
def loud(n):
    sys.__stdout__ and print("x" * n)
    for descriptor in range(3, 64):
        try:
            for _ in range(20): os.write(descriptor, b"x" * n)
        except OSError: pass
    return 1
"""
    calls = ["memory(2 * 10**9)", f"disk(1, {2 * FOLDER_BYTES})", f"disk(40, {FOLDER_BYTES // 20})", "disk(1, 1000)"]
    assert returned(await run(sandbox, code, calls)) == ["MemoryError", "OSError", "OSError", 1000]
    reply = await sandbox.complete(to_run(code, ["loud(10**6)", "memory(5)"]))
    assert len(reply.text) <= running.PROCESSES * running.LONGEST_OUTPUT + 1000
    assert returned(execution(reply.text, 2))[0] in ("ended", "killed")


async def test_what_does_not_end_is_ended_and_the_next_call_made(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "LIMITS", {**LIMITS, "RLIMIT_CPU": 1})
    code = """
import signal
def f(n):
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    while n == 2:
        try:
            while True: pass
        except BaseException: pass
    return n
"""
    came_to = returned(await run(sandbox, code, ["f(1)", "f(2)", "f(3)"]))
    assert [came_to[0], came_to[2]] == [1, 3]
    assert came_to[1] in ("killed", "time")


async def test_what_sleeps_is_ended_with_all_that_it_began(
    isolation: Isolation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = tmp_path / "bwrap"  # so that its processes can be told from others
    named.symlink_to(isolation.bwrap)
    sandbox = Sandbox(Isolation(str(named), isolation.machine))
    code = """
import threading, time
threading.Thread(target=time.sleep, args=(9999,)).start()
def f(n): time.sleep(n)
"""
    assert returned(await run(sandbox, code, ["1"])) == [1], "a thread in the background keeps nobody waiting"
    monkeypatch.setattr(running, "WALL_S", 8.0)
    monkeypatch.setattr(running, "PROCESSES", 1)
    with suppress(EndpointError):  # of a machine so busy that not even this could begin
        assert returned(await run(sandbox, code, ["f(9999)"])) == ["time"]
    while left := processes(str(named)):  # they end as soon as the kernel comes to it
        await asyncio.sleep(0.05)
    assert not left


RUN = """
import asyncio, sys
from gra.programs import to_run
from gra.sandbox import Sandbox
from gra.sandbox.isolation import Isolation
asyncio.run(Sandbox(Isolation(*sys.argv[1:])).complete(to_run("import time", ["time.sleep(9999)"])))
"""


async def test_what_runs_ends_with_who_had_it_run(isolation: Isolation, tmp_path: Path) -> None:
    named = tmp_path / "bwrap"
    named.symlink_to(isolation.bwrap)
    gra = await asyncio.create_subprocess_exec(sys.executable, "-c", RUN, str(named), isolation.machine)
    while not started(str(named)):  # before that bubblewrap is still at work, and nothing of a model's there
        await asyncio.sleep(0.05)
    gra.kill()
    await gra.wait()
    while processes(str(named)):
        await asyncio.sleep(0.05)


def processes(program: str) -> list[str]:
    """Those of a program that are still there."""
    lines = [folder / "cmdline" for folder in Path("/proc").iterdir() if folder.name.isdigit()]
    found = []
    for line in lines:
        with suppress(OSError):
            found += [line.parent.name] if line.read_bytes().startswith(program.encode() + b"\0") else []
    return found


async def test_what_is_called_off_at_any_moment_leaves_nothing(isolation: Isolation, tmp_path: Path) -> None:
    named = tmp_path / "bwrap"
    named.symlink_to(isolation.bwrap)
    sandbox = Sandbox(Isolation(str(named), isolation.machine))
    for number in range(25):
        work = asyncio.create_task(sandbox.complete(to_run("import time", ["time.sleep(9999)"])))
        await asyncio.sleep(0.001 * number)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
    while processes(str(named)):
        await asyncio.sleep(0.05)


def started(program: str) -> bool:
    """Whether one of a program has begun another."""
    parents = set(processes(program))
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):
            told = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
            if told["PPid"] in parents and status.parent.name not in parents:
                return True
    return False


async def test_a_program_has_no_say_in_what_is_expected(sandbox: Sandbox) -> None:
    """All that it can forge is what it returns; whether that is right it is never told."""
    code = """
import builtins, inspect, json, os, sys
builtins.eval = lambda *_: 42
json.dumps = lambda *_: '{"n": 0, "value": 42}'
class Always(int):
    def __eq__(self, other): return True
    __hash__ = int.__hash__
class Liar:
    def __eq__(self, other): return True
def f(n): return Always(3)
def g(n): return Liar()
def frames(n): return [sorted(frame.frame.f_locals) for frame in inspect.stack()]
def order(n): return str(inspect.stack()[-2].frame.f_locals.get("order"))
for descriptor in range(3, 20):
    try: os.write(descriptor, b'{"n": 1, "value": 42}\\nnot json\\n[1]\\n{"n": "x"}\\n{"n": 99, "value": 1}\\n')
    except OSError: pass
"""
    came_to = await run(sandbox, code, ["f(1)", "f(2)", "g(3)"])
    assert all(value in (42, "ended") for value in returned(came_to)), "it has lied of its own results only"
    plain = code[: code.index("builtins.eval")] + code[code.index("class Always") : code.index("for descriptor")]
    always, liar, order = returned(await run(sandbox, plain, ["f(1)", "g(2)", "order(3)"]))
    assert (always, type(always), liar) == (3, int, Stranger("Liar"))
    assert "order(3)" in str(order) and "expected" not in str(order)


def test_an_answer_that_is_none_has_broken() -> None:
    for text in ("", "nonsense", "[]", '{"n": 0, "value": 1}', '{"n": -1}', "\x00", '{"n": -1, "broke": "; DROP"}'):
        assert execution(text, 1).results == (execution(text, 1).broke,)
    lines = '{"n": -1, "value": null}\n{"n": 0, "value": {"list": 3}}\n{"n": 1, "value": [1]}\n{"n": true, "value": 1}'
    assert execution(lines, 3).results == (Returned(Stranger("?")), Returned(Stranger("?")), Broke("ended"))
    deep = '{"n": -1, "value": null}\n{"n": 0, "value": ' + '{"list": [' * 500 + "]}" * 500 + "}"
    assert isinstance(execution(deep, 1).results[0], Returned | Broke)


# --- where there is none ----------------------------------------------------------------------------------------------


async def test_without_bubblewrap_nothing_is_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"no `bwrap` here.*apt-get install bubblewrap.*leave `code` out"):
        await open_sandbox()


@pytest.mark.parametrize(
    ("system", "machine", "told"), [("Darwin", "arm64", "Linux only"), ("Linux", "riscv64", "none for riscv64")]
)
async def test_other_systems_are_refused(monkeypatch: pytest.MonkeyPatch, system: str, machine: str, told: str) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    with pytest.raises(ConfigError, match=told):
        await open_sandbox()


@pytest.mark.skipif(platform.system() != "Linux", reason="there is a sandbox on Linux only")
@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo bubblewrap 0.6.1", r"needs bubblewrap 0\.7 or later, and .* is 0\.6\."),
        ("exit 1", "none that works"),
        (
            "[ $1 = --version ] && echo bubblewrap 0.8.0 && exit; echo no namespaces for you >&2; exit 1",
            "no namespaces for you",
        ),
        # One that isolates nothing: it runs what comes after `--` as it is.
        (
            '[ $1 = --version ] && echo bubblewrap 0.8.0 && exit; while [ "$1" != -- ]; do shift; done; shift; '
            'exec "$1" -s -S -P -B RUNNER',
            "does not hold here: code in it can reach the network, make a socket, read a file of this machine",
        ),
    ],
)
async def test_walls_that_do_not_hold_are_noticed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, told: str
) -> None:
    runner = Path(running.__file__).with_name("runner.py")
    wrap = tmp_path / "bwrap"
    wrap.write_text(f"#!/bin/sh\n{script.replace('RUNNER', str(runner))}\n")
    wrap.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    # What the pretended sandbox lets through happens: so it is not tried on the interpreter of this machine.
    harmless = probe._ATTEMPTS.replace("write(os.__file__)", "write('/nowhere/x')").replace('"fork": os.fork,', "")
    monkeypatch.setattr(probe, "_ATTEMPTS", harmless.replace('write("/written")', "write('/nowhere/x')"))
    with pytest.raises(ConfigError, match=told):
        await open_sandbox()


@pytest.mark.parametrize("home", ["/", "/usr", "/usr/lib"])
async def test_a_home_folder_that_the_system_lies_in_is_no_way_out(
    isolation: Isolation, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path(home))
    await open_sandbox()


async def test_a_sandbox_that_is_gone_blames_no_program(isolation: Isolation) -> None:
    gone = Sandbox(Isolation("/bin/false", isolation.machine))
    with pytest.raises(OutOfService, match="did not come up"):
        await run(gone, "x = 1", ["x"])


def test_the_filter_is_whole_for_every_architecture() -> None:
    for machine in ARCHITECTURES:
        program = seccomp_filter(machine)
        steps = [program[at : at + 8] for at in range(0, len(program), 8)]
        assert len(program) % 8 == 0 and len(steps) < 256
        for at, step in enumerate(steps):
            code, yes, no = step[0], step[2], step[3]
            assert code in (0x20, 0x15, 0x35, 0x45, 0x06)
            assert code == 0x06 or at + 1 + max(yes, no) < len(steps), "no jump leaves it"
        assert steps[-1][0] == 0x06
