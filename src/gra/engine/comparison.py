"""What a variant came to, in the numbers that variants are compared by. Reads runs; asks nobody.

Only the candidates that a round's end depends on are counted, so the numbers do not depend on how many were under way
at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from gra.records import Sample, Status, Verdict
from gra.store.ledger import shared_calls
from gra.store.reader import Reader
from gra.store.run_dir import RunDir


@dataclass(frozen=True, slots=True)
class Outcome:
    """One variant's run."""

    variant: str
    accepted: int
    target: int
    candidates: int
    """Up to the last one that was accepted; in a round that stayed short, all."""
    disputes: int
    """Responses that the reviewers disputed, revisions too."""
    agreement: float | None
    """See `agreement`."""
    calls: int
    shared: int
    """Of the calls, those whose answer came from another variant's ledger."""
    tokens: int
    """Prompt and completion tokens of all calls, shared ones too: what the variant takes when it is run alone."""
    statement: str
    """Why there are fewer than asked for; empty if there are not."""

    @property
    def share(self) -> float | None:
        """The yield: share of the candidates that were accepted."""
        return self.accepted / self.candidates if self.candidates else None


def compare(variant: str, target: int, reader: Reader, others: Sequence[RunDir]) -> Outcome:
    """The numbers of one variant, beside the other variants' runs."""
    verdicts = [v.verdict for s in decisive(reader) for v in s.versions if v.verdict]
    candidates = sum(1 for _ in decisive(reader))
    spent = reader.totals().all
    accepted = reader.funnel().by_status.get(Status.ACCEPTED, 0)
    enough = accepted >= target or reader.used_up()
    statements = [round.detail.get("statement", "") for round in reader.rounds()]
    return Outcome(
        variant,
        accepted,
        target,
        candidates,
        sum(verdict.outcome == "dispute" for verdict in verdicts),
        agreement(verdicts),
        spent.calls,
        shared_calls(reader.run, others),
        spent.prompt_tokens + spent.completion_tokens,
        "" if enough else next(filter(None, reversed(statements)), "it was interrupted"),
    )


def decisive(reader: Reader) -> Iterator[Sample]:
    """The candidates that made their round what it is: in a full round those up to the last one accepted."""
    last: dict[int, int] = {}
    for sample in reader.iter_samples(Status.ACCEPTED):
        last[sample.round] = max(sample.index, last.get(sample.round, 0))
    short = {round.number for round in reader.rounds() if round.accepted < round.target}
    for sample in reader.iter_samples():
        if sample.round in short or sample.index <= last[sample.round]:
            yield sample


def agreement(verdicts: Iterable[Verdict]) -> float | None:
    """How far reviewers agree: the share of pairs on one committee who would both accept, or both reject.

    Over all pairs that were asked, also of reviewers whose say does not count; not corrected for chance. None without
    pairs. Only with `opinions: always` that is everybody: who is left out otherwise is no random choice.
    """
    pairs = [one == other for v in verdicts for one, other in combinations(v.votes.values(), 2)]
    return sum(pairs) / len(pairs) if pairs else None
