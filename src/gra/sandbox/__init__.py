"""Runs code that models wrote, where it can do nothing: no network, no files, no processes, little memory and time.

By bubblewrap, on Linux; where that cannot be had there is no sandbox, and nothing is run. Reading order: `isolation`
(what a program finds itself in), `calls_denied` (what the kernel refuses it), `runner` (what runs in there), `running`
(one program from its start to its end), `probe` (whether the walls hold).
"""

from gra.sandbox.probe import open_sandbox
from gra.sandbox.running import Sandbox

__all__ = ["Sandbox", "open_sandbox"]
