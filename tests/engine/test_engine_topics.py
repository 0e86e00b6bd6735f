"""Runs by quota, from documents and without seeds: shares are met by what is accepted, and nothing depends on speed."""

import asyncio
import random
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fake_pool import NAMES, fake_models, judge_for, make_config, respond
from test_engine_crash import start
from test_engine_run import dataset, run, samples_of

from gra.config.load import RunConfig
from gra.errors import StoreError
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.store.verify import verify
from gra.testing.fake_answers import FakeModel, prompt_of
from gra.testing.fake_server import FakeServer

TAXONOMY = [
    {
        "name": "Land",
        "share": 3,
        "domains": [
            {"name": "Hills", "description": "high ground"},
            {"name": "Fens", "description": "wet ground"},
        ],
    },
    {"name": "Sea", "share": 1, "description": "salt water"},
]
PAPER = {"type": "paper", "tau": 5.0}


def spoiling(word: str, share: float) -> list[FakeModel]:
    """Models whose keywords cannot be used in a share of the cases where the prompt's last turn has this word."""

    def write(body: dict[str, Any]) -> str | None:
        text = prompt_of(body)
        spoilt = "response_format" in body and word in text and random.Random(text + str(body["seed"])).random() < share
        return "no JSON" if spoilt else respond(body)

    return [FakeModel(n, judge=judge_for(n), respond=write) for n in NAMES]


def bare(folder: Path, base_url: str, **changes: Any) -> RunConfig:
    """A run without seeds."""
    return make_config(
        folder, base_url, **{"seeds": None, "gate": PAPER, "domains": TAXONOMY, "target": 12, "rounds": 2, **changes}
    )


def write_documents(folder: Path, count: int = 9) -> Path:
    documents = folder / "documents"
    documents.mkdir(exist_ok=True)
    for n in range(count):
        (documents / f"{n}.md").write_text(f"# Number {n}\n\n" + " ".join(f"word{n}x{k}" for k in range(20)) + ".\n")
    return documents


async def test_without_seeds_a_run_is_made_from_the_taxonomy(tmp_path: Path) -> None:
    async with FakeServer(fake_models()) as server:
        ending = await run(bare(tmp_path, server.base_url), tmp_path / "run")
    assert (ending.accepted, ending.statement) == (12, "")
    made = dataset(tmp_path / "run")
    assert Counter(s.domain for s in made) == {"Land/Hills": 5, "Land/Fens": 4, "Sea": 3}
    assert not any(s.examples for s in made if s.round == 1), "there is nothing to learn from"
    assert any(s.examples for s in made if s.round == 2), "and then there is"
    with Reader(open_run(tmp_path / "run")) as reader:
        prompts = {c.prompt.partition("@")[0] for s in made if s.round == 1 for c in reader.calls_of(s.id)}
    assert {"keywords_first", "instruction_first", "response"} <= prompts
    assert verify(open_run(tmp_path / "run")) == []


async def test_a_domain_that_often_fails_gets_more_candidates_and_its_share(tmp_path: Path) -> None:
    async with FakeServer(spoiling("wet ground", 0.7)) as server:
        assert (await run(bare(tmp_path, server.base_url), tmp_path / "run")).complete
    candidates = Counter(s.domain for s in samples_of(tmp_path / "run"))
    assert Counter(s.domain for s in dataset(tmp_path / "run")) == {"Land/Hills": 5, "Land/Fens": 4, "Sea": 3}
    assert candidates["Land/Fens"] > candidates["Land/Hills"], "fewer are asked for, and more are needed"


async def test_uniform_allocation_shares_equally_and_the_seeds_may_be_anything(tmp_path: Path) -> None:
    async with FakeServer(fake_models()) as server:
        config = make_config(tmp_path, server.base_url, domains=TAXONOMY, allocation="uniform", target=9)
        assert (await run(config, tmp_path / "run")).complete
    assert Counter(s.domain for s in dataset(tmp_path / "run")) == {"Land/Hills": 3, "Land/Fens": 3, "Sea": 3}


@pytest.mark.parametrize("concurrency", [1, 3, 256])
async def test_quotas_are_met_by_the_same_samples_at_any_concurrency(tmp_path: Path, concurrency: int) -> None:
    write_documents(tmp_path)
    async with FakeServer(spoiling("wet ground", 0.6), latency_s=0.002, spread=1.0) as server:
        await run(bare(tmp_path, server.base_url, documents="documents"), tmp_path / "base")
        engine = {"concurrency": concurrency, "retries": 1}
        await run(bare(tmp_path, server.base_url, documents="documents", engine=engine), tmp_path / "other")
    assert dataset(tmp_path / "base") == dataset(tmp_path / "other")
    assert len(dataset(tmp_path / "base")) == 12


async def test_quotas_survive_kills(tmp_path: Path) -> None:
    draw = random.Random(3)
    write_documents(tmp_path)
    async with FakeServer(spoiling("wet ground", 0.6), latency_s=0.003) as server:
        config = bare(tmp_path, server.base_url, documents="documents", engine={"concurrency": 8})
        await run(config, tmp_path / "undisturbed")
        calls = sum(server.requests.values())
        kills = 0
        while kills < 12:
            child = await start(tmp_path)
            moment = sum(server.requests.values()) + draw.randint(1, calls // 4)
            while child.returncode is None and sum(server.requests.values()) < moment:
                await asyncio.sleep(0.002)
            if child.returncode is not None:
                break
            child.send_signal(signal.SIGKILL)
            await child.wait()
            kills += 1
        assert kills > 2
        assert (await run(config, tmp_path / "run")).complete
    assert dataset(tmp_path / "run") == dataset(tmp_path / "undisturbed")


async def test_a_domain_that_cannot_be_filled_is_named_with_what_it_reached(tmp_path: Path) -> None:
    async with FakeServer(spoiling("salt water", 1.0)) as server:
        config = bare(tmp_path, server.base_url, rounds=1, budget={"candidates_per_accepted": 4})
        ending = await run(config, tmp_path / "run")
    assert not ending.complete
    assert "not filled: Sea 0 of 3" in ending.statement
    candidates = Counter(s.domain for s in samples_of(tmp_path / "run"))
    assert candidates["Sea"] == 3 * 4, "as many as its share of the budget"
    assert Counter(s.domain for s in dataset(tmp_path / "run")) == {"Land/Hills": 5, "Land/Fens": 4}


async def test_a_short_round_goes_on_with_a_larger_budget_to_the_same_end(tmp_path: Path) -> None:
    async with FakeServer(spoiling("wet ground", 0.6)) as server:
        await run(bare(tmp_path, server.base_url), tmp_path / "undisturbed")
        short = bare(tmp_path, server.base_url, budget={"candidates_per_accepted": 1.5})
        assert not (await run(short, tmp_path / "run")).complete
        assert (await run(bare(tmp_path, server.base_url), tmp_path / "run")).complete
    assert dataset(tmp_path / "run") == dataset(tmp_path / "undisturbed")


# --- documents --------------------------------------------------------------------------------------------------------


async def test_each_sample_says_which_passage_it_is_from_and_none_is_used_twice_before_all_are(tmp_path: Path) -> None:
    documents = write_documents(tmp_path, 40)
    async with FakeServer(fake_models()) as server:
        config = make_config(tmp_path, server.base_url, documents=str(documents))
        assert (await run(config, tmp_path / "run")).complete
    made = dataset(tmp_path / "run")
    sources = [s.source for s in made]
    assert len(set(sources)) == len(sources)
    assert all((documents / source.partition(":")[0]).exists() for source in sources)
    with Reader(open_run(tmp_path / "run")) as reader:
        for sample in made:
            word = f"word{sample.source.partition('.')[0]}x7"
            asked = {c.call.step: "".join(m.content for m in c.request.messages) for c in reader.calls_of(sample.id)}
            assert all(word in asked[step] for step in ("keywords", "instruction", "v0.response"))
            assert not any(word in text for step, text in asked.items() if ".review." in step), "judges stay blind"


async def test_an_instruction_that_speaks_of_the_passage_gets_a_repair_turn_and_is_then_given_up(
    tmp_path: Path,
) -> None:
    def write(body: dict[str, Any]) -> str | None:
        if prompt_of(body).count("Write an exercise about") and "cannot be used" not in prompt_of(body):
            return "According to the passage, what is it?"
        return respond(body)

    write_documents(tmp_path)
    async with FakeServer([FakeModel(n, judge=judge_for(n), respond=write) for n in NAMES]) as server:
        assert (await run(bare(tmp_path, server.base_url, documents="documents", target=4), tmp_path / "run")).complete
    with Reader(open_run(tmp_path / "run")) as reader:
        for sample in dataset(tmp_path / "run"):
            turns = [c for c in reader.calls_of(sample.id) if c.call.step == "instruction"]
            assert [c.call.attempt for c in turns] == [0, 1]
            assert "a text that the reader does not have" in turns[1].request.messages[-1].content


async def test_other_documents_are_another_run(tmp_path: Path) -> None:
    documents = write_documents(tmp_path)
    async with FakeServer(fake_models()) as server:
        config = bare(tmp_path, server.base_url, documents="documents", target=2)
        await run(config, tmp_path / "run")
        (documents / "0.md").write_text(
            "Something else, of some eighty characters, is written in this document by now."
        )
        with pytest.raises(StoreError, match="begun with other documents"):
            await run(config, tmp_path / "run")
