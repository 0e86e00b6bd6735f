"""Who can tell good responses from bad, alone and together, on labelled data.

    python benchmarks/reviewers.py --data DIR [--pairs 48] [--models 0.1B=smollm2-135m-instruct,...] [--answers FILE]

DIR has `alpaca_en_1k.json` (hiyouga/LLaMA-Factory), `gsm8k_graded_solutions.jsonl` (openai/grade-school-math, with
`correct`) and `preference_pairs.jsonl` (`chosen`, `rejected`). Of each set some pairs of a good and a bad response to
one instruction are read by every member as it reads candidates in a run. Even pairs are for choosing: exams are made of
them. Odd pairs are for reporting, and nothing is fitted to them. Answers are kept in FILE, so that what was interrupted
goes on; the same command prints the same tables from it.

Printed are, for each set: each member's AUC; for each pool and way to decide: AUC with a 95 % bootstrap interval over
pairs, accuracy at the operating point that the exam gives, and what is kept at `keep_precision: 0.8`; then the AUC that
is lost without each member; and the model seconds of a verdict.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gra.calls import CallId, Reply, Request
from gra.config.load import RunConfig, config_from
from gra.engine.models import open_models
from gra.engine.readings import choose_readings, make_readings
from gra.events import ignore
from gra.records import Entry, Opinion
from gra.synthesis.calibration import Committee
from gra.synthesis.exam import set_exam
from gra.synthesis.reading import Matter, read_opinion
from gra.synthesis.standing import Panel, Standing, feature
from gra.together import together

Array = NDArray[np.float64]
MODELS = "0.1B=smollm2-135m-instruct,0.5B=qwen2.5-coder-0.5b-instruct,1.5B=qwen2.5-coder-1.5b-instruct"
EXAM = 24
"""Pairs of an exam, as in a run."""
DRAWS = 1000
"""Of the bootstrap."""


@dataclass(frozen=True)
class Pair:
    """One instruction with a good and a bad response."""

    set: str
    number: int
    instruction: str
    good: str
    bad: str
    fault: str


@dataclass(frozen=True)
class Read:
    """What one member said of a set's pairs: features of the good and of the bad; nan where it could not be read."""

    good: Array
    bad: Array


# --- the data ---------------------------------------------------------------------------------------------------------


def labelled(data: Path, count: int, config: RunConfig) -> list[Pair]:
    """So many pairs of each set, the same ones every time."""
    draw = random.Random(5)
    alpaca = json.loads((data / "alpaca_en_1k.json").read_text())
    brief = [r for r in alpaca if len(r["instruction"] + r["input"] + r["output"]) <= 900 and len(r["output"]) > 20]
    rows = draw.sample(brief, count)
    texts = [("\n\n".join(t for t in (r["instruction"], r["input"]) if t), r["output"]) for r in rows]
    entries = [Entry(f"seed-{n:03d}", 0, "any", (), "", i, o) for n, (i, o) in enumerate(texts)]
    questions = set_exam(entries, config.synthesis, count)["response"]
    pairs = [
        Pair("twins", n, q.good.instruction, q.good.response, q.broken.response, q.fault)
        for n, q in enumerate(questions)
    ]
    graded: dict[str, dict[bool, list[str]]] = {}
    for row in lines(data / "gsm8k_graded_solutions.jsonl"):
        answers = graded.setdefault(str(row["instruction"]), {True: [], False: []})
        answers[bool(row["correct"])].append(str(row["response"]))
    both = sorted(q for q, a in graded.items() if a[True] and a[False])
    for n, question in enumerate(draw.sample(both, min(count, len(both)))):
        right, wrong = (draw.choice(graded[question][truth]) for truth in (True, False))
        pairs.append(Pair("graded", n, question, right, wrong, "wrong solution"))
    for n, row in enumerate(lines(data / "preference_pairs.jsonl")[:count]):
        pairs.append(
            Pair("preference", n, str(row["instruction"]), str(row["chosen"]), str(row["rejected"]), "rejected")
        )
    return pairs


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


# --- the answers ------------------------------------------------------------------------------------------------------


class Answers:
    """Replies by their requests, kept in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, Reply] = {}
        if path.exists():
            for row in lines(path):
                self.known[str(row["key"])] = Reply(
                    str(row["text"]),
                    labels=row["labels"],  # type: ignore[arg-type]
                    seconds=float(str(row["seconds"])),
                )

    def keep(self, key: str, reply: Reply) -> None:
        row = {"key": key, "text": reply.text, "labels": dict(reply.labels), "seconds": reply.seconds}
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        self.known[key] = reply


def alone(name: str, catalogue: str) -> RunConfig:
    """A configuration of which only the model matters."""
    return config_from(
        {
            "models": [{"name": name, "catalogue": catalogue}],
            "casting": {"policy": "single", "model": name},
            "domains": [{"name": "any", "description": "anything"}],
            "target": 1,
        }
    )


async def read_by(name: str, config: RunConfig, pairs: Sequence[Pair], answers: Answers) -> list[tuple[float, float]]:
    """Features of every pair's halves; what a verdict takes is printed."""
    spent = 0.0
    with tempfile.TemporaryDirectory(prefix="gra-reviewers-") as logs:
        async with open_models(config, ignore, Path(logs)) as models:
            chosen = choose_readings(config.synthesis, models.abilities)
            reading = make_readings(config.synthesis, chosen, models.make_lanes())[name]

            async def ask(call: CallId, request: Request) -> Reply:
                nonlocal spent
                key = request.digest(models.identities[request.model])
                reply = answers.known.get(key)
                if reply is None:
                    reply = await models.endpoints[request.model].complete(request)
                    answers.keep(key, reply)
                spent += reply.seconds
                return reply

            async def one(pair: Pair) -> tuple[float, float]:
                said = []
                for half, text in (("good", pair.good), ("bad", pair.bad)):
                    matter = Matter("response", pair.instruction, text)
                    call = CallId(f"{pair.set}-{pair.number:03d}", f"{half}.{name}")
                    said.append(value(await read_opinion(reading, ask, name, matter, call)))
                return said[0], said[1]

            found = await together(one(pair) for pair in pairs)
    print(f"{name}: {2 * len(pairs)} verdicts, {spent / (2 * len(pairs)):.2f} model seconds each", flush=True)
    return found


async def read_all(
    configs: Mapping[str, RunConfig], pairs: Sequence[Pair], answers: Answers
) -> dict[str, list[tuple[float, float]]]:
    """Features of every pair's halves, by member: one model after the other, as the machine has few cores."""
    return {name: await read_by(name, config, pairs, answers) for name, config in configs.items()}


def value(opinion: Opinion) -> float:
    return feature(opinion) if opinion.usable else float("nan")


# --- the ways to decide -----------------------------------------------------------------------------------------------

Way = Callable[[Sequence[str], Mapping[str, Read]], Callable[[Sequence[float]], float]]
"""Members and their exam to a score of features, 0 being the operating point."""


def standings(members: Sequence[str], exam: Mapping[str, Read]) -> tuple[Standing, ...]:
    return tuple(Standing(m, "response", tuple(exam[m].good), tuple(exam[m].bad)) for m in members)


def papers(members: Sequence[str], exam: Mapping[str, Read]) -> Callable[[Sequence[float]], float]:
    """The paper's: the mean of scores from 1 to 10 (probabilities on that scale), against TAU = 8."""
    return lambda row: float(np.mean([1 + 9 / (1 + np.exp(-f)) for f in row])) - 8


def equal(members: Sequence[str], exam: Mapping[str, Read]) -> Callable[[Sequence[float]], float]:
    """Equal weights of standardised opinions: leniency and scale removed, no more."""
    who = standings(members, exam)
    return lambda row: float(np.mean([s.standardised(f) for s, f in zip(who, row, strict=True)]))


def separated(members: Sequence[str], exam: Mapping[str, Read]) -> Callable[[Sequence[float]], float]:
    """Weights by separation: the `seeds` gate."""
    return Panel(standings(members, exam)).pooled


def calibrated(members: Sequence[str], exam: Mapping[str, Read]) -> Callable[[Sequence[float]], float]:
    """The `calibrated` gate."""
    return Committee(standings(members, exam)).log_odds


def best(members: Sequence[str], exam: Mapping[str, Read]) -> Callable[[Sequence[float]], float]:
    """The member that was best in the exam, alone."""
    at, who = max(enumerate(standings(members, exam)), key=lambda s: s[1].separation)
    return lambda row: who.standardised(row[at])


WAYS: Mapping[str, Way] = {
    "paper's mean": papers,
    "best by its exam": best,
    "equal weights": equal,
    "by separation": separated,
    "calibrated": calibrated,
}


def auc(good: Array, bad: Array) -> float:
    ordered = np.sort(bad)
    below = np.searchsorted(ordered, good, "left") + np.searchsorted(ordered, good, "right")
    return float(below.mean() / (2 * len(bad)))


def interval(good: Array, bad: Array) -> tuple[float, float]:
    """95 %, by drawing pairs with replacement."""
    draw, n = np.random.default_rng(7), len(good)
    found = [auc(good[at], bad[at]) for at in (draw.integers(0, n, n) for _ in range(DRAWS))]
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


# --- the tables -------------------------------------------------------------------------------------------------------


def halves(
    read: Mapping[str, list[tuple[float, float]]], pairs: Sequence[Pair], name: str
) -> tuple[dict[str, Read], ...]:
    """Even and odd pairs of a set that every member could read, by member."""
    rows = [n for n, p in enumerate(pairs) if p.set == name]
    rows = [n for n in rows if not any(np.isnan(read[m][n]).any() for m in read)]
    split = []
    for odd in (False, True):
        chosen = [n for n in rows if bool(pairs[n].number % 2) is odd]
        split.append({m: Read(*np.array([said[n] for n in chosen]).T) for m, said in read.items()})
    return tuple(split)


def first(exam: Mapping[str, Read], count: int) -> dict[str, Read]:
    return {m: Read(r.good[:count], r.bad[:count]) for m, r in exam.items()}


def row(name: str, way: Way, members: Sequence[str], exam: Mapping[str, Read], test: Mapping[str, Read]) -> str:
    score = way(members, exam)
    good, bad = (
        np.array([score(values) for values in zip(*(getattr(test[m], half) for m in members), strict=True)])
        for half in ("good", "bad")
    )
    low, high = interval(good, bad)
    right = (float((good >= 0).mean()) + float((bad < 0).mean())) / 2
    kept = ""
    if way is calibrated:
        committee = Committee(standings(members, exam))
        bar = committee.threshold(0.8, 0.5)
        passed, slipped = float((good >= bar).mean()), float((bad >= bar).mean())
        share = f"{passed / (passed + slipped):.2f}" if passed + slipped else "-"
        kept = f"precision {share}, {passed:.0%} of good"
    return f"  {name:34} {auc(good, bad):.2f} [{low:.2f}, {high:.2f}]   {right:8.2f}   {kept}"


def pools(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The largest alone, those below it together, and all."""
    return {f"{names[-1]} alone": (names[-1],), f"up to {names[-2]}": tuple(names[:-1]), "all": tuple(names)}


def tables(read: Mapping[str, list[tuple[float, float]]], pairs: Sequence[Pair]) -> None:
    names = list(read)
    general, _ = halves(read, pairs, "twins")
    for name in dict.fromkeys(p.set for p in pairs):
        own, test = halves(read, pairs, name)
        n = len(next(iter(test.values())).good)
        print(f"\n{name}: {n} pairs for reporting")
        print("  alone: " + ", ".join(f"{m} {auc(r.good, r.bad):.2f}" for m, r in test.items()))
        exams = {"general twins": first(general, EXAM)} | (
            {} if name == "twins" else {"its own pairs": first(own, EXAM)}
        )
        for said, exam in exams.items():
            count = len(next(iter(exam.values())).good)
            print(f"  exam on {count} {said:17}               AUC  95 %           accuracy   kept at 0.8")
            for pool, members in pools(names).items():
                for title, way in WAYS.items():
                    print(row(f"{pool}: {title}", way, members, exam, test))
            everybody = committee_auc(names, exam, test)
            lost = {m: everybody - committee_auc([o for o in names if o != m], exam, test) for m in names}
            print("  AUC that all of them lose without one: " + ", ".join(f"{m} {d:+.3f}" for m, d in lost.items()))


def committee_auc(members: Sequence[str], exam: Mapping[str, Read], test: Mapping[str, Read]) -> float:
    score = calibrated(members, exam)
    good, bad = (
        np.array([score(values) for values in zip(*(getattr(test[m], half) for m in members), strict=True)])
        for half in ("good", "bad")
    )
    return auc(good, bad)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=48)
    parser.add_argument("--models", default=MODELS, help="NAME=MODEL of the catalogue, smallest first")
    parser.add_argument("--answers", type=Path, default=Path("reviewers.answers.jsonl"))
    arguments = parser.parse_args()
    chosen = dict(each.split("=", 1) for each in arguments.models.split(","))
    configs = {name: alone(name, catalogue) for name, catalogue in chosen.items()}
    pairs = labelled(arguments.data, arguments.pairs, next(iter(configs.values())))
    tables(asyncio.run(read_all(configs, pairs, Answers(arguments.answers))), pairs)


if __name__ == "__main__":
    main()
