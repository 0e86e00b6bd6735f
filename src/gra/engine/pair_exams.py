"""Before the first round: judges show whether they can tell which of two answers is the better one.

Only where a new response may come beside an old one, and only those who can tell a good response from a broken one
when they read it alone. What they show is what they count when a revision is compared with its original.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gra.calls import Ask
from gra.config.pool import judges
from gra.config.synthesis import EXAMINING, SynthesisConfig
from gra.engine.opening import Known, exam_row
from gra.events import Listener, Notice, PhaseAdvanced, PhaseStarted
from gra.store.reader import Reader
from gra.store.writer import Writer
from gra.synthesis.decide import Gate
from gra.synthesis.exam import set_exam
from gra.synthesis.pairwise import PairStanding, pairs_of, sit_pairs
from gra.synthesis.standing import Standing
from gra.together import together

FEWEST_PAIRS = 5
"""With fewer nobody can show that it can tell: four of four are right by chance once in sixteen."""
FACT = "exam_pairs"
"""What judges have shown in pairs, in rows like those of `exam`; `good` are log-odds of the good answer."""


async def examine_pairs(
    ask: Ask, config: SynthesisConfig, gate: Gate, known: Known, reader: Reader, writer: Writer, listen: Listener
) -> None:
    """See that what judges can tell in pairs is on record, if the run goes by it."""
    if not (config.compares and isinstance(config.gate, EXAMINING)) or reader.fact(FACT) is not None:
        return
    able = (gate.able or {"response": frozenset()})["response"]
    names = [name for name in judges(config) if name in able]
    size = max(config.gate.exam, FEWEST_PAIRS)
    pairs = pairs_of(set_exam(known.entries, config, size, known.labelled)["response"])[:size]
    listen(PhaseStarted("exam", f"{', '.join(names)} compare seeds with broken twins", len(names)))
    done = 0

    async def sit(name: str) -> PairStanding:
        nonlocal done
        standing = await sit_pairs(ask, name, known.readings[name], pairs, config)
        done += 1
        listen(PhaseAdvanced(done))
        return standing

    found = await together(sit(name) for name in names)
    for standing in found:
        if not standing.weight:
            told = f"{standing.right:g} of {len(standing.log_odds)}"
            listen(
                Notice(f"`{standing.model}` cannot tell the better of two responses ({told}); it compares no revisions")
            )
    if not any(standing.weight for standing in found):
        listen(Notice("nobody can tell the better of two responses: a revision of what was rejected is only reviewed"))
    await writer.put_fact(FACT, [_row(standing, [q.fault for q in pairs]) for standing in found])


def pair_weights(reader: Reader) -> Mapping[str, float] | None:
    """By model, what its word on two responses counts; None where nobody was examined in pairs."""
    rows: list[dict[str, Any]] | None = reader.fact(FACT)
    return None if rows is None else {row["model"]: row["weight"] for row in rows}


def _row(standing: PairStanding, faults: list[str]) -> dict[str, object]:
    """As it is stored: against zeros, the AUC of these log-odds is the share of pairs that is right."""
    n = len(standing.log_odds)
    likeness = Standing(standing.model, "response", standing.log_odds, (0.0,) * n)
    return exam_row(likeness) | {"stage": "pairs", "weight": standing.weight, "faults": faults[:n]}
