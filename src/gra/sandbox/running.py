"""One program from its start to its end. Used like a model, so that the ledger has what it came to."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import platform
import signal
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gra.calls import Reply, Request
from gra.errors import EndpointError, OutOfService
from gra.programs import LOADED, SANDBOX, execution
from gra.sandbox.calls_denied import seccomp_filter
from gra.sandbox.isolation import LIMITS, Isolation

WALL_S = 60.0
"""Of one process: far above its processor time, so that a busy machine is not taken for a slow program."""
LONGEST_OUTPUT = 256 * 1024
PROCESSES = 3
"""That one program may have: a call that ends the first has another begin with the next call."""
NOTHING = LOADED - 1
"""In place of the number of a call: there was none."""


class Sandbox:
    """Runs programs. Safe to use from any number of tasks of one event loop.

    Args:
        isolation: what programs find themselves in.
        places: programs that run at once; by default half of the cores that this process may use.
    """

    url = "the sandbox"

    def __init__(self, isolation: Isolation, places: int | None = None) -> None:
        self._isolation = isolation
        self._filter = seccomp_filter(isolation.machine)
        self._places = asyncio.Semaphore(places or max(1, len(os.sched_getaffinity(0)) // 2))

    @property
    def identity(self) -> str:
        """What results depend on beside the program: the interpreter, what runs in it, and the limits."""
        runner = Path(__file__).with_name("runner.py").read_bytes()
        rest = hashlib.sha256(runner + json.dumps(LIMITS, sort_keys=True).encode()).hexdigest()[:12]
        return f"{SANDBOX}:python-{platform.python_version()}:{rest}"

    async def complete(self, request: Request, *, urgency: int = 0) -> Reply:
        """What a program (`programs.to_run`) came to; `programs.execution` reads it.

        Raises:
            OutOfService: bubblewrap cannot begin, though it could before.
            EndpointError: the machine is so busy that nothing was begun in time.
        """
        program = json.loads(request.messages[-1].content)
        begun = time.monotonic()
        async with self._places:
            text = await self._run(program["code"], program["calls"])
        return Reply(text, seconds=time.monotonic() - begun)

    async def embed(self, texts: list[str]) -> list[list[float]]:
        """It is no model."""
        raise NotImplementedError

    async def _run(self, code: str, calls: list[str]) -> str:
        lines: list[str] = []
        first = 0
        for _ in range(PROCESSES):
            order = {"code": code, "calls": calls, "first": first, "limits": LIMITS}
            said, why = await self._process(json.dumps(order).encode("ascii"))
            lines += said
            reached = max(map(_number, said), default=NOTHING)
            if first == 0 and reached == NOTHING:
                lines.append(json.dumps({"n": LOADED, "broke": why}))
            if execution("\n".join(lines), 0).broke:
                break
            unanswered = max(reached + 1, first)
            if unanswered >= len(calls):
                break
            lines.append(json.dumps({"n": unanswered, "broke": why}))
            first = unanswered + 1
            if first >= len(calls):
                break
        return "\n".join(lines)

    async def _process(self, order: bytes) -> tuple[list[str], str]:
        """The lines that a process wrote, whole ones of what is allowed to it, and how it ended."""
        process = await self._begun()
        said, errors, why = bytearray(), bytearray(), "ended"
        try:
            async with asyncio.timeout(WALL_S):
                await asyncio.gather(
                    _feed(process, order),
                    _read(process.stdout, said, LONGEST_OUTPUT),
                    _read(process.stderr, errors, 2000),
                )
                if await process.wait() in (137, -9):
                    why = "killed"
        except TimeoutError:
            why = "time"
        finally:
            _end(process)
            await asyncio.shield(process.wait())
        lines = said.decode("ascii", "replace").split("\n")[:-1]
        if lines[:1] != ["ready"]:  # nothing of the program's has run: it is not to blame
            kind = EndpointError if why == "time" else OutOfService
            told = "the machine is too busy" if why == "time" else " ".join(errors.decode("utf-8", "replace").split())
            raise kind(f"The sandbox did not come up: {told[:300].rstrip('.')}. Nothing was run outside of it.")
        return lines[1:], why

    async def _begun(self) -> Process:
        """A process that is coming up; if this is called off meanwhile, it is ended."""
        with _file(self._filter) as seccomp:
            beginning = asyncio.ensure_future(
                asyncio.create_subprocess_exec(
                    *self._isolation.command(seccomp),
                    stdin=PIPE,
                    stdout=PIPE,
                    stderr=PIPE,
                    env={},
                    cwd="/",
                    pass_fds=(seccomp,),
                    process_group=0,
                )
            )
            try:
                return await asyncio.shield(beginning)
            except asyncio.CancelledError:
                process = await beginning
                _end(process)
                await process.wait()
                raise


def _end(process: Process) -> None:
    """The first process of bubblewrap dies, and the kernel ends all that is in there with it.

    While it is coming up there are two of it, and the second would wait for the first for ever: so both are ended.
    """
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


async def _feed(process: Process, order: bytes) -> None:
    assert process.stdin is not None, "it is piped"
    with suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(order)
        await process.stdin.drain()
    process.stdin.close()


async def _read(stream: asyncio.StreamReader | None, into: bytearray, most: int) -> None:
    """All that comes; what is beyond `most` bytes is read and forgotten, so that it blocks nobody."""
    assert stream is not None, "it is piped"
    while chunk := await stream.read(65536):
        into += chunk[: most - len(into)]


def _number(line: str) -> int:
    """The call that a line is about."""
    try:
        number = json.loads(line).get("n")
    except (ValueError, RecursionError, AttributeError):
        return NOTHING
    return number if type(number) is int else NOTHING


@contextmanager
def _file(content: bytes) -> Iterator[int]:
    """A descriptor from which this can be read."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        file.seek(0)
        yield file.fileno()
