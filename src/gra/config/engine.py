"""How a run is carried out. Nothing here can change what is synthesised, so nothing here is in the fingerprint."""

from __future__ import annotations

from pydantic import Field

from gra.config.settings import Settings


class LocalConfig(Settings):
    """The embedded llama.cpp servers."""

    threads: int | None = Field(default=None, ge=1, le=512)
    """Threads of each server: by default the free cores, 4 at most. Servers that would together have more threads
    than there are cores take turns (llama.cpp is many times slower when its threads wait for a core)."""
    slots: int = Field(default=4, ge=1, le=256)
    """Requests that one server works on at once."""
    pin_slots: bool = True
    """Questions about one text keep one slot of the server, so that half as many texts as there are slots are judged at
    once, each in its own prompt cache. Without, one at a time, wherever llama.cpp finds its beginning."""
    context: int = Field(default=4096, ge=512, le=1_048_576)
    """Tokens that one request may hold, prompt and reply together."""
    start_timeout_s: float = Field(default=180.0, gt=0)
    """Seconds a server may take to load its model."""


class EngineConfig(Settings):
    """Concurrency, patience and places."""

    concurrency: int = Field(default=64, ge=1, le=65_536)
    """Samples in progress at once. The dataset is the same at any value."""
    processes: int = Field(default=1, ge=1, le=256)
    """Processes that samples are made in. With more than 1, so many work for one that leads and that alone writes; they
    share servers, limits and budget. For when one event loop is not enough: above some 1,000 requests per second. Two
    double that; what leads is then busy, and more add little."""
    timeout_s: float = Field(default=600.0, gt=0)
    """Seconds that one request may take before it counts as failed."""
    retries: int = Field(default=8, ge=0, le=20)
    """Further tries of a request after a transport failure, 429 or 5xx, with exponential back-off and jitter."""
    patience_s: float = Field(default=600.0, ge=0)
    """Seconds that a server which answered before may be silent. Samples that need it wait and others go on; then the
    run stops (and can be resumed)."""
    give_up_after: int = Field(default=5, ge=1)
    """Requests in a row that one server may fail for good before the run stops (and can be resumed)."""
    finish_s: float = Field(default=20.0, ge=0)
    """Seconds that requests under way are given to be answered when the run is stopped; no new ones begin."""
    local: LocalConfig = LocalConfig()
