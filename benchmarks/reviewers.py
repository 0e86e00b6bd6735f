"""Who can tell good responses from bad, alone and together, on labelled data.

    python benchmarks/reviewers.py --data DIR [--pairs 64] [--models 0.1B=smollm2-135m-instruct,...]
        [--answers FILE ...] [--clock FILE] [--ask [MEMBER ...]] > benchmarks/results/reviewers.md

DIR has `alpaca_en_1k.json` (hiyouga/LLaMA-Factory), `gsm8k_graded_solutions.jsonl` (openai/grade-school-math, with
`correct`) and `preference_pairs.jsonl` (`chosen`, `rejected`). Of each set some pairs of a good and a bad response to
one instruction are read by every member as it reads candidates in a run: models by their six questions, and the
verifiers. Even pairs are for choosing: exams are made of them. Odd pairs are for reporting, and nothing is fitted to
them.

Answers are kept in the last FILE, so that what was interrupted goes on; what is in one of the files is not asked again,
and a model of which everything is there is not started. With `--ask` only the named members are asked, nobody if none
is named: tables are then of the pairs that every model has read. With `--clock` two pairs of each set are asked about
once more, one request at a time, and what a verdict costs is from there. What the tables mean, `reviewers_tables.py`
says.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gra.calls import CallId, Reply, Request
from gra.config.load import RunConfig, config_from
from gra.config.verifiers import MathVerifier
from gra.engine.models import EMBEDDINGS, OpenModels, identities, open_models
from gra.engine.verifiers import likelihood_name
from gra.events import ignore
from gra.records import VERIFIER, Entry, Opinion
from gra.store.ledger import embedded, text_digest
from gra.synthesis.evidence.constraints import Constraints
from gra.synthesis.evidence.likelihood import Information, Likelihood
from gra.synthesis.evidence.mathematics import Mathematics
from gra.synthesis.evidence.relevance import Relevance
from gra.synthesis.evidence.verifier import EvidenceReading
from gra.synthesis.exam import set_exam
from gra.synthesis.reading import EqualLanes, Lanes, Matter, ProbabilityReading, Reading, read_opinion
from gra.synthesis.standing import feature
from gra.together import together
from reviewers_tables import MATH, Member, Pair, tables

MODELS = "0.1B=smollm2-135m-instruct,0.5B=qwen2.5-coder-0.5b-instruct,1.5B=qwen2.5-coder-1.5b-instruct"
SOLVERS = "0.5B=2,1.5B=1"
"""How many solutions of which model `@math` goes by; of several models, as many of each as of the least."""
LONGEST_SOLUTION = 400
"""Tokens."""
HEADER = """# What small reviewers can tell

Printed by `python benchmarks/reviewers.py` (its first lines say how, those of `reviewers_tables.py` what the figures
are); what to make of it is in [docs/exam.md](../../docs/exam.md#together). {models}.
"""
CLOCKED = 2
"""Pairs of each set that are asked about one request at a time."""


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


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


# --- the answers ------------------------------------------------------------------------------------------------------


class Unanswered(Exception):
    """Something that is in no file, where nothing may be asked."""


@dataclass(frozen=True)
class Known:
    """An answer, or an embedding, of before."""

    reply: Reply
    vector: Sequence[float] = ()


class Answers:
    """Replies by their requests, and embeddings by their texts, kept in files; new ones go into the last."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.path = paths[-1]
        self.known: dict[str, Known] = {}
        for path in paths:
            for row in lines(path) if path.exists() else []:
                self.known[str(row["key"])] = _known(row)

    def keep(self, key: str, known: Known) -> None:
        reply = known.reply
        row = {
            "key": key,
            "text": reply.text,
            "finish": reply.finish,
            "labels": dict(reply.labels),
            "seconds": reply.seconds,
        }
        with self.path.open("a") as file:
            file.write(json.dumps(row | ({"vector": list(known.vector)} if known.vector else {})) + "\n")
        self.known[key] = known


def _known(row: Mapping[str, Any]) -> Known:
    finish, seconds = str(row.get("finish", "stop")), float(row["seconds"])
    reply = Reply(str(row["text"]), finish, labels=row["labels"], seconds=seconds)
    return Known(reply, row.get("vector", ()))


def alone(name: str, catalogue: str, scoring: bool = False) -> RunConfig:
    """A configuration of which only the model matters."""
    plain: dict[str, Any] = {
        "models": [{"name": name, "catalogue": catalogue}],
        "casting": {"policy": "single", "model": name},
        "domains": [{"name": "any", "description": "anything"}],
        "target": 1,
    }
    if scoring:
        plain |= {"gate": {"type": "seeds"}, "verifiers": ["likelihood"]}
    return config_from(plain)


@dataclass
class Asking:
    """How members ask: what is known is found, what is not is asked of the models that are open."""

    answers: Answers
    identities: Mapping[str, str]
    models: OpenModels | None = None
    """None where nothing may be asked."""
    paid: dict[tuple[str, int], dict[str, float]] = field(default_factory=dict)
    """By the pair's name and the half: what was asked for the verdict, and the seconds that it took."""

    async def __call__(self, call: CallId, request: Request) -> Reply:
        key = request.digest(self.identities[request.model])
        if key not in self.answers.known:
            if self.models is None:
                raise Unanswered
            self.answers.keep(key, Known(await self.models.endpoints[request.model].complete(request)))
        reply = self.answers.known[key].reply
        self._pay(call, key, reply.seconds)
        return reply

    async def embed(self, call: CallId, texts: list[str]) -> Sequence[Sequence[float]]:
        return [await self._embedded(call, embedded(text)) for text in texts]

    async def _embedded(self, call: CallId, text: str) -> Sequence[float]:
        key = f"{self.identities[EMBEDDINGS]} {text_digest(text)}"
        if key not in self.answers.known:
            if self.models is None:
                raise Unanswered
            begun = time.monotonic()
            (vector,) = await self.models.endpoints[EMBEDDINGS].embed([text])
            self.answers.keep(key, Known(Reply("", seconds=time.monotonic() - begun), vector))
        known = self.answers.known[key]
        self._pay(call, key, known.reply.seconds)
        return known.vector

    def _pay(self, call: CallId, key: str, seconds: float) -> None:
        self.paid.setdefault((call.sample, call.attempt), {})[key] = seconds


@dataclass(frozen=True)
class Part:
    """One member, and what it needs."""

    name: str
    config: RunConfig
    model: str
    """Whom it asks."""
    reading: Callable[[Asking, Lanes], Reading]
    sets: tuple[str, ...] = ("twins", "graded", "preference")

    @property
    def step(self) -> str:
        """Under what name it asks: one for all who go by solutions, so that they go by the same ones."""
        return MATH if self.name.startswith(MATH) else self.name


def parts(chosen: Mapping[str, str], solvers: Mapping[str, int]) -> list[Part]:
    """Every member, what is cheap first."""
    configs = {name: alone(name, catalogue) for name, catalogue in chosen.items()}
    smallest = next(iter(chosen))
    scoring = alone(smallest, chosen[smallest], scoring=True)
    own, synthesis = configs[smallest], configs[smallest].synthesis
    found = [
        Part(f"{VERIFIER}constraints", own, smallest, lambda asking, lanes: EvidenceReading(Constraints())),
        Part(f"{VERIFIER}relevance", own, EMBEDDINGS, lambda asking, lanes: EvidenceReading(Relevance(asking.embed))),
        *(Part(name, config, name, _questions(config)) for name, config in configs.items()),
        Part(likelihood_name(smallest), scoring, smallest, lambda asking, lanes: EvidenceReading(Likelihood(smallest))),
        Part(
            f"{VERIFIER}information.{smallest}",
            scoring,
            smallest,
            lambda asking, lanes: EvidenceReading(Information(smallest)),
        ),
    ]
    groups = dict.fromkeys([*((name,) for name in solvers), tuple(solvers)])
    for models in filter(None, groups):  # of several, each has solved everything by itself before
        settings = MathVerifier(samples=min(solvers[name] for name in models), max_tokens=LONGEST_SOLUTION)
        found.append(
            Part(
                f"{VERIFIER}math.{'+'.join(models)}",
                configs[models[0]],
                models[0],
                partial(_solving, Mathematics(synthesis, settings, models)),
                ("graded",),
            )
        )
    return found


def _solving(mathematics: Mathematics, asking: Asking, lanes: Lanes) -> Reading:
    return EvidenceReading(mathematics)


def _questions(config: RunConfig) -> Callable[[Asking, Lanes], Reading]:
    synthesis = config.synthesis
    return lambda asking, lanes: ProbabilityReading(lanes, synthesis.templates, synthesis.criteria)


async def said_by(part: Part, pairs: Sequence[Pair], asking: Asking, ask: bool, at_once: bool) -> Member:
    """What a member says of every pair. Its model is started if something is in no file, and may be asked."""
    reading = part.reading(asking, EqualLanes())
    try:
        return _member(part, asking, pairs, [await _pair(part, reading, asking, pair) for pair in pairs])
    except Unanswered:
        if not ask:
            said = [await _as_far(part, reading, asking, pair) for pair in pairs]
            return _member(part, asking, pairs, said)
    with tempfile.TemporaryDirectory(prefix="gra-reviewers-") as logs:
        async with open_models(part.config, ignore, Path(logs), [part.model]) as models:
            asking.models = models
            lanes = models.make_lanes().get(part.model) or EqualLanes()
            reading, begun = part.reading(asking, lanes), time.monotonic()
            work = [_pair(part, reading, asking, pair) for pair in pairs]
            said = await together(work) if at_once else [await one for one in work]
    print(f"{part.name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return _member(part, asking, pairs, said)


Said = tuple[Opinion, Opinion] | None
"""Of the good and of the bad response; None where the member has no part in it, or was not asked yet."""


async def _pair(part: Part, reading: Reading, asking: Asking, pair: Pair) -> Said:
    """The halves are told apart as attempts, which are in no seed: both are held against the same solutions."""
    if pair.set not in part.sets:
        return None
    good, bad = [
        await read_opinion(
            reading, asking, part.name, Matter("response", pair.instruction, text), CallId(pair.name, part.step, half)
        )
        for half, text in enumerate((pair.good, pair.bad))
    ]
    return good, bad


async def _as_far(part: Part, reading: Reading, asking: Asking, pair: Pair) -> Said:
    try:
        return await _pair(part, reading, asking, pair)
    except Unanswered:
        return None


def _member(part: Part, asking: Asking, pairs: Sequence[Pair], said: Sequence[Said]) -> Member:
    nothing = Opinion(part.name, "response", "evidence", failure="not asked")
    halves = [opinions or (nothing, nothing) for opinions in said]
    asked = sorted({c for both in halves for o in both if o.reading == "probability" for c in o.scores})
    questions = {c: np.array([[o.scores.get(c, np.nan) for o in both] for both in halves]) for c in asked}
    features = np.array([[feature(o) if o.usable else np.nan for o in both] for both in halves])
    return Member(part.name, features, questions, asking.paid)


async def read_all(
    every: Sequence[Part],
    pairs: Sequence[Pair],
    answers: Answers,
    ask: Sequence[str] | None,
    at_once: bool = True,
) -> dict[str, Member]:
    """What all members say, by name: one after the other, as the machine has few cores."""
    known = {name: digest for part in every for name, digest in identities(part.config.synthesis).items()}
    return {
        part.name: await said_by(part, pairs, Asking(answers, known), ask is None or part.name in ask, at_once)
        for part in every
    }


def named(text: str) -> dict[str, str]:
    return dict(each.split("=", 1) for each in text.split(",") if each)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=64)
    parser.add_argument("--models", default=MODELS, help="NAME=MODEL of the catalogue, smallest first")
    parser.add_argument("--solvers", default=SOLVERS, help="NAME=SOLUTIONS for `@math`; may be empty")
    parser.add_argument("--answers", type=Path, nargs="+", default=[Path("reviewers.answers.jsonl")])
    parser.add_argument("--clock", type=Path, metavar="FILE")
    parser.add_argument("--swap", action="store_true", help="choose on the odd pairs, report on the even ones")
    parser.add_argument("--ask", nargs="*", metavar="MEMBER", help="who may be asked; by default everybody")
    arguments = parser.parse_args()
    chosen = named(arguments.models)
    pairs = labelled(arguments.data, arguments.pairs, alone(*next(iter(chosen.items()))))
    solvers = {name: int(count) for name, count in named(arguments.solvers).items()}
    every = parts(chosen, solvers)
    members = asyncio.run(read_all(every, pairs, Answers(arguments.answers), arguments.ask))
    if arguments.clock:
        few = [pair for pair in pairs if pair.number < CLOCKED]
        clocked = asyncio.run(read_all(every, few, Answers([arguments.clock]), arguments.ask, at_once=False))
        members = {name: replace(member, paid=clocked[name].paid) for name, member in members.items()}
    print(HEADER.format(models=", ".join(f"{name} is {catalogue}" for name, catalogue in chosen.items())))
    for line in tables(list(chosen), members, pairs, arguments.swap):
        print(line)


if __name__ == "__main__":
    main()
