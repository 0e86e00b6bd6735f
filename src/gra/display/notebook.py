"""Shows a run at work in a notebook, in one place below its cell. Needs IPython only where IPython already is."""

from __future__ import annotations

import html
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module

from gra.display.live import frame
from gra.display.tally import Tally

COLUMNS = 100


def in_notebook() -> bool:
    """Whether this code runs in a notebook: under IPython, with a kernel in place of a terminal."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


@contextmanager
def notebook_picture(tally: Tally) -> Iterator[Callable[[], None]]:
    """Show what a tally counts; the function that is given draws it anew. Both in the cell's own thread."""
    handle = import_module("IPython.display").display(Picture(tally), display_id=True)

    def refresh() -> None:
        handle.update(Picture(tally))

    try:
        yield refresh
    finally:
        refresh()


class Picture:
    """The live picture at this moment, as a notebook wants it: text, and the same as HTML."""

    def __init__(self, tally: Tally) -> None:
        from rich.console import Console

        out = io.StringIO()
        # In a notebook a console would by itself show what it prints, and kernels ask every program for colours.
        plain = Console(file=out, width=COLUMNS, force_jupyter=False, force_terminal=False, color_system=None)
        plain.print(frame(tally))
        self._text = out.getvalue()

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self._text)}</pre>"
