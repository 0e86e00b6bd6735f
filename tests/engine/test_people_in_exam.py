"""What people said of an earlier run's samples, in the exam of the next."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from fake_pool import fake_models, make_config

from gra.config.load import load_config
from gra.engine.material import read_material
from gra.engine.run import synthesise
from gra.errors import SeedError, StoreError
from gra.records import Sample
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.store.verdicts import put_verdict, verdicts_file
from gra.testing.fake_server import FakeServer


def answered(folder: Path) -> list[Sample]:
    with Reader(open_run(folder)) as reader:
        return [sample for sample in reader.iter_samples() if sample.response]


async def test_verdicts_on_an_earlier_run_are_answers_of_the_next_ones_exam(tmp_path: Path) -> None:
    async with FakeServer(fake_models()) as server:
        first = make_config(tmp_path, server.base_url, target=4, rounds=1)
        await asyncio.wait_for(synthesise(first, tmp_path / "first"), 120)
        run, samples = open_run(tmp_path / "first"), answered(tmp_path / "first")
        config = make_config(tmp_path, server.base_url, target=2, rounds=1, exam={"people": [str(tmp_path / "first")]})
        with pytest.raises(SeedError, match=r"nobody has judged a response of .*first yet. `gra view"):
            await synthesise(config, tmp_path / "next")
        for number, sample in enumerate(samples[:4]):
            put_verdict(run, sample, accept=number < 3)
        put_verdict(run, samples[2], accept=None)
        await asyncio.wait_for(synthesise(config, tmp_path / "next"), 120)
        with Reader(open_run(tmp_path / "next")) as reader:
            (pair,) = reader.fact("labelled")
            asked = [row for row in reader.fact("exam") if row["stage"] == "response"]
        good, bad = samples[0], samples[3]
        assert (pair["good"], pair["bad"]) == (good.response, bad.response), "one taken back says nothing"
        domain = good.domain if bad.domain == good.domain else ""
        assert (pair["domain"], pair["good_author"]) == (domain, good.cast.generator)
        assert asked
        # The people go on to judge, and the next run goes on by what it was begun with.
        put_verdict(run, samples[3], accept=True)
        ending = await asyncio.wait_for(synthesise(config, tmp_path / "next"), 120)
        assert ending.complete
        for people in ([tmp_path / "second"], [tmp_path / "next"], []):
            other = make_config(tmp_path, server.base_url, target=2, rounds=1, exam={"people": list(map(str, people))})
            with pytest.raises((SeedError, StoreError)):
                await synthesise(other, tmp_path / "next")
        with pytest.raises(SeedError, match=r"first: all answers there are right; both are needed"):
            await synthesise(config, tmp_path / "another")


def test_what_is_no_run_is_told(tmp_path: Path) -> None:
    config = make_config(tmp_path, "http://127.0.0.1:1/v1", exam={"people": [str(tmp_path / "nowhere")]})
    with pytest.raises(StoreError, match="nowhere"):
        read_material(config.synthesis)


async def test_a_verdict_on_a_text_that_is_not_there_any_more_says_nothing(tmp_path: Path) -> None:
    async with FakeServer(fake_models()) as server:
        config = make_config(tmp_path, server.base_url, target=2, rounds=1)
        await asyncio.wait_for(synthesise(config, tmp_path / "first"), 120)
    run, sample = open_run(tmp_path / "first"), answered(tmp_path / "first")[0]
    put_verdict(run, sample, accept=True)
    said = verdicts_file(run).read_text()
    verdicts_file(run).write_text(said.replace("sha256:", "sha256:0"))
    again = make_config(tmp_path, server.base_url, exam={"people": [str(run.path)]})
    with pytest.raises(SeedError, match="nobody has judged"):
        read_material(again.synthesis)


def test_folders_are_relative_to_the_configuration(tmp_path: Path) -> None:
    written = tmp_path / "gra.yaml"
    written.write_text(
        "models: [{name: a, base_url: http://localhost:1/v1, model: a}]\ntarget: 1\n"
        "casting: {policy: single, model: a}\nseeds: seeds.jsonl\nexam: {people: [runs/first]}\n"
    )
    loaded = load_config(written)
    assert loaded.synthesis.exam is not None
    assert loaded.synthesis.exam.people == (tmp_path / "runs" / "first",)
