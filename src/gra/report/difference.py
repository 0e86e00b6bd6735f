"""What differs between two runs: what they were told, by whom they were made, what they took, and what they gave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from gra.records import Status
from gra.report.survey import Report, report_on
from gra.store.reader import Reader

Pair = tuple[Any, Any]
"""The same of the first run and of the second; None where it has none."""
IDENTITIES = ("models", "seeds", "documents", "prompts", "versions")
"""Parts of `run.json` beside the configuration that say what made a run."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Two runs side by side."""

    reports: tuple[Report, Report]
    same: bool
    """True if they are runs of the same thing: their fingerprints are equal."""
    config: Mapping[str, Pair]
    """Keys that differ, dotted."""
    made_by: Mapping[str, Pair]
    """What differs of models, seeds, documents, prompts and versions, dotted."""
    common: int
    """Accepted instructions that both have."""
    only: tuple[tuple[str, ...], tuple[str, ...]]
    """Ids of the accepted samples whose instruction the other does not have."""

    def plain(self) -> dict[str, Any]:
        """As JSON data."""
        a, b = self.reports
        return {
            "runs": [a.folder, b.folder],
            "same": self.same,
            "config": {key: list(pair) for key, pair in self.config.items()},
            "made_by": {key: list(pair) for key, pair in self.made_by.items()},
            "accepted": [a.accepted, b.accepted],
            "funnel": [[asdict(step) for step in report.funnel.steps()] for report in self.reports],
            "calls": [asdict(report.totals.all) for report in self.reports],
            "tokens_per_accepted": [a.tokens_per_accepted, b.tokens_per_accepted],
            "common": self.common,
            "only": [list(ids) for ids in self.only],
        }


def difference(first: Reader, second: Reader) -> Difference:
    """Compare two runs.

    Raises:
        StoreError: one cannot be read.
    """
    a, b = first.run.document, second.run.document
    texts = [_accepted(reader) for reader in (first, second)]
    ids = [tuple(sorted(id for text, id in x.items() if text not in y)) for x, y in (texts, texts[::-1])]
    return Difference(
        reports=(report_on(first), report_on(second)),
        same=first.run.fingerprint == second.run.fingerprint,
        config=differing(first.run.config, second.run.config),
        made_by=differing(*({key: document.get(key) for key in IDENTITIES} for document in (a, b))),
        common=len(texts[0].keys() & texts[1].keys()),
        only=(ids[0], ids[1]),
    )


def differing(a: object, b: object) -> dict[str, Pair]:
    """Dotted keys whose values differ; list entries that have a `name` are compared by it."""
    flat = dict(_leaves(a, ())), dict(_leaves(b, ()))
    keys = sorted(flat[0].keys() | flat[1].keys())
    pairs = {key: (flat[0].get(key), flat[1].get(key)) for key in keys}
    return {key: (x, y) for key, (x, y) in pairs.items() if x != y}


def _leaves(value: object, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list) and value and all(isinstance(item, dict) and "name" in item for item in value):
        value = {str(item["name"]): {k: v for k, v in item.items() if k != "name"} for item in value}
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, str(key)))
    else:
        yield ".".join(path), value


def _accepted(reader: Reader) -> dict[str, str]:
    """Ids of the accepted samples by instruction, letter case and white space apart."""
    samples = reader.iter_samples(Status.ACCEPTED)
    return {" ".join(sample.instruction.split()).casefold(): sample.id for sample in samples}
