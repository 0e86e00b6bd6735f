"""Names of things, and random draws that depend on names alone.

Every draw of a run comes from (run seed, sample id, purpose), never from the order in which things happen, so the
same configuration draws the same at any concurrency and after any number of crashes.
"""

from __future__ import annotations

import hashlib
import random
import re

BOOTSTRAP_ROUND = 0
"""Round number of the seeds, and of the work done on them before the first round."""


def sample_id(round_number: int, index: int) -> str:
    """Id of candidate `index` (from 0) of a round (from 1)."""
    return f"r{round_number:02d}-{index:05d}"


def index_of(name: str) -> int | None:
    """The number of a candidate, by its id; None if the name is none of a candidate."""
    found = re.fullmatch(r"r\d{2,}-(\d{5,})", name)
    return int(found[1]) if found else None


def derived_seed(run_seed: int, *purpose: str | int) -> int:
    """A 63-bit seed for one purpose; different purposes give independent seeds."""
    text = "\x1f".join([str(run_seed), *map(str, purpose)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def rng(run_seed: int, *purpose: str | int) -> random.Random:
    """A random generator for one purpose."""
    return random.Random(derived_seed(run_seed, *purpose))  # noqa: S311 (sampling, not secrets)


def call_seed(run_seed: int, *purpose: str | int) -> int:
    """A sampling seed that every server accepts: 31 bits."""
    return derived_seed(run_seed, *purpose) & 0x7FFF_FFFF
