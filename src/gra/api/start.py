"""Starting a run, going on with one, and opening one, from Python."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gra.api.loop import to_the_end
from gra.api.stored import Run
from gra.config.fingerprint import resolved
from gra.config.load import RunConfig, config_from, load_config, resolved_config
from gra.display.live import log_of, picture_on, plain_console, to_all
from gra.display.notebook import in_notebook, notebook_picture
from gra.display.tally import Tally, asked_for
from gra.engine.run import synthesise
from gra.errors import ConfigError
from gra.events import Listener, ignore
from gra.report.opening import closed_rounds, config_of
from gra.store.run_dir import open_run

Config = str | Path | Mapping[str, Any] | RunConfig
Progress = bool | Listener


def run(config: Config, out: str | Path | None = None, *, progress: Progress = True, **overrides: object) -> Run:
    """Make a dataset as a configuration says; if `out` holds the same run, interrupted, it goes on from there.

    Args:
        config: a configuration file, its content as a dictionary, or a `RunConfig`.
        out: folder of the run. For a file it is by default `runs/` and the file's name.
        progress: True shows the run at work, in a notebook or on standard error; False is silent; a function is
            called with every event (`gra.events`), in another thread than this one.
        overrides: keys that win over the configuration's, blocks key by key: `target=100`, `gate={"keep_above": 0.5}`.

    Returns:
        The run, also where it ended in good order with fewer samples than asked for: see `Run.complete` and
        `Run.statement`.

    Raises:
        ConfigError, SeedError, CatalogueError, MissingExtra, EndpointError, StoreError: see `gra.errors`. What was
            answered is stored, and the same call goes on from it.
        KeyboardInterrupt: the run has stopped in good order; the same call, or `resume`, goes on.
    """
    folder = Path(out) if out is not None else _default_folder(config)
    return _carry_out(_loaded(config, overrides), folder, progress)


def resume(folder: str | Path, *, progress: Progress = True, **overrides: object) -> Run:
    """Go on with a run by the configuration that is stored with it.

    Args:
        folder: the run's.
        progress: as for `run`.
        overrides: of `engine`, `budget` and where things lie; anything else would be another run.

    Raises:
        GraError: as for `run`.
        KeyboardInterrupt: as for `run`.
    """
    return _carry_out(config_of(open_run(Path(folder)), overrides), Path(folder), progress)


def load(folder: str | Path) -> Run:
    """Open a run to look at it. It is not touched, and may be at work.

    Raises:
        StoreError: the folder is not a run, or cannot be read.
    """
    return Run(Path(folder))


def _default_folder(config: Config) -> Path:
    if not isinstance(config, str | Path):
        raise ConfigError("a configuration that is not a file has no name to call the run's folder by: give `out`")
    return Path("runs") / Path(config).stem


def _loaded(config: Config, overrides: Mapping[str, object]) -> RunConfig:
    if isinstance(config, RunConfig):
        return resolved_config(resolved(config), "the configuration", overrides) if overrides else config
    if isinstance(config, Mapping):
        return config_from(config, overrides)
    return load_config(config, overrides)


def _carry_out(config: RunConfig, folder: Path, progress: Progress) -> Run:
    tally = Tally(asked_for(config.synthesis), time.monotonic, closed_rounds(folder))
    with log_of(folder / "logs") as log, _shown(progress, tally) as (show, tick):
        ending = to_the_end(synthesise(config, folder, to_all(log, tally, show)), tick)
    return Run(ending.folder, ending.statement)


@contextmanager
def _shown(progress: Progress, tally: Tally) -> Iterator[tuple[Listener, Callable[[], None]]]:
    """Who else is told of events, and what is to be done now and then in the caller's thread."""
    if callable(progress):
        yield progress, _nothing
    elif not progress:
        yield ignore, _nothing
    elif in_notebook():
        with notebook_picture(tally) as refresh:
            yield ignore, refresh
    else:
        with picture_on(plain_console(stderr=True), tally) as show:
            yield show, _nothing


def _nothing() -> None:
    """What there is to do where nothing is drawn."""
