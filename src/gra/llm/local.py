"""The embedded model server: a llama.cpp server in a child process on loopback, started, watched and ended here.

The rest of `gra` sees an OpenAI-compatible server like any other. Knows nothing of the catalogue: it is given a file.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import math
import os
import secrets
import signal
import sys
from pathlib import Path
from typing import Self

from gra.errors import MissingExtra, OutOfService
from gra.events import Listener, Notice, ignore
from gra.llm.key import ApiKey
from gra.llm.retry import plain

STOP_PATIENCE_S = 5.0
DEATH_NOTICE_S = 1.0
TAIL_BYTES = 4000


class LocalServer:
    """One GGUF file, served. Use as an async context manager, or call `start` and `stop`.

    Hand `base_url`, `key` and `revive` to an `Endpoint`; the served name is `name`.

    Args:
        name: The model's name in the configuration.
        gguf: The model's file.
        log: Where the child's output goes; appended to.
        context: Tokens of one request, prompt and reply together.
        slots: Requests worked on at once; each has its own prefix cache.
        threads: See `threads_for`.
        embedding: Serve embeddings (mean pooling) instead of completions.
        scoring: Say how probable a given reply is, at `scoring_url`.
        start_timeout_s: Bound of loading.
        restarts: How often in a row, without an answer in between, a child that died is replaced before its death is an
            error.
        listen: Told of restarts.
    """

    def __init__(
        self,
        name: str,
        gguf: Path,
        log: Path,
        *,
        context: int = 4096,
        slots: int = 4,
        threads: int = 1,
        embedding: bool = False,
        scoring: bool = False,
        start_timeout_s: float = 180.0,
        restarts: int = 3,
        listen: Listener = ignore,
    ) -> None:
        self.name = name
        self._gguf = gguf
        self._log = log
        self._options = {"context": context, "slots": slots, "threads": threads}
        self._flags = ["--embedding"] * embedding + ["--scoring"] * scoring
        self._start_timeout_s = start_timeout_s
        self._restarts = self._restarts_left = restarts
        self._answered = 0
        self._listen = listen
        self._secret = secrets.token_urlsafe(32)
        self._base_url = self._scoring_url = ""
        self._child: asyncio.subprocess.Process | None = None
        self._log_from = 0
        self._lock = asyncio.Lock()

    @property
    def key(self) -> ApiKey:
        """What requests have to present: loopback is open to every user of the machine, the server is not."""
        return ApiKey(self._secret)

    @property
    def secret(self) -> str:
        """The key's text, for another process of the run; it goes over a channel that only the two have."""
        return self._secret

    @property
    def base_url(self) -> str:
        """Root of the API; another one after a restart."""
        return self._base_url

    @property
    def scoring_url(self) -> str:
        """Root of what says how probable a reply is; empty without `scoring`. Another one after a restart."""
        return self._scoring_url

    async def revive_scoring(self, answered: int = 0) -> str:
        """As `revive`, for whoever asks there."""
        await self.revive(answered)
        return self._scoring_url

    @property
    def pid(self) -> int | None:
        """Of the child, None if there is none."""
        return self._child.pid if self._child and self._child.returncode is None else None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> str:
        """Start the child, wait until it serves, and return the base URL.

        Raises:
            MissingExtra: xllamacpp is not installed.
            OutOfService: the child did not come up; says why, with the end of its log.
        """
        async with self._lock:
            if self.pid is None:
                await self._start()
            return self._base_url

    async def stop(self) -> None:
        """End the child: by closing its standard input, and if that does not help by killing it."""
        async with self._lock:
            self._restarts_left = 0
            await self._end()

    async def revive(self, answered: int = 0) -> str:
        """Make sure that the child runs, starting a new one if it died; returns the base URL to use from now on.

        Args:
            answered: answers that it has given so far, to whomever. A child that gives some between its deaths is
                killed by what it is asked, and not unable to run.
        """
        await self._notice_death()
        async with self._lock:
            if self.pid is not None:
                return self._base_url
            if answered > self._answered and self._restarts_left:
                self._answered, self._restarts_left = answered, self._restarts
            if self._restarts_left < 1:
                raise self._error("the server died again and is not restarted any more" + self._death())
            self._restarts_left -= 1
            self._listen(Notice(f"Model `{self.name}`: its server died{self._death()}; starting it again."))
            await self._end()
            await self._start()
            return self._base_url

    async def _notice_death(self) -> None:
        """A dead child's connections break a moment before the event loop learns of its death: wait that moment."""
        if self._child is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DEATH_NOTICE_S):
                    await self._child.wait()

    async def _start(self) -> None:
        if importlib.util.find_spec("xllamacpp") is None:
            raise MissingExtra("The embedded model server", "local")
        if not self._gguf.is_file():
            raise OutOfService(
                f"Model `{self.name}`: its file {self._gguf} is not there. Pull it again: gra models pull {self.name}"
            )
        await self._spawn()
        try:
            async with asyncio.timeout(self._start_timeout_s):
                self._base_url, self._scoring_url = await self._addresses()
        except TimeoutError:
            await self._end(patience_s=0.0)
            raise self._error(
                f"its server was not ready after {self._start_timeout_s:g} s; raise `start_timeout_s`"
            ) from None
        except BaseException:
            await self._end(patience_s=0.0)
            raise

    async def _spawn(self) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        options = [word for name, value in self._options.items() for word in (f"--{name}", str(value))]
        with self._log.open("ab") as log:
            self._log_from = log.tell()
            self._child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # what lies in the working directory is none of the child's business
                *("-m", "gra.llm.serve", "--parent", str(os.getpid()), "--alias", self.name),
                *("--model", str(self._gguf), *options),
                *self._flags,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for `gra`, which then ends the child in order
            )
        assert self._child.stdin is not None
        # not an argument and not in the environment: other programs can look there
        self._child.stdin.write(f"{self._secret}\n".encode())

    async def _addresses(self) -> tuple[str, str]:
        """The child's addresses. It writes them when the model is loaded and requests are answered."""
        assert self._child is not None
        assert self._child.stdout is not None
        line = (await self._child.stdout.readline()).decode("ascii", "replace").strip()
        if line.startswith("http://127.0.0.1:"):
            one, _, other = line.partition(" ")
            return f"{one}/v1", f"{other}/v1" if other else ""
        await self._child.wait()
        raise self._error("its server did not start" + self._death())

    async def _end(self, patience_s: float = STOP_PATIENCE_S) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(signal.SIGCONT)  # it may be waiting for its turn, and would not hear us
        if child.stdin is not None:
            child.stdin.close()
        try:
            async with asyncio.timeout(patience_s):
                await child.wait()
        except TimeoutError:
            child.kill()
            await child.wait()

    def _death(self) -> str:
        code = self._child.returncode if self._child else None
        if code is None:
            return ""
        if code == -9:
            return " (killed, perhaps because memory ran out)"
        return f" (by signal {-code})" if code < 0 else f" (exit code {code})"

    def _error(self, what: str) -> OutOfService:
        return OutOfService(
            f"Model `{self.name}`: {what}. File: {self._gguf}. Log: {self._log}, which ends: {self._tail()}"
        )

    def _tail(self) -> str:
        """The last lines that this child logged, safe to print."""
        if not self._log.exists():
            return "(nothing)"
        with self._log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_from, size - TAIL_BYTES))
            lines = log.read().decode("utf-8", "replace").splitlines()
        return " | ".join(plain(line, 160) for line in lines[-6:]) or "(nothing)"


MOST_THREADS = 4
"""Small models gain little from more."""


def threads_for(cores: int | None = None) -> int:
    """Threads of a server on this machine: all free cores, up to a few. Servers take turns on them (`turns`)."""
    return max(1, min(cores if cores is not None else free_cores(), MOST_THREADS))


def free_cores() -> int:
    """Cores that this process may use: of those that it may run on, as many as its container is granted time on."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux: what this process may use of the machine
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return int(max(1, min(cores, *map(granted_cores, control_groups()))))


def control_groups(root: Path = Path("/sys/fs/cgroup"), listed: Path = Path("/proc/self/cgroup")) -> list[Path]:
    """The control group that this process is in (Linux, version 2) and all above it; each may bound its time."""
    try:
        own = next(line[3:] for line in listed.read_text().splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return [root]
    group = root / own.strip("/")
    return [group, *(above for above in group.parents if above.is_relative_to(root))]


def granted_cores(cgroup: Path = Path("/sys/fs/cgroup")) -> float:
    """Cores' worth of time that the control group grants (Linux, versions 2 and 1); infinite where nothing is said."""
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            quota, period = " ".join((cgroup / name).read_text() for name in names).split()
            return int(quota) / int(period) if int(quota) > 0 else math.inf
        except (OSError, ValueError):  # not this version, or `max`
            continue
    return math.inf
