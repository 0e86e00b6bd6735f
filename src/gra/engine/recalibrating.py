"""The gate of a round: by exams, or set anew by what the rounds before have shown.

What candidates show is worked out once, when a round begins, from the stored opinions on those that decided earlier
rounds, and stored. So it does not depend on who was faster, and an interrupted run, or another process, finds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from gra.engine.honeypots import drifts_before
from gra.engine.merits import decided_it
from gra.events import Listener, Notice
from gra.records import SEED, Opinion, Sample
from gra.store.reader import Reader
from gra.store.writer import Writer
from gra.synthesis.calibrated import CalibratedRule
from gra.synthesis.decide import Gate
from gra.synthesis.recalibration import MOST, STILL, Drift, Learned, Shown, learn, recalibrated
from gra.synthesis.standing import Standing, feature

FACT = "learned"
"""What candidates had shown when a round began, by its number as text."""
DIGITS = 4
"""Of what is stored: the last bits of a fit are not the same on every processor."""
HALVED = 0.5
"""A reliability below this is told."""


async def store_learned(gate: Gate, number: int, reader: Reader, writer: Writer, listen: Listener) -> None:
    """See that it is stored what candidates have shown before round `number`, if the gate is `calibrated`."""
    if number == 1 or not isinstance(gate, CalibratedRule):
        return
    known: dict[str, Any] = reader.fact(FACT) or {}
    if str(number) in known:
        return
    found = _learned(gate, number, reader)
    await writer.put_fact(FACT, {**known, str(number): _rounded(asdict(found))})
    if text := _telling(gate, found):
        listen(Notice(text))


def gate_of(gate: Gate, number: int, reader: Reader) -> Gate:
    """The gate of round `number`; with `recalibrate` by what was stored when it began."""
    if number == 1 or not isinstance(gate, CalibratedRule) or not gate.config.recalibrate:
        return gate
    return recalibrated(gate, read_learned(reader.fact(FACT)[str(number)]))


def read_learned(row: Mapping[str, Any]) -> Learned:
    """What was stored."""
    members = {name: Shown(**{**of, "drift": Drift(**of["drift"])}) for name, of in row["members"].items()}
    return Learned(**{**row, "members": members})


def _learned(gate: CalibratedRule, number: int, reader: Reader) -> Learned:
    able = [s for (_, stage), s in gate.standings.items() if stage == "response" and s.weight]
    standings = sorted(able, key=lambda s: s.model)
    rows = []
    for round_number, domain, opinions in _first_reviews(number, reader):
        drifts = drifts_before(round_number, reader)
        able_here = [s.model for s in standings if domain not in s.no_vote_in]  # the others were heard for nothing
        said = {o.model: feature(o) for o in opinions if o.usable and o.model in able_here}
        rows.append([_standardised(s, said.get(s.model), drifts.get(s.model, STILL)) for s in standings])
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(standings))
    return learn(standings, table, gate.config.good_share, drifts_before(number, reader))


def _standardised(standing: Standing, value: float | None, drift: Drift) -> float:
    """An opinion as it would have been without what the member had moved since its exam."""
    return np.nan if value is None else standing.standardised(value) - drift.shift


def _first_reviews(number: int, reader: Reader) -> Iterator[tuple[int, str, tuple[Opinion, ...]]]:
    """Round, domain and opinions of the last candidates that decided rounds before `number`.

    The opinions are those on what each was first given.
    """
    wanted = MOST
    for round in reversed([r for r in reader.rounds() if r.number < number]):
        decided = round.detail["decided"]
        for sample in reader.iter_samples(round=round.number, after=max(decided - wanted, 0) - 1):
            if sample.index >= decided:
                break
            counts = decided_it(round, sample.index, sample.status, sample.domain)
            if counts and (opinions := _first_review(sample)):
                yield round.number, sample.domain, opinions
                wanted -= 1
        if wanted <= 0:
            return


def _first_review(sample: Sample) -> tuple[Opinion, ...]:
    """Of what a model wrote: a seed's own response is no candidate, and a revision is one that was chosen."""
    written = [version for version in sample.versions if version.cast.generator != SEED]
    return written[0].opinions if written else ()


def _telling(gate: CalibratedRule, found: Learned) -> str:
    """What a user should know of it, if anything."""
    weak = [name for name, shown in found.members.items() if shown.reliability < HALVED]
    told = [f"`{name}` tells candidates apart less than half as well as its exam" for name in weak]
    if found.candidates and not found.low <= gate.config.good_share <= found.high:
        told.append(f"about {found.good_share:.0%} of the candidates are good, not {gate.config.good_share:.0%}")
    what = "the gate is set by that" if gate.config.recalibrate else "the gate is left as it is (`recalibrate: false`)"
    return f"by what reviewers said of {found.candidates} candidates, {', '.join(told)}: {what}" if told else ""


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(of) for key, of in value.items()}
    return round(value, DIGITS) if isinstance(value, float) else value
