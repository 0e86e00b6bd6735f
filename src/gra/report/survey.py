"""What can be said of a run as a whole, by what the store adds up: the material of `gra status` and the end summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from gra.engine.baseline import Estimate, from_one_large_model
from gra.engine.compute import compute, flops, sizes, unsized
from gra.engine.energy import Consumed
from gra.engine.prices import FREE, cost_of, money, prices, unpriced
from gra.records import Sample, Status
from gra.report.disputes import Disputes, DisputeSurvey
from gra.report.funnel import Funnel
from gra.report.opening import state_of
from gra.report.revisions import Revisions, RevisionSurvey

if TYPE_CHECKING:
    from gra.config.models import Price
    from gra.store.reader import Reader, Round, Tally, Total, Totals
    from gra.store.rows import Attempt

SHOWN = 3
"""Accepted samples kept to show, and reasons told of each status."""
LOOKED_AT = 2_000
"""Samples that `gra status` reads, for what is not added up as they are stored: a tenth of a second, or two."""

ROLES: Mapping[str, str] = {
    "keywords": "generator",
    "instruction": "generator",
    "response": "generator",
    "review": "reviewer",
    "compare": "reviewer",
    "tests": "reviewer",
    "adjudicate": "adjudicator",
    "exam": "exam",
    "domain": "annotator",
    "seed_keywords": "annotator",
    "summary": "annotator",
}
"""Which part a model plays in a task."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The samples of one status, with the commonest reasons; numbers in reasons are written `#`."""

    status: str
    count: int
    reasons: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class DomainCount:
    """How a domain fares."""

    domain: str
    asked: int | None
    """Accepted samples asked for over the whole run; None where domains are drawn as the seeds have them."""
    accepted: int
    candidates: int


@dataclass(frozen=True, slots=True)
class Report:
    """A run as it stands."""

    folder: str
    state: str
    """`complete`, `working` (a process has it open) or `unfinished`."""
    accepted: int
    target: int
    rounds: tuple[Round, ...]
    funnel: Funnel
    ended: tuple[Ended, ...]
    totals: Totals
    compute: float | None
    """Cost in the unit of `engine.compute`; None if the size of a model is not known."""
    unsized: tuple[str, ...]
    """The models whose size is not known."""
    money: float | None
    """What all calls cost, in `currency`; None if a model's price is not known."""
    unpriced: tuple[str, ...]
    """The models whose price is not known."""
    attempts: tuple[Attempt, ...]
    """What each attempt has taken in energy; none of a run that an older gra made."""
    prices: Mapping[str, Price]
    """By model; embedded ones without a price of their own have one of nothing."""
    currency: str
    exam: tuple[dict[str, Any], ...]
    readings: dict[str, str]
    outside: dict[str, float]
    """Mean probability, per model, that went to neither yes nor no where its opinion was read."""
    seeds: dict[str, Any]
    domains: tuple[DomainCount, ...]
    looked_at: int
    """Samples, the first of the run, that `revisions` and `disputes` were counted on."""
    revisions: Revisions
    """What new versions of responses came to."""
    disputes: Disputes
    """What adjudication came to."""
    casting: dict[str, Any]
    """With `casting: adaptive`: by round, the odds and what they were made of (docs/run_folder.md)."""
    revising: dict[str, Any]
    """With the `calibrated` gate: by round, what is worth a revision and what that was made of (docs/run_folder.md)."""
    servers: dict[str, dict[str, Any]]
    """What has happened at each server (`llm.server.Account`), over all attempts that came to an end."""
    shown: tuple[Sample, ...]
    """The first accepted samples."""

    @property
    def tokens_per_accepted(self) -> float | None:
        """Prompt and completion tokens of the whole run for each accepted sample."""
        spent = self.totals.all
        return (spent.prompt_tokens + spent.completion_tokens) / self.accepted if self.accepted else None

    @property
    def flops(self) -> float | None:
        """Floating-point operations of all models; None if the size of one is not known."""
        return None if self.compute is None else flops(self.compute)

    @property
    def energy(self) -> Consumed:
        """What all attempts have taken, measured and estimated apart."""
        return Consumed.over(self.attempts)

    @property
    def wh_per_accepted(self) -> float | None:
        """Watt-hours, measured and estimated together, for each accepted sample."""
        return self.energy.wh / self.accepted if self.accepted and not self.energy.empty else None

    @property
    def charged(self) -> bool:
        """Whether any model has a price other than nothing, so that money is worth a word."""
        return any(price != FREE for price in self.prices.values())

    @property
    def large(self) -> Estimate | None:
        """What the accepted samples would have taken from one large model; None if there are none."""
        return from_one_large_model(self.totals.by_task(), self.accepted)

    def money_of(self, model: str, total: Total) -> float | None:
        """What calls of a model cost; None without a price."""
        return cost_of(total, self.prices[model]) if model in self.prices else None

    def plain(self) -> dict[str, Any]:
        """The report as JSON data."""
        usage = [
            {
                "model": model,
                "role": ROLES.get(task, task),
                "task": task,
                **asdict(total),
                "hit_rate": total.hit_rate,
                "money": self.money_of(model, total),
            }
            for (model, task), total in self.totals.cells.items()
        ]
        return {
            "folder": self.folder,
            "state": self.state,
            "accepted": self.accepted,
            "target": self.target,
            "rounds": [asdict(round) for round in self.rounds],
            "funnel": [asdict(step) for step in self.funnel.steps()],
            "passed": dict(self.funnel.passed),
            "statuses": [asdict(ended) for ended in self.ended],
            "calls": {
                "all": {**asdict(self.totals.all), "hit_rate": self.totals.all.hit_rate},
                "by_model_and_task": usage,
            },
            "tokens_per_accepted": self.tokens_per_accepted,
            "compute": self.compute,
            "flops": self.flops,
            "money": self.money,
            "currency": self.currency,
            "energy": {
                **self.energy.plain(),
                "wh_per_accepted": self.wh_per_accepted,
                "attempts": [
                    {"number": a.number, "begun_at": a.begun_at, "seconds": a.seconds, **Consumed.over([a]).plain()}
                    for a in self.attempts
                ],
            },
            "single_72b_estimated": asdict(self.large) if self.large else None,
            "exam": list(self.exam),
            "readings": self.readings,
            "outside_yes_and_no": self.outside,
            "seeds": self.seeds,
            "domains": [asdict(domain) for domain in self.domains],
            "looked_at": self.looked_at,
            "revisions": self.revisions.plain(),
            "disputes": self.disputes.plain(),
            "casting": self.casting,
            "revising": self.revising,
            "servers": self.servers,
        }


def report_on(reader: Reader) -> Report:
    """Look at everything that is stored.

    Raises:
        StoreError: the run cannot be read.
    """
    tallies = reader.tallies()
    counts: Counter[Status] = Counter()
    for tally in tallies:
        counts[tally.status] += tally.count
    config = reader.run.config
    target = int(config.get("target", 0))
    # Of open rounds nothing is accepted yet: what passed there waits for de-duplication.
    accepted = counts[Status.ACCEPTED]
    totals, models = reader.totals(), config.get("models", ())
    looked_at, revisions, disputes = _second_looks(reader, totals)
    spent, known, priced = totals.by_model(), sizes(models), prices(models)
    return Report(
        folder=str(reader.run.path),
        state=state_of(reader, accepted, target),
        accepted=accepted,
        target=target,
        rounds=tuple(reader.rounds()),
        funnel=_funnel(tallies, config.get("task") == "refine"),
        ended=tuple(Ended(status.value, n, tuple(reader.reasons(status, SHOWN))) for status, n in _commonest(counts)),
        totals=totals,
        compute=compute(spent, known),
        unsized=tuple(unsized(spent, known)),
        money=money(spent, priced),
        unpriced=tuple(unpriced(spent, priced)),
        attempts=tuple(reader.attempts()),
        prices=priced,
        currency=str(config.get("currency", "USD")),
        exam=tuple(row for fact in ("exam", "exam_rulings", "exam_pairs") for row in reader.fact(fact) or ()),
        readings=reader.fact("readings") or {},
        outside=reader.outside(),
        seeds=reader.fact("seeds") or {},
        domains=_domains(tallies, reader.fact("asked") or {}),
        looked_at=looked_at,
        revisions=revisions,
        disputes=disputes,
        casting=reader.fact("casting") or {},
        revising=reader.fact("revising") or {},
        servers=reader.fact("servers") or {},
        shown=tuple(islice(reader.iter_samples(Status.ACCEPTED, page=SHOWN), SHOWN)),
    )


def _funnel(tallies: Sequence[Tally], refining: bool) -> Funnel:
    funnel = Funnel(refining=refining)
    for tally in tallies:
        funnel.count(tally.depth, tally.status.value, tally.how, tally.count)
    return funnel


def _second_looks(reader: Reader, totals: Totals) -> tuple[int, Revisions, Disputes]:
    """What revisions and rulings came to; of a long run's first samples, so that a look at it stays a short one."""
    revised, disputed, count = RevisionSurvey(), DisputeSurvey(), 0
    for sample in islice(reader.iter_samples(), LOOKED_AT):
        revised.add(sample)
        disputed.add(sample)
        count += 1
    return count, revised.revisions(reader), disputed.disputes(totals if count < LOOKED_AT else None)


def _commonest(counts: Mapping[Status, int]) -> list[tuple[Status, int]]:
    """Every status that occurs, the commonest first."""
    order = list(Status)
    return sorted(counts.items(), key=lambda found: (-found[1], order.index(found[0])))


def _domains(tallies: Sequence[Tally], asked: Mapping[str, int]) -> tuple[DomainCount, ...]:
    """Every domain that is asked for or occurs, in the alphabet's order."""
    all_, accepted = Counter[str](), Counter[str]()
    for tally in tallies:
        all_[tally.domain] += tally.count
        accepted[tally.domain] += tally.count * (tally.status is Status.ACCEPTED)
    return tuple(
        DomainCount(name, asked.get(name, 0) if asked else None, accepted[name], all_[name])
        for name in sorted({*asked, *all_})
    )
