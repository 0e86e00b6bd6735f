"""Casting by merit: what earlier rounds and the exam have shown, made into the odds of the round that begins.

Only candidates that decided their round count, each as it ended, so the odds follow from the numbers of the candidates
and from what models answered, and not from who was faster or from how often a run was broken off. A round's odds are
stored before its first candidate is begun, with what they were made of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from math import fsum
from typing import Any, Literal

from gra.config.pool import may_play
from gra.config.synthesis import AdaptiveCasting, SynthesisConfig
from gra.engine.compute import sizes
from gra.engine.prices import FREE, charge, prices
from gra.ids import rng
from gra.records import Status
from gra.store.reader import Reader, Round, Spent
from gra.store.writer import Writer
from gra.synthesis.calibrated import CalibratedRule
from gra.synthesis.casting import Casting, Odds
from gra.synthesis.decide import Gate, SeedsRule, say, weight_of_ruling
from gra.synthesis.domains import in_domain, no_votes
from gra.synthesis.merit import Tallies, Tally, held, judges, writers
from gra.synthesis.plugged import cast_by

FACT = "casting"
"""The odds of every round that has begun, by its number as text."""
UNDECIDED = (Status.FAILED, Status.SURPLUS)
"""Ends that say nothing of the Generator."""
ASKED_OFTEN = ("review", "adjudicate")
"""Tasks whose calls ask several questions about one text, one after another."""

Unit = Literal["money", "parameters", "tokens"]


@dataclass(frozen=True, slots=True)
class Rates:
    """What a token costs, by model: by the prices if every model has one, else by its size, else all the same."""

    unit: Unit
    prompt: Mapping[str, float]
    completion: Mapping[str, float]

    def of(self, spent: Spent) -> float:
        """What a call, or the questions about one text, cost."""
        written = self.completion[spent.model] * spent.completion_tokens
        return self.prompt[spent.model] * spent.prompt_tokens + written


def rates_of(config: SynthesisConfig) -> Rates:
    """The rates of a pool. A pool in which something is free is compared by size: free is not without limit."""
    models = [model.model_dump() for model in config.models]
    names, priced, sized = [m.name for m in config.models], prices(models), sizes(models)
    if all(priced.get(name, FREE) != FREE for name in names):
        read = {name: charge(priced[name], 1, 0, 0) for name in names}
        return Rates("money", read, {name: charge(priced[name], 0, 0, 1) for name in names})
    if all(name in sized for name in names):
        return Rates("parameters", sized, sized)
    return Rates("tokens", dict.fromkeys(names, 1.0), dict.fromkeys(names, 1.0))


async def store_odds(config: SynthesisConfig, gate: Gate, number: int, reader: Reader, writer: Writer) -> None:
    """See that a round's odds are stored, if it is cast by merit. Every round before it is closed and full."""
    policy = config.casting
    if not isinstance(policy, AdaptiveCasting):
        return
    known: dict[str, Any] = reader.fact(FACT) or {}
    if str(number) not in known:
        known[str(number)] = _odds(config, policy, gate, _tallies(config, number, known, reader), number)
        await writer.put_fact(FACT, known)


def casting_of(config: SynthesisConfig, gate: Gate, number: int, reader: Reader) -> tuple[Casting, dict[str, Casting]]:
    """The casting of a round, and of each domain that has one of its own; with any policy but `adaptive` always one.

    By merit, the odds are those that `store_odds` has stored, so that all processes cast alike.
    """
    apart = {domain: in_domain(gate, domain) for domain in no_votes(gate)}
    if not isinstance(config.casting, AdaptiveCasting):
        return cast_by(config, gate.able), {domain: cast_by(config, of.able) for domain, of in apart.items()}
    odds = reader.fact(FACT)[str(number)]

    def casting(domain: str, shares: Mapping[str, float]) -> Casting:
        judging = odds.get("judging", {}).get(domain, odds)
        able = apart.get(domain, gate).able
        return cast_by(config, able, Odds(shares, judging["reviewer"], judging["adjudicator"]))

    domains = {domain: casting(domain, shares) for domain, shares in odds["generator"].items()}
    return casting("", odds["even"]), domains


def _odds(
    config: SynthesisConfig, policy: AdaptiveCasting, gate: Gate, tallies: Tallies, number: int
) -> dict[str, Any]:
    """A round's odds as they are stored."""
    shares = {m.name: m.share for m in config.models}
    # Who alone can tell good from broken is never let write (`RandomCast.draw`), so it has no share of that.
    able = gate.able["response"] if gate.able else None
    may_write = [name for name in may_play(config, "generator") if able is None or able - {name}]
    even = {name: shares[name] / sum(shares[n] for n in may_write) for name in may_write}
    rates = rates_of(config)

    def odds_of(told: Mapping[str, float], price: Mapping[str, float]) -> dict[str, float]:
        alike = dict.fromkeys(told, 1 / len(told)) if told else {}
        return held(judges(told, price), alike, policy.explore, policy.cap) if told else {}

    def judging(gate: Gate) -> dict[str, dict[str, float]]:
        reviewer = {name: _shown(gate, name) for name in may_play(config, "reviewer")}
        adjudicator = {name: _shown(gate, name, ruling=True) for name in may_play(config, "adjudicator")}
        # Disputes are few: who settles them best is worth its price.
        alike = dict.fromkeys(adjudicator, 1.0)
        return {"reviewer": odds_of(reviewer, rates.prompt), "adjudicator": odds_of(adjudicator, alike)}

    apart = {domain: judging(in_domain(gate, domain)) for domain in no_votes(gate)}
    generator = {}
    for leaf in config.leaves:
        draw = rng(config.random_seed, "casting", number, leaf.name)
        merit = writers(tallies, leaf.name, even, policy.cap, draw)
        generator[leaf.name] = held(merit, even, policy.explore, policy.cap)
    return {
        "unit": rates.unit,
        "even": held(even, even, policy.explore, policy.cap),
        "generator": generator,
        **judging(gate),
        **({"judging": apart} if apart else {}),
        "tallies": {name: {d: asdict(tally) for d, tally in of.items()} for name, of in tallies.items()},
    }


def _shown(gate: Gate, model: str, ruling: bool = False) -> float:
    """The separation that a judge has shown; 0 with a gate that knows none, where nobody is preferred."""
    if gate.able is None:
        return 0.0
    if ruling and isinstance(gate, SeedsRule | CalibratedRule):
        return weight_of_ruling(gate, model)
    return say(gate, model)


def _tallies(config: SynthesisConfig, number: int, known: Mapping[str, Any], reader: Reader) -> Tallies:
    """What all rounds before `number` brought: what was stored when the last of them began, and that one."""
    found: dict[str, dict[str, Tally]] = {}
    for name, of in known.get(str(number - 1), {}).get("tallies", {}).items():
        found[name] = {domain: Tally(**row) for domain, row in of.items()}
    before = [round for round in reader.rounds() if round.number == number - 1]
    rates = rates_of(config)
    for round in before:
        for domain, name, tally in of_round(round, rates, reader):
            here = found.setdefault(name, {})
            here[domain] = here.get(domain, Tally()) + tally
    return {name: dict(sorted(found[name].items())) for name in sorted(found)}


def of_round(round: Round, rates: Rates, reader: Reader) -> Iterator[tuple[str, str, Tally]]:
    """Domain, Generator and tally of each candidate that decided a round, in order."""
    costs = _costs(round, rates, reader)
    for index, status, domain, generator in reader.ends(round.number, round.detail["decided"]):
        if decided_it(round, index, status, domain):
            yield domain, generator, Tally(1, int(status is Status.ACCEPTED), costs.get(index, 0.0))


def decided_it(round: Round, index: int, status: Status, domain: str) -> bool:
    """Whether a candidate is one of those that a closed round's end follows from."""
    spans = round.detail.get("passed_over", {}).get(domain, ())
    over = any(first <= index < after for first, after in spans)
    return index < round.detail["decided"] and not over and status not in UNDECIDED


def _costs(round: Round, rates: Rates, reader: Reader) -> dict[int, float]:
    """What each candidate cost, its writing, its reviews and its disputes.

    What servers found in their caches is not looked at, because it depends on what else was going on. Where several
    questions follow one another about one text, their prompts are counted once, as the longest: the others are read
    from the cache, and a Generator is not to pay for the number of criteria.
    """
    costs: dict[int, list[float]] = {}
    for spent in reader.spent(round.number, round.detail["decided"], ASKED_OFTEN):
        costs.setdefault(spent.index, []).append(rates.of(spent))
    return {index: fsum(parts) for index, parts in costs.items()}  # exact, in whatever order calls were answered
