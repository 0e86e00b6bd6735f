"""What can be said of a run as a whole, gathered in one pass: the material of `gra status` and of the end summary."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from gra.engine.baseline import Estimate, from_one_large_model
from gra.engine.compute import compute, flops, sizes, unsized
from gra.engine.energy import Consumed
from gra.engine.prices import FREE, cost_of, money, prices, unpriced
from gra.records import Opinion, Sample, Status
from gra.report.disputes import Disputes, DisputeSurvey
from gra.report.funnel import Funnel
from gra.report.opening import state_of, written_config
from gra.report.revisions import Revisions, RevisionSurvey

if TYPE_CHECKING:
    from gra.config.models import Price
    from gra.store.reader import Reader, Round, Total, Totals
    from gra.store.rows import Attempt

SHOWN = 3
"""Accepted samples kept to show, and reasons told of each status."""
_NUMBER = re.compile(r"(?<![\w.-])\d+(\.\d+)?%?(?![\w-])")

ROLES: Mapping[str, str] = {
    "keywords": "generator",
    "instruction": "generator",
    "response": "generator",
    "review": "reviewer",
    "compare": "reviewer",
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
    revisions: Revisions
    """What new versions of responses came to."""
    disputes: Disputes
    """What adjudication came to."""
    casting: dict[str, Any]
    """With `casting: adaptive`: by round, the odds and what they were made of (docs/run_folder.md)."""
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
            "revisions": self.revisions.plain(),
            "disputes": self.disputes.plain(),
            "casting": self.casting,
            "servers": self.servers,
        }


def report_on(reader: Reader) -> Report:
    """Look at everything that is stored.

    Raises:
        StoreError: the run cannot be read.
    """
    survey = Survey()
    for sample in reader.iter_samples():
        survey.add(sample)
    config = written_config(reader.run)
    target = int(config.get("target", 0))
    # Of open rounds nothing is accepted yet: what passed there waits for de-duplication.
    accepted = survey.counts[Status.ACCEPTED]
    totals, models = reader.totals(), config.get("models", ())
    spent, known, priced = totals.by_model(), sizes(models), prices(models)
    return Report(
        folder=str(reader.run.path),
        state=state_of(reader, accepted, target),
        accepted=accepted,
        target=target,
        rounds=tuple(reader.rounds()),
        funnel=survey.funnel,
        ended=survey.ended(),
        totals=totals,
        compute=compute(spent, known),
        unsized=tuple(unsized(spent, known)),
        money=money(spent, priced),
        unpriced=tuple(unpriced(spent, priced)),
        attempts=tuple(reader.attempts()),
        prices=priced,
        currency=str(config.get("currency", "USD")),
        exam=(*(reader.fact("exam") or ()), *(reader.fact("exam_rulings") or ())),
        readings=reader.fact("readings") or {},
        outside={model: total / n for model, (total, n) in sorted(survey.outside.items())},
        seeds=reader.fact("seeds") or {},
        domains=survey.by_domain(reader.fact("asked") or {}),
        revisions=survey.revisions.revisions(reader),
        disputes=survey.disputes.disputes(totals),
        casting=reader.fact("casting") or {},
        servers=reader.fact("servers") or {},
        shown=tuple(survey.shown),
    )


class Survey:
    """Counts over the samples of a run."""

    def __init__(self) -> None:
        self.funnel = Funnel()
        self.counts: Counter[Status] = Counter()
        self.reasons: dict[Status, Counter[str]] = {}
        self.outside: dict[str, tuple[float, int]] = {}
        self.shown: list[Sample] = []
        self.domains: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.revisions = RevisionSurvey()
        self.disputes = DisputeSurvey()

    def add(self, sample: Sample) -> None:
        """Count one sample."""
        self.funnel.add(sample)
        self.revisions.add(sample)
        self.disputes.add(sample)
        self.counts[sample.status] += 1
        self.domains[sample.domain] += 1
        self.accepted[sample.domain] += sample.status is Status.ACCEPTED
        self.reasons.setdefault(sample.status, Counter())[_NUMBER.sub("#", sample.reason)] += 1
        if sample.status is Status.ACCEPTED and len(self.shown) < SHOWN:
            self.shown.append(sample)
        for opinion in opinions_of(sample):
            if opinion.reading == "probability" and opinion.usable:
                total, n = self.outside.get(opinion.model, (0.0, 0))
                self.outside[opinion.model] = (total + opinion.outside, n + 1)

    def by_domain(self, asked: Mapping[str, int]) -> tuple[DomainCount, ...]:
        """Every domain that is asked for or occurs, in the alphabet's order."""
        names = sorted({*asked, *self.domains})
        return tuple(
            DomainCount(name, asked.get(name, 0) if asked else None, self.accepted[name], self.domains[name])
            for name in names
        )

    def ended(self) -> tuple[Ended, ...]:
        """Every status that occurs, the commonest first."""
        return tuple(
            Ended(status.value, count, tuple(self.reasons[status].most_common(SHOWN)))
            for status, count in self.counts.most_common()
        )


def opinions_of(sample: Sample) -> list[Opinion]:
    """Everything that any model thought of the sample."""
    found = list(sample.opinions)
    for version in sample.versions:
        found.extend(version.opinions)
        if version.ruling:
            found.append(version.ruling.opinion)
    return found
