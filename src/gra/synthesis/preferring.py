"""Reading which of two responses a model finds better: from the probabilities of A and B, or from what it writes."""

from __future__ import annotations

from dataclasses import replace

from gra.calls import Ask, CallId, Reply, Sampling
from gra.config.synthesis import SynthesisConfig
from gra.errors import Refused
from gra.records import Preference
from gra.synthesis.comparison import log_odds, preference
from gra.synthesis.reading import LEAST_MASS, Matter, ProbabilityReading, Reading, question_request

PLACES = ("A", "B")
WRITTEN = 1.0
"""Log-odds that a choice counts for where there are no probabilities: a model that chooses by place cancels itself."""


async def read_preference(
    reading: Reading,
    ask: Ask,
    model: str,
    weight: float,
    pair: tuple[Matter, str],
    call: CallId,
    config: SynthesisConfig,
) -> Preference:
    """A model's preference; one that cannot be read in both orders says why in `failure`.

    Args:
        reading: how the model's opinions are read, and where.
        ask: answers.
        model: its name.
        weight: how much it counts.
        pair: the new response, and the text of the other.
        call: the step; each order has its own below it.
        config: the run.
    """
    new, old = pair
    template = config.templates["compare"]
    probable = isinstance(reading, ProbabilityReading)

    async def asked(order: str, a: str, b: str, slot: int | None) -> float | str:
        values = {"instruction": new.instruction, "response_a": a, "response_b": b}
        request = question_request(model, template.render(values), template.label, PLACES)
        if not probable:
            request = replace(request, labels=(), sampling=Sampling(0.0, 1.0, 4, 0))
        reply = await ask(replace(call, step=f"{call.step}.{order}"), replace(request, slot=slot))
        return _of_labels(reply) if probable else _of_text(reply)

    orders = (("new_first", new.response, old), ("new_last", old, new.response))
    try:
        if isinstance(reading, ProbabilityReading):
            async with reading.lanes.lane(template.label) as slot:
                found = [await asked(*order, slot) for order in orders]
        else:
            found = [await asked(*order, None) for order in orders]
    except Refused as refusal:
        return Preference(model, weight, failure=str(refusal))
    first, last = found
    if isinstance(first, str) or isinstance(last, str):
        return Preference(model, weight, failure=next(f for f in found if isinstance(f, str)))
    return preference(model, weight, first, last)


def _of_labels(reply: Reply) -> float | str:
    a, b = (reply.labels.get(place, 0.0) for place in PLACES)
    return log_odds(a, b) if a + b >= LEAST_MASS else "it did not answer A or B"


def _of_text(reply: Reply) -> float | str:
    said = reply.text.strip().strip(".:)(*\"'").upper()[:1]
    return {"A": WRITTEN, "B": -WRITTEN}.get(said, "it did not answer A or B")
