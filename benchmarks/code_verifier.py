"""How well the verifier `code` tells good programs from broken ones.

    python benchmarks/code_verifier.py --data DIR [--set humaneval|code_alpaca] [--pairs 164] [--writers MODEL,...]
        [--samples 1] [--blind] [--at-once 2] [--answers FILE]

DIR has `humaneval.jsonl` (openai/human-eval) and `code_alpaca_2k.json` (sahil280114/codealpaca). A good program is the
set's own, a bad one its twin with one operator, comparison or constant changed (`code_broken` of the exam). Without
writers only examples that instructions state are run, and no model is asked. With `--blind` instructions end where
their examples begin, so that tests of the writers alone count. HumanEval has tests of its own, so there it is known
which twins are wrong indeed; they are judged apart. Answers and runs are kept in FILE; what was interrupted goes on
from there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gra.calls import CallId, Reply, Request
from gra.config.load import config_from
from gra.config.verifiers import CodeVerifier
from gra.engine.models import open_models
from gra.events import ignore
from gra.programs import SANDBOX, Returned, execution, to_run
from gra.sandbox import open_sandbox
from gra.synthesis.code_fault import break_code
from gra.synthesis.evidence.code import Code, passes
from gra.synthesis.evidence.examples import stated_tests
from gra.synthesis.evidence.snippets import Program, program_in
from gra.synthesis.evidence.verifier import Finding
from gra.synthesis.exam_report import auc
from gra.synthesis.reading import Matter
from gra.together import a_few_at_once
from reviewers import Answers, Known


@dataclass(frozen=True)
class Pair:
    """One instruction with a program and its twin."""

    number: int
    instruction: str
    good: str
    bad: str
    check: str = ""
    """Tests of the set itself, as code that defines `check(f)`, and the name of what they are of."""


def pairs_of(data: Path, name: str, most: int, blind: bool) -> list[Pair]:
    if name == "humaneval":
        rows = [json.loads(line) for line in (data / "humaneval.jsonl").read_text().splitlines()]
        asked = [without_examples(r["prompt"]) if blind else r["prompt"] for r in rows]
        texts = [
            (i, r["prompt"] + r["canonical_solution"], f"{r['test']}\n#{r['entry_point']}")
            for i, r in zip(asked, rows, strict=True)
        ]
    else:
        rows = json.loads((data / "code_alpaca_2k.json").read_text())
        texts = [("\n\n".join(t for t in (r["instruction"], r["input"]) if t), r["output"], "") for r in rows]
    found = []
    for number, (instruction, text, check) in enumerate(texts):
        good = f"```python\n{text}\n```"
        bad = break_code(good, random.Random(number))
        if bad and isinstance(program_in(good), Program):
            found.append(Pair(number, instruction, good, bad, check))
    return sorted(random.Random(5).sample(found, min(most, len(found))), key=lambda pair: pair.number)


def without_examples(prompt: str) -> str:
    """A prompt of HumanEval, ending where the first example of its last function begins."""
    name = re.findall(r"^def (\w+)", prompt, re.MULTILINE)[-1]
    head = prompt.rindex(f"def {name}")
    first = re.search(
        rf">>>|\bexamples?\b|\be\.g\b|\b{name}\(|=>|➞|\[input", prompt[head + 4 + len(name) :], re.IGNORECASE
    )
    return prompt if first is None else prompt[: head + 4 + len(name) + first.start()].rstrip()


class Asked:
    """What models and the sandbox said, each once."""

    def __init__(self, models: dict[str, object], identities: dict[str, str], answers: Answers) -> None:
        self.models, self.identities, self.answers = models, identities, answers
        self.seconds: Counter[str] = Counter()

    async def __call__(self, call: CallId, request: Request) -> Reply:
        key = request.digest(self.identities[request.model])
        known = self.answers.known.get(key)
        reply = known.reply if known else await self.models[request.model].complete(request)  # type: ignore[attr-defined]
        if known is None:
            self.answers.keep(key, Known(reply))
        self.seconds[request.model] += reply.seconds
        return reply


async def judged(pair: Pair, verifier: Code, ask: Asked) -> dict[str, object]:
    """What the verifier finds of both halves, how many tests the good one passes, and which halves are right indeed."""
    found: dict[str, object] = {"number": pair.number}
    for half, response in (("good", pair.good), ("bad", pair.bad)):
        said = await verifier.verify(ask, Matter("response", pair.instruction, response), _call(pair, half))
        found[half] = said.value if isinstance(said, Finding) else None
        if pair.check:
            tests, _, name = pair.check.rpartition("\n#")
            program = program_in(response)
            source = program.code if isinstance(program, Program) else ""
            reply = await ask(_call(pair, "check"), to_run(f"{source}\n{tests}", [f"check({name})"]))
            found[f"{half}_right"] = isinstance(execution(reply.text, 1).results[0], Returned)
    program = program_in(pair.good)
    assert isinstance(program, Program), "only such are drawn"
    matter = Matter("response", pair.instruction)
    written = await verifier.written(ask, matter, program, _call(pair, "good"))
    for kind, tests in (("examples", stated_tests(pair.instruction, program)), ("written", [*written.elements()])):
        calls = sorted({test.call for test in tests})
        run = (
            execution((await ask(_call(pair, "true"), to_run(program.code, calls))).text, len(calls)) if calls else None
        )
        results = dict(zip(calls, run.results, strict=True)) if run else {}
        found[kind] = (sum(passes(test, results[test.call]) for test in tests), len(tests))
    return found


def _call(pair: Pair, half: str) -> CallId:
    return CallId(f"pair-{pair.number:04d}", half)


async def run(arguments: argparse.Namespace, pairs: Sequence[Pair]) -> list[dict[str, object]]:
    writers = tuple(filter(None, arguments.writers.split(",")))
    config = config_from(
        {
            "models": [{"name": name, "catalogue": name} for name in writers or ["smollm2-135m-instruct"]],
            "domains": [{"name": "any", "description": "anything"}],
            "casting": {"policy": "single", "model": writers[0] if writers else "smollm2-135m-instruct"},
            "target": 1,
            # A busy machine takes long over a list, and longer with threads that wait for one another.
            "engine": {"timeout_s": 3600, "local": {"threads": 1}},
        }
    )
    sandbox = await open_sandbox()
    verifier = Code(config.synthesis, CodeVerifier(samples=arguments.samples), writers)
    answers = Answers([arguments.answers])
    known, identities = {SANDBOX: sandbox}, {SANDBOX: sandbox.identity}
    if not writers:
        ask = Asked(dict(known), identities, answers)
        found = await a_few_at_once((judged(pair, verifier, ask) for pair in pairs), arguments.at_once)
    else:
        with tempfile.TemporaryDirectory(prefix="gra-code-") as logs:
            async with open_models(config, ignore, Path(logs), writers) as models:
                ask = Asked({**known, **models.endpoints}, {**identities, **models.identities}, answers)
                found = await a_few_at_once((judged(pair, verifier, ask) for pair in pairs), arguments.at_once)
    for name, seconds in ask.seconds.items():
        print(f"{name}: {seconds / (2 * len(pairs)):.2f} s a response")
    return found


def row(title: str, found: Sequence[dict[str, object]]) -> None:
    both = [(f["good"], f["bad"]) for f in found if f["good"] is not None and f["bad"] is not None]
    if len(both) < 4:
        print(f"{title:38} {len(both)} of {len(found)} pairs are judged")
        return
    good, bad = (np.array(side, dtype=float) for side in zip(*both, strict=True))
    area = auc(list(good), list(bad))
    assert area is not None, "there are both"
    apart = f"above {np.mean(good > bad):.2f}, level {np.mean(good == bad):.2f}, below {np.mean(good < bad):.2f}"
    share = len(both) / len(found)
    judged = f"{len(both)} of {len(found)} pairs ({share:.0%})"
    print(f"{title:38} {judged}  AUC {area.value:.2f} [{area.low:.2f}, {area.high:.2f}]  {apart}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", choices=("humaneval", "code_alpaca"), default="humaneval")
    parser.add_argument("--pairs", type=int, default=164)
    parser.add_argument("--writers", default="", help="models of the catalogue")
    parser.add_argument("--samples", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--blind", action="store_true")
    parser.add_argument("--answers", type=Path, default=Path("code_verifier.answers.jsonl"))
    arguments = parser.parse_args()
    pairs = pairs_of(arguments.data, arguments.set, arguments.pairs, arguments.blind)
    found = asyncio.run(run(arguments, pairs))
    row("all pairs", found)
    if arguments.set == "humaneval":
        row("whose twin fails the set's own tests", [f for f in found if f["good_right"] and not f["bad_right"]])
        print(
            f"the set's own tests: {sum(bool(f['good_right']) for f in found)} good pass, "
            f"{sum(bool(f['bad_right']) for f in found)} twins pass"
        )
    for kind in ("examples", "written"):
        right, count = (sum(f[kind][n] for f in found) for n in (0, 1))  # type: ignore[index]
        print(f"{kind}: {count} tests, {right} hold of the good program")


if __name__ == "__main__":
    main()
