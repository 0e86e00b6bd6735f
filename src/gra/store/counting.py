"""What is counted of a sample, so that nobody has to read them all to say how a run stands. Pure.

It lies beside the sample in its row, and the database adds it up (`migrations`): what was counted is taken back as it
was when the row changes, whatever this module says by then.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gra.records import Opinion, Sample, Status
from gra.store.codec import label, to_json

STAGES = (
    "candidates",
    "instruction written",
    "instruction passed",
    "response written",
    "response passed",
    "not a duplicate",
    "accepted",
)
_WRITTEN, _PASSED_1, _ANSWERED, _PASSED_2, _NEW, _ACCEPTED = range(1, len(STAGES))

_DEPTH = {
    Status.REJECTED_INSTRUCTION: _WRITTEN,
    Status.REJECTED_RESPONSE: _ANSWERED,
    Status.REJECTED_RULING: _ANSWERED,
    Status.FILTERED: _PASSED_2,
    Status.DUPLICATE: _PASSED_2,
    Status.PASSED: _NEW,
    Status.ACCEPTED: _ACCEPTED,
}
"""The last stage that a sample of this status got through; of the other statuses, the sample itself tells."""
_NUMBER = re.compile(r"\br\d+-\d+\b|(?<![\w.-])\d+(\.\d+)?%?(?![\w-])")
LONGEST_PATTERN = 300
"""Characters of a reason that are told apart."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What is counted of one sample."""

    depth: int
    """Place in `STAGES` of the last one that it got through."""
    how: str
    """What let it through the review (`passed_how`); empty if nothing did."""
    pattern: str
    """Its reason, with `#` for numbers and ids."""
    outside: dict[str, tuple[float, int]]
    """By model whose probabilities were read: their mass beyond yes and no in all, and of how many opinions."""

    @property
    def columns(self) -> tuple[int, str, str, str]:
        """As they are stored."""
        return self.depth, self.how, label(self.pattern), label(to_json(self.outside))


def counted(sample: Sample) -> Counted:
    """What is counted of a sample."""
    reached = depth(sample)
    outside: dict[str, tuple[float, int]] = {}
    for opinion in opinions_of(sample):
        if opinion.reading == "probability" and opinion.usable:
            total, n = outside.get(opinion.model, (0.0, 0))
            outside[opinion.model] = (total + opinion.outside, n + 1)
    how = passed_how(sample) if reached >= _PASSED_2 else ""
    return Counted(reached, how, _NUMBER.sub("#", sample.reason)[:LONGEST_PATTERN], outside)


def depth(sample: Sample) -> int:
    """The last of `STAGES` that the sample got through."""
    if sample.status in _DEPTH:
        return _DEPTH[sample.status]
    if not sample.instruction:
        return 0
    if not sample.versions:
        passed = sample.seed or (sample.verdict and sample.verdict.outcome == "accept")
        return _PASSED_1 if passed else _WRITTEN
    final = sample.best.final if sample.best else None
    # Surplus after a good review; an unusable or failed one has no such review.
    return _NEW if final and final.outcome == "accept" else _ANSWERED


def passed_how(sample: Sample) -> str:
    """What let the version that counts through; of a refined seed, whose response it is."""
    last = sample.best
    if sample.seed:
        return "with a new response" if sample.refined else "with the seed's own"
    if last and last.number > 0:
        return "after revision"
    if last and last.ruling:
        return "by ruling"
    if last and last.settlement:
        return "by majority"
    return "without review" if last and not last.opinions else "at the first review"


def opinions_of(sample: Sample) -> list[Opinion]:
    """Everything that any model thought of the sample."""
    found = list(sample.opinions)
    for version in sample.versions:
        found.extend(version.opinions)
        if version.ruling:
            found.append(version.ruling.opinion)
    return found
