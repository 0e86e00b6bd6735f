"""How much model work the exact economies save, at the same decisions.

    python benchmarks/economy.py                                            # fake models
    python benchmarks/economy.py --models qwen-1.5b=qwen2.5-coder-1.5b-instruct,... --live

Runs one configuration (the quickstart's, or `--config`) plain, that is with `opinions: always`, `comments: always` and
without kept slots, and then economically, that is with gra's defaults. The economical run is given the plain run's
answers where it asks the same: so decisions can be compared exactly, though a server never answers twice alike, and
what it counts is what those answers took. With `--live` it runs once more with answers of its own: that alone shows
what kept slots are worth, and what a machine really spends. Fails if a decision differs.

Fake models: two of four can tell good from broken. Their tokens are a quarter of the characters, half of them cached by
definition, and their seconds mean nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import re
import resource
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gra
from gra.cli.overrides import parse_settings
from gra.config.load import RunConfig, load_config
from gra.engine.comparison import decisive
from gra.engine.run import synthesise
from gra.export import Format, write_dataset
from gra.records import Status
from gra.store.reader import Reader, Total
from gra.store.run_dir import RunDir, open_run
from gra.synthesis.seeds import read_seeds
from gra.testing.fake_answers import FakeModel
from gra.testing.fake_server import FakeServer

QUICKSTART = Path(gra.__file__).parent / "data" / "quickstart" / "quickstart.yaml"
PLAIN = {"opinions": "always", "comments": "always", "engine.local.pin_slots": False}
ECONOMICAL = {"opinions": "when_needed", "comments": "when_read", "engine.local.pin_slots": True}
BEFORE = ("exam", "domain", "seed_keywords")
"""Tasks that are done before the first round."""
FAKES = ("one", "two", "three", "four")


@dataclass(frozen=True)
class Made:
    """What a run came to."""

    name: str
    dataset: bytes
    decisions: list[tuple[object, ...]]
    spent: dict[str, Total]
    accepted: int
    cpu: float
    """Seconds of the servers' user time."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=QUICKSTART, help="by default the quickstart's")
    parser.add_argument("--models", help="NAME=CATALOGUE or CATALOGUE, separated by commas: real models, embedded")
    parser.add_argument("--real", action="store_true", help="the models of --config as they are")
    parser.add_argument("--live", action="store_true", help="a third run, economical with its own answers")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as `gra run` takes it")
    arguments = parser.parse_args()
    settings = parse_settings(arguments.set)
    if arguments.models:
        pairs = [(name, card or name) for name, _, card in (m.partition("=") for m in arguments.models.split(","))]
        settings["models"] = [{"name": name, "catalogue": card} for name, card in pairs]
    real = bool(arguments.models or arguments.real)
    with tempfile.TemporaryDirectory(prefix="gra-economy-") as folder:
        made = asyncio.run((on_real if real else on_fakes)(arguments, settings, Path(folder)))
    report(made, real)
    return verdict(made[0], made[1])


async def on_real(arguments: argparse.Namespace, settings: dict[str, object], folder: Path) -> list[Made]:
    return await runs(arguments.config, settings, folder, arguments.live)


async def on_fakes(arguments: argparse.Namespace, settings: dict[str, object], folder: Path) -> list[Made]:
    whole = load_config(arguments.config)
    seeds = whole.synthesis.seeds
    texts = [(s.instruction, s.response) for s in read_seeds(seeds).seeds] if seeds else []
    judges = [can_tell(name, texts) if number < 2 else lambda _: 0.7 for number, name in enumerate(FAKES)]
    fakes = [FakeModel(name, judge=judge) for name, judge in zip(FAKES, judges, strict=True)]
    async with FakeServer(fakes) as server:
        models = [{"name": name, "base_url": server.base_url, "model": name} for name in FAKES]
        embeddings = {"base_url": server.base_url, "model": FAKES[0], "catalogue": None}
        above = {"models": models, "embeddings": embeddings, "engine.concurrency": 1, **settings}
        return await runs(arguments.config, above, folder, live=False)


async def runs(path: Path, settings: dict[str, object], folder: Path, live: bool) -> list[Made]:
    plain, economical = (load_config(path, {**settings, **changes}) for changes in (PLAIN, ECONOMICAL))
    made = [await run("plain", plain, folder / "plain", [])]
    made.append(await run("economical", economical, folder / "economical", [open_run(folder / "plain")]))
    return [*made, await run("economical, live", economical, folder / "live", [])] if live else made


async def run(name: str, config: RunConfig, folder: Path, others: Sequence[RunDir]) -> Made:
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    ending = await synthesise(config, folder, others=others)
    cpu = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    print(f"{name}: {ending.accepted} of {ending.target} accepted {ending.statement}", file=sys.stderr, flush=True)
    with Reader(open_run(folder)) as reader:
        dataset = folder / "dataset.jsonl"
        if ending.accepted:
            write_dataset(reader, Format.MESSAGES, dataset, Status.ACCEPTED)
        ends = [
            (s.id, s.status, *((v.response, v.final and v.final.outcome) for v in s.versions)) for s in decisive(reader)
        ]
        made = dataset.read_bytes() if ending.accepted else b""
        return Made(name, made, ends, reader.totals().by_task(), ending.accepted, cpu)


def report(made: Sequence[Made], real: bool) -> None:
    """The table: everything for each accepted sample, and in the end beside the plain run."""
    each_of = "for each accepted sample" if made[0].accepted else "in all; nothing accepted"
    print(f"\n{each_of:28}   calls   prompt   cached   written   computed   seconds   CPU")
    for title, counted in (("whole run", lambda _: True), ("after the exam", lambda task: task not in BEFORE)):
        base = Total()
        for each in made:
            spent = sum((total for task, total in each.spent.items() if counted(task)), Total())
            base = base if base.calls else spent
            print(f"{title + ', ' + each.name:28} {row(spent, each, real, counted('exam'))}")
            if each is not made[0]:
                print(f"{'  of plain':28} {ratios(spent, base, real)}")
    print("\nof the calls: " + "; ".join(f"{m.name} {tasks(m)}" for m in made))
    for each in made:
        whole = sum(each.spent.values(), Total())
        print(f"{each.name}: {whole.hit_rate or 0:.1%} of all prompt tokens from the cache")


def row(spent: Total, made: Made, real: bool, whole: bool) -> str:
    n = max(1, made.accepted)
    numbers = [spent.calls, spent.prompt_tokens, spent.cached_tokens, spent.completion_tokens, spent.computed_tokens]
    cells = [f"{value / n:,.1f}" for value in numbers] + ([f"{spent.seconds / n:.1f}"] if real else ["-"])
    cells.append(f"{made.cpu / n:.1f}" if real and whole and made.name != "economical" else "-")
    return aligned(cells)


def ratios(spent: Total, base: Total, real: bool) -> str:
    pairs: list[tuple[float, float]] = [
        (spent.calls, base.calls),
        (spent.prompt_tokens, base.prompt_tokens),
        (spent.cached_tokens, base.cached_tokens),
        (spent.completion_tokens, base.completion_tokens),
        (spent.computed_tokens, base.computed_tokens),
        (spent.seconds if real else 0.0, base.seconds),
    ]
    return aligned([f"{one / other:.2f}" if one and other else "-" for one, other in pairs])


def aligned(cells: Sequence[str]) -> str:
    widths = (7, 8, 8, 9, 10, 9, 5)
    return " ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=False))


def tasks(made: Made) -> str:
    return ", ".join(f"{task} {total.calls}" for task, total in sorted(made.spent.items()))


def verdict(plain: Made, economical: Made) -> int:
    """0 if the two decided alike, 1 if not."""
    same = plain.decisions == economical.decisions and plain.dataset == economical.dataset
    digest = hashlib.sha256(economical.dataset).hexdigest()[:16]
    print(f"decisions {'EQUAL' if same else 'DIFFER'}: {len(plain.decisions)} candidates, dataset sha256 {digest}")
    return 0 if same else 1


# --- fake judges ------------------------------------------------------------------------------------------------------


def can_tell(name: str, seeds: Sequence[tuple[str, str]]) -> Callable[[dict[str, Any]], float]:
    """P(yes) of a judge that knows the seeds from their broken twins, and takes most of what fake models write."""
    whole = {text for one, other in seeds for text in (f"Exercise: {one}", f"Exercise: {one}\n\nAnswer: {other}")}
    words = {word for one, other in seeds for word in re.findall(r"\w+", f"{one} {other}".lower())}

    def judge(body: dict[str, Any]) -> float:
        matter = body["messages"][-1]["content"].split("\n\nQuestion:")[0].split("\n\nWhat the reviewers said:")[0]
        draw = random.Random(f"{name}{matter}")
        written = any(word not in words for word in re.findall(r"\w+", matter.lower())[1:] if word != "answer")
        good = matter in whole or (written and random.Random(matter).random() < 0.6)
        return min(0.98, max(0.02, draw.gauss(0.75 if good else 0.35, 0.12)))

    return judge


if __name__ == "__main__":
    sys.exit(main())
