"""Figures of a round are on record once it is closed, whatever happened in between."""

import asyncio
import re
from pathlib import Path

import pytest
from fake_pool import fake_models, make_config
from typer.testing import CliRunner

from gra.cli.app import app
from gra.config.synthesis import CalibratedGate
from gra.engine.opening import prospect
from gra.engine.run import synthesise
from gra.export import Wanted, write_folder
from gra.report.bench import reviewers_of
from gra.report.card import card_of
from gra.report.glance import glance_of
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.store.verdicts import put_verdict
from gra.store.writer import Writer
from gra.synthesis.calibrated import CalibratedRule
from gra.synthesis.figures import FACT
from gra.synthesis.standing import Standing
from gra.testing.fake_server import FakeServer


async def test_every_closed_round_has_its_figures_and_an_export_takes_them(tmp_path: Path) -> None:
    folder, gate = tmp_path / "run", {"type": "calibrated", "exam": 8, "keep_precision": 0.7}
    async with FakeServer(fake_models()) as server:
        config = make_config(tmp_path, server.base_url, target=6, rounds=2, gate=gate)
        await asyncio.wait_for(synthesise(config, folder), 120)
        run = open_run(folder)
        with Reader(run) as reader:
            stored, rounds = reader.fact(FACT), reader.rounds()
        assert {number: (row["accepted"], row["samples"]) for number, row in stored.items()} == {
            str(r.number): (r.accepted, r.candidates) for r in rounds
        }
        async with Writer(run) as writer:  # as a crash between two transactions leaves it, or an older gra
            await writer.put_fact(FACT, {"1": stored["1"] | {"samples": 0}})
        asked = server.requests.total()
        await synthesise(config, folder)
        assert server.requests.total() == asked
    with Reader(run) as reader:
        assert reader.fact(FACT) == stored
        glance, whole = glance_of(reader, 1), reviewers_of(reader)
        kept = glance.figures.kept()
        assert glance.rounds == 2 and kept and kept.low is not None and kept.accepted == 6
        assert whole.kept and whole.kept.accepted == 6 and whole.kept.low is not None
        assert {row["by"] for row in stored["1"]["agreement"]} == {"all", "criterion", "domain"}
        first, second = [s for s in reader.iter_samples() if s.status == "accepted"][:2]
        put_verdict(run, first, True)
        put_verdict(run, second, False)
        exported = write_folder([reader], Wanted(("datasets",)), tmp_path / "out", None, card_of)
    quality = exported.manifest["quality"]
    card = (exported.path / "README.md").read_text("utf-8")
    assert "Of the 5 rows with a probability, an estimated" in card and "People have judged 2 samples" in card
    assert "Krippendorff's alpha of the reviewers' scores of" in card
    told = CliRunner().invoke(app, ["status", str(folder)], env={"COLUMNS": "250"}).stdout
    assert "of 2 closed rounds" in told and re.search(r"6 accepted samples an estimated \d+% is good \(95% int", told)
    assert quality["estimated"]["rows"] == 5 and quality["estimated"]["low"] <= quality["estimated"]["precision"]
    assert quality["people"]["samples"] == 2 and quality["people"]["precision"] == 0.5
    assert quality["people"]["foretold"] == (first.score + second.score) / 20


@pytest.mark.parametrize(
    ("asked", "words"),
    [(0.7, r"keep \d+% \(\d+% to \d+%\) of good and \d+% \("), (0.5, "asks for no more than `good_share: 0.5`")],
)
def test_what_an_exam_promises_is_told_with_its_doubt(asked: float, words: str) -> None:
    good, broken = (1.0, 0.4, 1.2, 0.9, 0.7, 1.1, 0.2, 0.8), (-0.9, 0.1, -1.0, -0.4, 0.3, -0.7, -1.2, -0.2)
    standing = Standing("a", "response", good, broken)
    gate = CalibratedRule(CalibratedGate(keep_precision=asked), {("a", "response"): standing})
    assert re.search(words, prospect(gate))
