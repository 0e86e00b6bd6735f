"""A terminal of the program's own, with a test on its other side."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from children import PATIENCE_S, PROGRAM


class Terminal(threading.Thread):
    """The other side of a terminal: what it shows, and what is typed."""

    def __init__(self, handle: int) -> None:
        super().__init__()
        self.handle = handle
        self.shown = ""
        self.open = True

    def run(self) -> None:
        with suppress(OSError):  # the program has ended
            while self.open:
                if select.select([self.handle], [], [], 0.05)[0]:
                    self.shown += os.read(self.handle, 65_536).decode("utf-8", "replace")

    def resize(self, columns: int) -> None:
        fcntl.ioctl(self.handle, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))

    def type(self, key: bytes) -> None:
        os.write(self.handle, key)

    def close(self) -> None:
        if self.open:
            self.open = False
            self.join()
            os.close(self.handle)


@contextmanager
def on_a_terminal(*arguments: object, columns: int = 80) -> Iterator[tuple[subprocess.Popen[bytes], Terminal]]:
    """The program on a terminal of its own, which closes with the block."""
    master, slave = os.openpty()
    terminal = Terminal(master)
    terminal.resize(columns)
    owned = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); " + PROGRAM[-1]
    environment = {**os.environ, "TERM": "xterm"}
    child = subprocess.Popen(
        [*PROGRAM[:-1], owned, *map(str, arguments)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment,
        start_new_session=True,
    )
    os.close(slave)
    terminal.start()
    try:
        yield child, terminal
    finally:
        terminal.close()
        child.wait(PATIENCE_S)
