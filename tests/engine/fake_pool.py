"""A pool of fake models that judge by a rule, so that runs have accepted, rejected, disputed and revised samples."""

import json
import random
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gra.config.load import RunConfig, load_config
from gra.synthesis.languages import LANGUAGES
from gra.testing.fake_answers import FakeModel, digest, prose

WORDS = tuple(
    "river stone bread lamp garden letter music winter market bridge copper window story engine flower ladder".split()  # noqa: SIM905
)
CANNED = [said for language in LANGUAGES.values() for said in (language.refusal, language.polite, language.foreign)]
NAMES = ("ada", "bob", "cyd", "dan", "eve")


def judge_for(name: str) -> Any:
    """P(yes): high for a text that is whole, with this model's own doubts."""

    def judge(body: dict[str, Any]) -> float:
        last = body["messages"][-1]["content"]
        if last.endswith("A or B?"):
            return preferred(last)
        matter = last.split("Question:")[0].strip()
        matter = matter.split("\n\nWhat the reviewers said:")[0].strip()
        draw = random.Random(f"{name}{matter}")
        return min(0.98, max(0.02, draw.gauss(0.35 if broken(matter) else 0.75, 0.15)))

    return judge


def preferred(question: str) -> float:
    """P(A) of a comparison: the one that is not broken, with a leaning to the first place."""
    exercise, rest = question.split("\n\nAnswer A: ", 1)
    first, second = rest.rsplit("\n\nQuestion:", 1)[0].split("\n\nAnswer B: ", 1)
    flaws = [broken(f"{exercise}\n\nAnswer: {answer}") for answer in (first, second)]
    return 0.6 + 0.3 * (flaws[1] - flaws[0])


def broken(matter: str) -> bool:
    """What the exam does to the seeds of this module, and what `respond` does to its prose."""
    numbers = re.findall(r"number (\d+)|Here is (\d+)", matter)
    sentences = re.split(r"(?<=\.) ", matter)
    return (
        len({one or other for one, other in numbers}) > 1
        or any(said in matter for said in CANNED)
        or " is not " in matter
        or len(set(sentences)) < len(sentences)
        or matter.startswith("Exercise: Here is")
        or ("number" in matter and re.search(r"Write number \d", matter) is None)
        or not matter.endswith((".", "?", "!"))
    )


def respond(body: dict[str, Any]) -> str | None:
    """Prose, one in three without its end."""
    if "response_format" in body or "json_schema" in body:
        return None
    draw = random.Random("respond" + digest(body))
    text = prose(draw)
    return text if draw.random() < 0.66 else text[: len(text) // 2].rstrip(".")


def fake_models(**changes: Any) -> list[FakeModel]:
    return [FakeModel(n, judge=judge_for(n), respond=respond, **changes) for n in NAMES]


def write_seeds(folder: Path, count: int = 24) -> Path:
    draw = random.Random(7)
    rows = []
    for n in range(count):
        topic = " ".join(draw.sample(WORDS, 5))
        body = " ".join(draw.sample(WORDS, 12))
        rows.append({"instruction": f"Write number {n} about {topic}.", "input": "", "output": f"Here is {n}: {body}."})
    path = folder / "seeds.json"
    path.write_text(json.dumps(rows))
    return path


def make_config(folder: Path, base_url: str, **overrides: Any) -> RunConfig:
    seeds = folder / "seeds.json"
    if not seeds.exists():
        write_seeds(folder)
    plain: dict[str, Any] = {
        "seeds": str(seeds),
        "target": 8,
        "rounds": 2,
        "reviewers": 2,
        "models": [{"name": n, "base_url": base_url, "model": n} for n in NAMES],
        "embeddings": {"base_url": base_url, "model": NAMES[0]},
        "gate": {"type": "seeds", "exam": 8},
        "verifiers": [],  # what these models write is about nothing
        "engine": {"retries": 1},
    }
    if "type" in overrides.get("gate", {}):
        plain.pop("gate")
    merged = merge(plain, overrides)
    path = folder / "config.yaml"
    path.write_text(json.dumps(merged))  # JSON is YAML
    return load_config(path)


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(below)
    for key, value in above.items():
        out[key] = merge(out[key], value) if isinstance(value, Mapping) and isinstance(out.get(key), dict) else value
    return out
