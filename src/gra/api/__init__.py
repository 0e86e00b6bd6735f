"""The Python API: `gra.run`, `gra.resume`, `gra.load`, and the `Run` that they give. `import gra` is the way in."""

from gra.api.start import load, resume, run
from gra.api.stored import Run

__all__ = ["Run", "load", "resume", "run"]
