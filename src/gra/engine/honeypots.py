"""Known pairs that judges read again while a run goes on: do they still say what they said in their exam?

A gate that is set by exams holds as long as its reviewers stay who they were. A server may come back with another
model, another quantisation or another template under the same name, and nothing in a candidate's reviews would tell. So
before each later round every judge reads pairs of its exam once more, asked anew, and what it says is set beside what
it said. One that answers alike every time, as models do without sampling, differs by nothing. What was found is told,
and on record. It changes decisions only where the gate is set anew (`recalibrating.py`).
"""

from __future__ import annotations

from statistics import fmean
from typing import Any

from gra.calls import Ask, CallId
from gra.config.pool import judges
from gra.config.synthesis import CalibratedGate, SeedsGate, SynthesisConfig
from gra.engine.opening import Known
from gra.events import Listener, Notice
from gra.store.reader import Reader
from gra.store.writer import Writer
from gra.synthesis.exam import Question, set_exam
from gra.synthesis.reading import read_opinion
from gra.synthesis.recalibration import Drift
from gra.synthesis.standing import Standing, feature
from gra.together import together

FACT = "honeypots"
"""How far judges have moved, by the number of the round before which they were asked, as text."""
DRIFTED = 0.5
"""Spreads of a model's own opinions by which it may differ from its exam, in the mean, before that is told."""


async def look_again(
    ask: Ask, config: SynthesisConfig, known: Known, number: int, reader: Reader, writer: Writer, listen: Listener
) -> None:
    """Before round `number`, have every judge read some of its exam's responses again. Before the first, nobody."""
    gate = config.gate
    if number == 1 or config.review == "none" or not isinstance(gate, SeedsGate | CalibratedGate):
        return
    found: dict[str, Any] = reader.fact(FACT) or {}
    if not gate.honeypots or str(number) in found:
        return
    questions = set_exam(known.entries, config, gate.exam, known.labelled)["response"]
    first = {row["model"]: row for row in reader.fact("exam") if row["stage"] == "response"}
    names = [name for name in judges(config) if first[name]["weight"]]
    count = gate.honeypots
    moves = await together(_move(ask, known, name, first[name], questions, number, count) for name in names)
    await writer.put_fact(FACT, {**found, str(number): dict(zip(names, moves, strict=True))})
    anew = isinstance(gate, CalibratedGate) and gate.recalibrate
    what = "that is counted in from now on" if anew else "what it says is weighed by that exam"
    for name, move in zip(names, moves, strict=True):
        if move is None:
            listen(Notice(f"`{name}` could not be read on a pair of its exam again: is it still the same model?"))
        elif move["apart"] > DRIFTED:
            listen(
                Notice(
                    f"`{name}` does not answer as in its exam any more (it differs by {move['apart']:.1f} of its "
                    f"spreads): {what}. Is it still the same model, served the same way?"
                )
            )


def drifts_before(number: int, reader: Reader) -> dict[str, Drift]:
    """Who had moved so far before round `number` that it was told, and by how much."""
    moves: dict[str, Any] = (reader.fact(FACT) or {}).get(str(number), {})
    told = {name: move for name, move in moves.items() if move and move["apart"] > DRIFTED}
    return {name: Drift(move["good"], move["broken"]) for name, move in told.items()}


async def _move(
    ask: Ask, known: Known, name: str, row: dict[str, Any], questions: tuple[Question, ...], number: int, count: int
) -> dict[str, float] | None:
    """How far a model is from its exam, in its own spreads; None if it cannot be read any more.

    `apart` is the mean of the differences without their signs; `good` and `broken` are those of each half with them.

    The pairs come in turn, round after round, from those that it has read.
    """
    standing = Standing(name, "response", tuple(row["good"]), tuple(row["broken"]))
    read = len(standing.good)
    places = [((number - 2) * count + n) % read for n in range(min(count, read))]
    differences: dict[str, list[float]] = {"good": [], "broken": []}
    for place in places:
        question = questions[place]
        halves = (("good", question.good, standing.good), ("broken", question.broken, standing.broken))
        for half, matter, before in halves:
            call = CallId(f"honeypot-{number:02d}-{place:03d}", f"exam.response.{half}.{name}")
            opinion = await read_opinion(known.readings[name], ask, name, matter, call)
            if not opinion.usable:
                return None
            differences[half].append((feature(opinion) - before[place]) / standing.spread)
    apart = fmean(abs(d) for half in differences.values() for d in half)
    return {"apart": apart, **{half: fmean(of) for half, of in differences.items()}}
