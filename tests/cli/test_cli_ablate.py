"""`gra ablate` against fake models over real HTTP: what is shared, what is resumed, what is shown."""

import asyncio
import json
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_builders import HOSTILE, config_file
from typer.testing import Result

from gra.cli.scores import read_scores
from gra.engine.ablation import VARIANTS
from gra.errors import ConfigError
from gra.testing.fake_answers import FakeModel
from gra.testing.fake_server import FakeServer

pytest_plugins = ["cli_fixtures"]
Gra = Callable[..., Result]
NAMES = ("writer", "one", "two", "judge")
STRICT: dict[str, Any] = {
    "target": 4,
    "rounds": 2,
    "gate": {"type": "paper", "tau": 6.5, "sigma_max": 1.0},
    "generation": {"max_tokens": 60},
    "budget": {"candidates_per_accepted": 40},
    # One candidate at a time: what runs ahead of a full round is asked for or not as time will have it.
    "engine": {"retries": 0, "concurrency": 1},
}
PROBES = ("Hello! How are you?", "Is water wet? Answer Yes or No.")


def judging(name: str) -> Callable[[dict[str, Any]], float]:
    """Each model has doubts of its own, so that some samples are disputed and some rejected."""

    def judge(body: dict[str, Any]) -> float:
        matter = body["messages"][-1]["content"].split("Question:")[0]
        return min(0.98, max(0.02, random.Random(name + matter).gauss(0.7, 0.2)))

    return judge


@pytest.fixture
def server() -> Iterator[FakeServer]:
    fake, loop = FakeServer([FakeModel(n, judge=judging(n)) for n in NAMES]), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(fake.__aenter__(), loop).result(10)
    yield fake
    asyncio.run_coroutine_threadsafe(fake.__aexit__(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def questions(server: FakeServer) -> Counter[str]:
    """What the models were asked, without embeddings and without what every start asks of a server."""
    chats = [body for body in server.bodies if "messages" in body]
    return Counter(json.dumps(b, sort_keys=True) for b in chats if b["messages"][-1]["content"] not in PROBES)


def variants_of(done: Result) -> dict[str, dict[str, Any]]:
    assert done.exit_code == 0, done.stderr
    return {row["variant"]: row for row in json.loads(done.stdout)["variants"]}


def test_what_variants_have_in_common_is_asked_once(gra: Gra, server: FakeServer, tmp_path: Path) -> None:
    config = config_file(tmp_path, server.base_url, **STRICT)
    found = variants_of(gra("ablate", config, "--out", tmp_path / "out", "--json"))
    assert list(found) == list(VARIANTS)
    asked = questions(server)
    assert asked.total() == sum(row["calls"] - row["shared"] for row in found.values())
    assert found["full"]["shared"] == 0
    for name in ("no_review", "one_reviewer", "majority", "no_adjudication", "no_revision"):
        assert 0 < found[name]["shared"] <= found[name]["calls"], name
    assert all(row["accepted"] == row["target"] == 4 for row in found.values())
    assert (found["no_review"]["yield"], found["no_review"]["agreement"]) == (1.0, None)
    assert found["full"]["disputes"] > 0 and 0 < found["full"]["agreement"] < 1

    again = variants_of(gra("ablate", config, "--out", tmp_path / "out", "--json"))
    assert again == found
    assert questions(server) == asked, "what is finished asks nothing"


@pytest.mark.parametrize(
    ("variant", "settings"),
    [
        ("majority", ["adjudication=majority"]),
        ("single_model", ["casting.policy=single", "casting.model=writer"]),
        ("no_review", ["review=none"]),
    ],
)
def test_a_variant_alone_makes_the_same_dataset(
    gra: Gra, server: FakeServer, tmp_path: Path, variant: str, settings: list[str]
) -> None:
    config, out, alone = config_file(tmp_path, server.base_url, **STRICT), tmp_path / "out", tmp_path / "alone"
    beside = variants_of(gra("ablate", config, "--out", out, "--variants", f"full,{variant}", "--json"))[variant]
    done = gra("run", config, "--out", alone, *(word for setting in settings for word in ("--set", setting)))
    assert done.exit_code == 0, done.stderr
    dataset = "export/messages.jsonl"
    assert (out / variant / dataset).read_bytes() == (alone / dataset).read_bytes()
    assert gra("verify", out / variant).exit_code == 0, "what was shared is on record like the rest"
    spent = json.loads(gra("status", alone, "--json").stdout)["calls"]["all"]
    assert spent["calls"] == beside["calls"], "each run is complete in itself"
    assert spent["prompt_tokens"] + spent["completion_tokens"] == beside["tokens"]


def test_a_variant_that_falls_short_says_so_and_the_others_go_on(gra: Gra, server: FakeServer, tmp_path: Path) -> None:
    strict = {**STRICT, "gate": {"type": "paper", "tau": 9.9}, "budget": {"candidates_per_accepted": 1}}
    config, out = config_file(tmp_path, server.base_url, **strict), tmp_path / "out"
    done = gra("ablate", config, "--out", out, "--variants", "no_review,full", columns=200)
    assert done.exit_code == 0, done.stderr
    assert "full is short of its target: the yield is too low" in done.stdout
    assert "4/4" in done.stdout and "0/4" in done.stdout
    asked = len(server.bodies)
    assert gra("ablate", config, "--out", out, "--variants", "no_review,full").exit_code == 0
    assert len(server.bodies) == asked, "it ended in good order, and nothing was changed"
    more = gra("ablate", config, "--out", out, "--variants", "full", "--set", "budget.candidates_per_accepted=2")
    assert more.exit_code == 0 and len(server.bodies) > asked, "with a larger budget it goes on"


def knowing(body: dict[str, Any]) -> float:
    """Says yes to what is as the seeds are: one number, and the end that they all have."""
    matter = body["messages"][-1]["content"].split("Question:")[0].strip()
    whole = len(set(re.findall(r"number (\d+)", matter))) == 1 and matter.endswith("in words.")
    return random.Random(matter).gauss(0.85 if whole else 0.15, 0.04)


def test_a_variant_that_nobody_can_judge_does_not_stop_the_others(gra: Gra, server: FakeServer, tmp_path: Path) -> None:
    server.models |= {name: FakeModel(name, judge=knowing) for name in NAMES}
    server.models["writer"] = FakeModel("writer", judge=lambda body: 0.5)
    seeds = {**STRICT, "gate": {"type": "seeds", "exam": 8}, "budget": {"candidates_per_accepted": 1}}
    config, out = config_file(tmp_path, server.base_url, **seeds), tmp_path / "out"
    done = gra("ablate", config, "--out", out, "--variants", "single_model,no_review", columns=300)
    assert done.exit_code == 0, done.stderr
    assert "single_model is short of its target: No reviewer can tell the seeds' responses" in done.stdout
    assert "4/4" in done.stdout, "the other variant"
    alone = gra("ablate", config, "--out", out, "--variants", "single_model")
    assert alone.exit_code == 2 and "No reviewer can tell" in alone.stderr
    able = gra("ablate", config, "--out", tmp_path / "able", "--variants", "single_model", "--model", "one")
    assert able.exit_code == 0 and "No reviewer" not in able.stderr


def test_the_same_command_goes_on_after_ctrl_c(gra: Gra, server: FakeServer, tmp_path: Path) -> None:
    config, out = config_file(tmp_path, server.base_url, **STRICT), tmp_path / "out"
    arguments = ["ablate", str(config), "--out", str(out), "--variants", "full,majority"]
    command = [sys.executable, "-c", "from gra.cli.app import main; main()", *arguments]
    server.next_faults.extend([*["ok"] * 150, "stall"])  # in the middle of the first variant
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while server.next_faults and child.poll() is None:
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    try:
        _, said = child.communicate(timeout=60)
    finally:
        child.kill()  # it hangs on the stalled call for ever if it was not stopped
    assert child.returncode == 130, said
    assert "the same command goes on" in said and "Traceback" not in said
    found = variants_of(gra(*arguments, "--json"))
    assert all(row["accepted"] == 4 for row in found.values())
    repeated = questions(server).total() - sum(row["calls"] - row["shared"] for row in found.values())
    assert 0 <= repeated <= 2 * len(NAMES), "at most what was under way when it was stopped is asked again"


def test_scores_are_shown_beside(gra: Gra, server: FakeServer, tmp_path: Path) -> None:
    config, scores = config_file(tmp_path, server.base_url, **STRICT), tmp_path / "scores.csv"
    scores.write_text("variant,gsm8k,math\nfull,70.28,\nno_review,51.25,17.2\n")
    arguments = ("ablate", config, "--out", tmp_path / "out", "--variants", "full,no_review", "--scores", scores)
    done = gra(*arguments, columns=120)
    assert done.exit_code == 0, done.stderr
    cells = [line.split() for line in done.stdout.splitlines()]
    assert ["variant", "gsm8k", "math"] in cells
    assert ["full", "70.28", "-"] in cells and ["no_review", "51.25", "17.2"] in cells
    found = variants_of(gra(*arguments, "--json"))
    assert found["full"]["scores"] == {"gsm8k": 70.28}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--variants", "all"], "there is no variant `all`; there are: full, single_model"),
        (["--variants", "no_revision", "--set", "max_revisions=0"], "`no_revision` changes nothing"),
        (["--model", "nobody"], "`nobody` is none of the `models`"),
        (["--scores", "nowhere.json"], "cannot read the scores in nowhere.json"),
    ],
)
def test_a_mistake_is_said_before_anything_is_asked(gra: Gra, tmp_path: Path, arguments: list[str], said: str) -> None:
    done = gra("ablate", config_file(tmp_path), "--out", tmp_path / "out", *arguments)
    assert done.exit_code == 2 and said in done.stderr
    assert not (tmp_path / "out").exists()


# --- scores -----------------------------------------------------------------------------------------------------------


def test_both_forms_of_scores_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"full": {"gsm8k": 70.5, "math": 33}, "majority": {"gsm8k": "69"}}')
    (tmp_path / "b.csv").write_text("\ufeffvariant,gsm8k,math\r\nfull,70.5,33\r\n\r\nmajority,69,\r\n")
    expected = {"full": {"gsm8k": 70.5, "math": 33.0}, "majority": {"gsm8k": 69.0}}
    assert read_scores(tmp_path / "a.json", ("full", "majority")) == expected
    assert read_scores(tmp_path / "b.csv", ("full", "majority")) == expected


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("s.json", "", "holds no scores"),
        ("s.json", "[1, 2]", "holds no scores"),
        ("s.json", '{"full": 3}', "holds no scores"),
        ("s.json", '{"full": {"a": true}}', "the score of a is no number"),
        ("s.json", '{"full": {"a": NaN}}', "the score of a is no number"),
        ("s.json", '{"fool": {"a": 1}}', "has scores of `fool`; the variants are full"),
        ("s.json", "[" * 100_000, "holds no scores"),
        ("s.json", " " * 1_000_001, "larger than 1,000,000 bytes"),
        ("s.csv", "", "its first line must name"),
        ("s.csv", "variant,a,a\nfull,1,2\n", "its first line must name"),
        ("s.csv", "variant,a\nfull,1,2\n", "line 2 has 3 cells of 2"),
        ("s.csv", "variant,a\nfull,1\nfull,2\n", "second time"),
        ("s.csv", "variant,a\nfull,good\n", "could not convert"),
        ("s.csv", 'variant,a\nfull,"1', "holds no scores"),
    ],
)
def test_what_are_no_scores_is_said(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_scores(tmp_path / name, ("full",))
    assert said in str(caught.value)


def test_names_of_benchmarks_do_no_harm(gra: Gra, server: FakeServer, tmp_path: Path) -> None:
    config, scores = config_file(tmp_path, server.base_url, **STRICT), tmp_path / "scores.json"
    scores.write_text(json.dumps({"no_review": {HOSTILE: 1.0}}))
    done = gra("ablate", config, "--out", tmp_path / "out", "--variants", "no_review", "--scores", scores)
    assert done.exit_code == 0
    assert not [mark for mark in ("\x1b", "\x07", "\x9b", "\u202e") if mark in done.stdout]
