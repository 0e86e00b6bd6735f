"""What other readings and gates would have made of a run's first versions.

    python benchmarks/gates.py RUN [--labels LABELS.json] [--written]

Judges every first response of a finished run again by the paper's gate, from the probabilities that are on record;
with `--written` also from scores that the same reviewers are now asked to write (their models are started; one call
for each review). LABELS.json maps samples' ids to true or false: whether a person would keep them. With it every
row also says how many of those kept are good, and the AUC of the row's score (the probability that a good sample
scores above a bad one). Nothing is written to the run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from gra.calls import CallId, Reply, Request
from gra.config.load import RunConfig
from gra.config.synthesis import PaperGate
from gra.engine.models import open_models
from gra.events import ignore
from gra.records import Opinion, Sample, Verdict
from gra.report.opening import config_of
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.synthesis.decide import PaperRule, points, quorum, usable
from gra.synthesis.reading import Matter, WrittenReading, read_opinion
from gra.together import together

PAPER = PaperRule(PaperGate())
Opinions = Mapping[str, Sequence[Opinion]]


@dataclass(frozen=True)
class Row:
    """One way to decide, and what it makes of each sample."""

    name: str
    verdicts: Mapping[str, Verdict]
    """The committee's, before any ruling."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--written", action="store_true")
    arguments = parser.parse_args()
    run = open_run(arguments.run)
    with Reader(run) as reader:
        samples = [s for s in reader.iter_samples() if s.versions and s.versions[0].verdict]
    labels = json.loads(arguments.labels.read_text()) if arguments.labels else {}
    recorded = {s.id: s.versions[0].opinions for s in samples}
    own = {s.id: s.versions[0].verdict for s in samples}
    rows = [
        Row("the run's own gate", {id: verdict for id, verdict in own.items() if verdict}),
        Row("paper's gate, as it was read", judged(recorded, PAPER)),
    ]
    if arguments.written:
        rows.append(Row("paper's gate, written scores", judged(asyncio.run(written(config_of(run), samples)), PAPER)))
    judged_by_all = set.intersection(*(set(row.verdicts) for row in rows))
    rows = [Row(row.name, {id: v for id, v in row.verdicts.items() if id in judged_by_all}) for row in rows]
    print(f"{len(judged_by_all)} of {len(samples)} first versions in {arguments.run}: those that every row could judge")
    print(f"{'':30} accept  dispute  reject   mean  spread   good of kept     AUC")
    for row in rows:
        print(line(row, labels))


def judged(opinions: Opinions, gate: PaperRule) -> dict[str, Verdict]:
    return {id: gate.judge("response", said) for id, said in opinions.items() if quorum(said)}


async def written(config: RunConfig, samples: Sequence[Sample]) -> dict[str, tuple[Opinion, ...]]:
    """The opinions of the same reviewers, as they write them."""
    with tempfile.TemporaryDirectory(prefix="gra-gates-") as logs:
        async with open_models(config, ignore, Path(logs)) as models:
            reading = WrittenReading(config.synthesis)

            async def ask(call: CallId, request: Request) -> Reply:
                return await models.endpoints[request.model].complete(request)

            async def one(sample: Sample) -> tuple[Opinion, ...]:
                version = sample.versions[0]
                matter = Matter("response", sample.instruction, version.response)
                calls = (
                    read_opinion(reading, ask, model, matter, CallId(sample.id, f"written.{model}"))
                    for model in version.cast.reviewers
                )
                return tuple(await together(calls))

            found = await together(one(sample) for sample in samples)
    opinions = {sample.id: said for sample, said in zip(samples, found, strict=True)}
    each = [o for said in opinions.values() for o in said]
    marks = [mark for o in usable(each) for mark in points(o)]
    print(f"{len(usable(each))} of {len(each)} written reviews could be read; ", end="")
    print(f"{sum(m >= 9 for m in marks) / max(1, len(marks)):.0%} of their scores are 9 or 10")
    return opinions


def line(row: Row, labels: Mapping[str, bool]) -> str:
    verdicts = row.verdicts.values()
    counts = [sum(v.outcome == outcome for v in verdicts) for outcome in ("accept", "dispute", "reject")]
    mean, spread = (
        sum(each) / max(1, len(each)) for each in ([v.score for v in verdicts], [v.spread for v in verdicts])
    )
    kept = [labels[id] for id, v in row.verdicts.items() if v.outcome == "accept" and id in labels]
    good = f"{sum(kept)} of {len(kept)}" if labels else "-"
    area = f"{auc(row.verdicts, labels, lambda v: v.score):.2f}" if labels else "-"
    return f"{row.name:30} {counts[0]:6d} {counts[1]:8d} {counts[2]:7d} {mean:6.2f} {spread:7.2f} {good:>14} {area:>7}"


def auc(verdicts: Mapping[str, Verdict], labels: Mapping[str, bool], score: Callable[[Verdict], float]) -> float:
    good = [score(v) for id, v in verdicts.items() if labels.get(id) is True]
    bad = [score(v) for id, v in verdicts.items() if labels.get(id) is False]
    pairs = list(product(good, bad))
    return sum((g > b) + 0.5 * (g == b) for g, b in pairs) / len(pairs) if pairs else float("nan")


if __name__ == "__main__":
    main()
