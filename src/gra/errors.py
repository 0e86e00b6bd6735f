"""Every error that `gra` raises on purpose, one class for each boundary that can break.

    GraError                      shown to a person without a traceback
    ├── ConfigError               the configuration cannot be used as it stands
    ├── SeedError                 no usable seeds
    ├── CatalogueError            a model is unknown, cannot be fetched, or is not the file it should be
    ├── MissingExtra              an optional dependency is not installed
    ├── EndpointError             a model server failed a request
    │   ├── Refused               this one request was refused as things are (too long, malformed); others may pass
    │   └── OutOfService          a server fails every request until somebody mends it; the run stops
    │       └── KeyRefused        it does not accept the API key
    ├── ProcessLost               a process of a run that has several ends again and again
    ├── HubError                  a dataset cannot be put on the Hugging Face hub
    ├── StoreError                a run folder cannot be read or written, or belongs to another configuration
    │   └── BadRow                a sample is none that a dataset could hold
    └── TargetMissed              the run ended with fewer accepted samples than it was asked for

A bad *reply* of a model is not here: it is data (`gra.prompts.parse.Unusable`), recorded with its sample.

Each message says the cause and what to do next; `exit_code` is what the command line ends with.
"""

from __future__ import annotations


class GraError(Exception):
    """Something that a person can mend; `str(error)` says what happened and what to do next."""

    exit_code = 1


class ConfigError(GraError):
    """The configuration cannot be used as it stands."""

    exit_code = 2


class SeedError(GraError):
    """Seeds or documents cannot be read, or nothing usable is in them."""

    exit_code = 2


class CatalogueError(GraError):
    """A model is unknown, cannot be fetched, or its file is not the one the catalogue names."""

    exit_code = 4


class MissingExtra(GraError):
    """An optional dependency is not installed."""

    exit_code = 4

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs the `{extra}` extra, which is not installed. "
            f'Install it with: pip install "gra-synth[{extra}]" (in a clone: pip install -e ".[{extra}]")'
        )


class EndpointError(GraError):
    """A model server failed a request for good."""

    exit_code = 4


class Refused(EndpointError):
    """The server refused this one request as things are, for example because it is too long for its context."""


class OutOfService(EndpointError):
    """A server cannot be reached, or says that it will answer nobody: going on is useless until somebody mends it."""


class KeyRefused(OutOfService):
    """The server does not accept the API key."""


class ProcessLost(GraError):
    """A process of a run that has several ends again and again, so that going on is useless."""


class HubError(GraError):
    """A dataset cannot be put on the Hugging Face hub: no token, no right, no network, or something else lies there."""

    exit_code = 4


class StoreError(GraError):
    """A run folder cannot be read or written, or it belongs to another configuration."""

    exit_code = 5


class BadRow(StoreError):
    """A sample has a value that no dataset can hold, for example an empty response or half a character."""

    reason = ""
    """What is wrong with which field, in words."""


class TargetMissed(GraError):
    """The run ended with fewer accepted samples than it was asked for; everything is stored."""

    exit_code = 3
