"""What a run takes in energy: what is measured, what is estimated, and what a budget of it does."""

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from fake_pool import NAMES, fake_models, make_config
from fake_powercap import FakePowercap, laptop
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from test_engine_crash import SMALL

from gra.calls import Usage
from gra.cli.views.run_report import energy as energy_lines
from gra.config.fingerprint import fingerprint
from gra.config.load import RunConfig
from gra.config.models import Joules
from gra.engine import metering
from gra.engine.energy import JOULES_PER_WH, PER_FLOP, Consumed, estimate, joules, place_of, told, watt_hours
from gra.engine.metering import Energy, meters_for
from gra.engine.replay import replay
from gra.engine.run import Ending, synthesise
from gra.errors import ConfigError
from gra.events import CallAnswered, Event, Forecast, Listener, Notice, ignore
from gra.meters import powercap
from gra.meters.meter import Found
from gra.records import Sample, Status
from gra.report.opening import config_of
from gra.report.survey import Report, report_on
from gra.store.reader import Reader
from gra.store.rows import Attempt
from gra.store.run_dir import open_run
from gra.store.verify import verify
from gra.testing.fake_server import FakeServer

NOWHERE = "http://127.0.0.1:9/v1"
REMOTE = "http://models.example.org/v1"
JOULES = {"prompt": 0.5, "completion": 4.0}
CALL_J = 36.0
"""What the processor takes for every call, where a test turns its counter."""


def sized(base_url: str, **more: Any) -> list[dict[str, Any]]:
    return [{"name": n, "base_url": base_url, "model": n, "parameters": 1e9, **more} for n in NAMES]


# --- without a run ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "place"),
    [
        ({"catalogue": "smollm2-135m-instruct"}, "embedded"),
        ({"base_url": "http://localhost:8000/v1"}, "loopback"),
        ({"base_url": "http://127.0.0.2/v1"}, "loopback"),
        ({"base_url": "http://[::1]:8000/v1"}, "loopback"),
        ({"base_url": REMOTE}, "elsewhere"),
        ({"base_url": "http://10.0.0.7/v1"}, "elsewhere"),
        ({"backend": {"use": "own.py:Own"}}, "elsewhere"),
        ({"base_url": "http://localhost:8000/v1", "joules": JOULES}, "elsewhere"),
    ],
)
def test_where_a_model_works_follows_from_its_configuration(model: dict[str, Any], place: str) -> None:
    assert place_of(model) == place


def test_a_token_takes_what_the_user_says_or_two_operations_for_each_parameter() -> None:
    known = joules(
        [
            {"name": "own", "catalogue": "smollm2-135m-instruct"},
            {"name": "api", "base_url": REMOTE, "parameters": 7e9},
            {"name": "said", "base_url": REMOTE, "joules": JOULES},
            {"name": "dark", "base_url": REMOTE},
        ]
    )
    assert known["api"].completion == pytest.approx(2 * 7e9 * PER_FLOP["elsewhere"]) == known["api"].prompt
    assert known["own"].prompt == pytest.approx(2 * 134_515_008 * PER_FLOP["embedded"], rel=0.01)
    assert known["said"] == Joules(**JOULES)
    assert "dark" not in known


@given(st.integers(0, 10**9), st.floats(0, 1), st.integers(0, 10**9))
def test_cached_tokens_take_nothing(prompt: int, share: float, completion: int) -> None:
    cached = int(prompt * share)
    taken = estimate(Joules(**JOULES), prompt, cached, completion)
    assert taken == pytest.approx(0.5 * (prompt - cached) + 4.0 * completion)


ATTEMPTS = st.builds(
    Attempt,
    number=st.integers(1, 99),
    begun_at=st.just(""),
    seconds=st.floats(0, 1e6),
    measured=st.dictionaries(st.sampled_from(["package-0", "GPU 0"]), st.floats(0, 1e9)),
    estimated=st.dictionaries(st.sampled_from(NAMES), st.floats(0, 1e9)),
    unknown=st.lists(st.sampled_from(NAMES)).map(tuple),
)


@given(st.lists(ATTEMPTS, max_size=6), st.integers(0, 6))
def test_attempts_add_up_however_they_are_divided(attempts: list[Attempt], cut: int) -> None:
    whole = Consumed.over(attempts)
    after = Consumed.over(attempts[:cut])
    for attempt in attempts[cut:]:
        after = after.plus(attempt)
    assert after == whole
    assert whole.measured_wh * JOULES_PER_WH == pytest.approx(sum(sum(a.measured.values()) for a in attempts))
    assert whole.estimated_wh * JOULES_PER_WH == pytest.approx(sum(sum(a.estimated.values()) for a in attempts))
    assert whole.wh == whole.measured_wh + whole.estimated_wh
    assert set(whole.unknown) == {name for a in attempts for name in a.unknown}


def test_measured_and_estimated_are_never_told_as_one() -> None:
    both = Consumed({"GPU 0": 3600.0}, {"ada": 7200.0})
    assert told(both) == "1 Wh measured, 2 Wh estimated" and both.kind == "measured and estimated together"
    assert told(replace(both, measured={})) == "2 Wh estimated" and replace(both, measured={}).kind == "estimated"
    assert told(replace(both, estimated={})) == "1 Wh measured" and replace(both, estimated={}).kind == "measured"
    assert told(Consumed()) == "nothing yet"
    assert [watt_hours(wh) for wh in (0.0123, 12.34, 4321.0)] == ["0.0123 Wh", "12.3 Wh", "4.32 kWh"]


def test_what_a_meter_covers_is_not_estimated_and_what_it_does_not_is(tmp_path: Path) -> None:
    processor = powercap.open_processor(laptop(tmp_path / "powercap").root).meter
    places: dict[str, Any] = {"ada": "embedded", "bob": "loopback", "cyd": "elsewhere"}
    each = dict.fromkeys(places, Joules(**JOULES))
    call = Usage(prompt_tokens=100, cached_tokens=20, completion_tokens=10)

    def estimated(energy: Energy) -> set[str]:
        for name in places:
            energy.count(name, call)
        return set(energy.estimated)

    assert estimated(Energy(each=each, places=places)) == {"ada", "bob", "cyd"}
    assert estimated(Energy(processor=processor, each=each, places=places)) == {"cyd"}
    unseen = Energy(processor=processor, unread_gpus=True, each=each, places=places)
    assert estimated(unseen) == {"bob", "cyd"}, "there are GPUs on which it may work"
    assert unseen.estimated["cyd"] == pytest.approx(80 * 0.5 + 10 * 4)
    assert estimated(Energy(gpus=processor, each=each, places=places)) == {"ada", "cyd"}


def test_meters_are_opened_only_where_a_model_may_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def opens(name: str) -> Callable[[], Found]:
        def open_meter() -> Found:
            opened.append(name)
            return Found()

        return open_meter

    monkeypatch.setattr(metering, "open_processor", opens("processor"))
    monkeypatch.setattr(metering, "open_gpus", opens("gpus"))

    def of(models: str, embeddings: dict[str, str]) -> list[str]:
        opened.clear()
        config = make_config(tmp_path, models, models=sized(models)).synthesis
        plain = config.model_dump() | {"embeddings": embeddings}
        meters_for(type(config).model_validate(plain))
        return list(opened)

    assert of(NOWHERE, {"base_url": NOWHERE}) == ["processor", "gpus"]
    assert of(REMOTE, {"base_url": REMOTE}) == []
    assert of(REMOTE, {"catalogue": "all-minilm-l6-v2"}) == ["processor"]


async def test_a_budget_of_energy_needs_the_size_of_every_model(tmp_path: Path) -> None:
    models = sized(NOWHERE)
    del models[2]["parameters"]
    config = make_config(tmp_path, NOWHERE, models=models, budget={"energy_wh": 1.0})
    with pytest.raises(ConfigError, match=r"`budget.energy_wh` cannot be reckoned: nobody says how large `cyd` is"):
        await synthesise(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_things_take_is_not_what_the_data_are(tmp_path: Path) -> None:
    def of(config: RunConfig) -> str:
        return fingerprint(config.synthesis, seeds_digest="", models=dict.fromkeys(NAMES, ""), prompts_digest="")

    plain = make_config(tmp_path, NOWHERE)
    told = make_config(tmp_path, NOWHERE, models=sized(NOWHERE, joules=JOULES), budget={"energy_wh": 3.0})
    assert of(plain) == of(told)


# --- runs -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePowercap]:
    """The counters of this machine, read often."""
    made = laptop(tmp_path / "powercap")
    monkeypatch.setenv("GRA_POWERCAP", str(made.root))
    monkeypatch.setattr(metering, "READ_S", 0.001)
    yield made


@dataclass
class Working:
    """The processor takes something for every call that is not in the ledger."""

    tree: FakePowercap
    also: Listener = ignore
    taken: float = 0.0

    def __call__(self, event: Event) -> None:
        if isinstance(event, CallAnswered) and not event.replayed:
            self.tree.turn("intel-rapl:0", CALL_J)
            self.taken += CALL_J
        self.also(event)


def report_of(folder: Path) -> Report:
    assert verify(open_run(folder)) == []
    with Reader(open_run(folder)) as reader:
        return report_on(reader)


def accepted(folder: Path) -> list[Sample]:
    with Reader(open_run(folder)) as reader:
        return list(reader.iter_samples(Status.ACCEPTED))


def shown(report: Report) -> str:
    console = Console(width=300, file=StringIO())
    with console.capture() as capture:
        for part in energy_lines(report):
            console.print(part)
    return capture.get()


Run = Callable[..., Any]


def runner(tmp_path: Path, base_url: str) -> Run:
    async def run(folder: str, listen: Listener = ignore, **changes: Any) -> Ending:
        own = {"models": sized(base_url), "rounds": 1, **SMALL, **changes}
        return await asyncio.wait_for(
            synthesise(make_config(tmp_path, base_url, **own), tmp_path / folder, listen), 120
        )

    return run


async def test_a_budget_of_measured_energy_ends_in_good_order_and_a_larger_one_goes_on(
    tmp_path: Path, tree: FakePowercap
) -> None:
    async with FakeServer(fake_models(leniency=6.0), latency_s=0.002) as server:
        run = runner(tmp_path, server.base_url)
        work = Working(tree)
        assert (await run("whole", work)).complete
        whole = report_of(tmp_path / "whole")
        assert whole.energy.measured["package-0"] == pytest.approx(work.taken)
        assert not whole.energy.estimated, "what is measured is not estimated as well"
        assert whole.wh_per_accepted == pytest.approx(whole.energy.measured_wh / whole.accepted)
        assert "measured (package-0, package-0 dram; all work on them)" in shown(whole)
        assert "for each accepted sample (measured)" in shown(whole) and "estimated" not in shown(whole)

        limit = 0.7 * whole.energy.wh
        foretold: list[Forecast] = []

        def listen(event: Event) -> None:
            if isinstance(event, Forecast):
                foretold.append(event)

        work = Working(tree, listen)
        ending = await run("short", work, budget={"energy_wh": limit})
        assert not ending.complete
        assert ending.statement.startswith(f"the budget of {limit:g} Wh is spent (") and "measured" in ending.statement
        kept = accepted(tmp_path / "short")
        assert len(kept) == ending.accepted > 0, "what there is is a dataset"
        short = report_of(tmp_path / "short")
        assert limit <= short.energy.wh < whole.energy.wh, "no more than what was under way"
        assert foretold[-1].energy is not None and foretold[-1].energy_kind == "measured"
        assert foretold[-1].energy.low <= foretold[-1].energy.likely <= foretold[-1].energy.high

        assert (await run("short", work, budget={"energy_wh": 2 * whole.energy.wh})).complete
        again = report_of(tmp_path / "short")
    assert [a.number for a in again.attempts] == [1, 2] and again.attempts[0] == short.attempts[0]
    assert again.energy.measured["package-0"] == pytest.approx(work.taken)
    assert accepted(tmp_path / "short") == accepted(tmp_path / "whole")


async def test_without_a_meter_it_is_estimated_and_called_so_and_bounded_as_well(tmp_path: Path) -> None:
    async with FakeServer(fake_models(leniency=6.0)) as server:
        run = runner(tmp_path, server.base_url)
        assert (await run("whole")).complete
        whole = report_of(tmp_path / "whole")
        assert whole.flops is not None and not whole.energy.measured
        assert whole.energy.estimated_wh * JOULES_PER_WH == pytest.approx(whole.flops * PER_FLOP["loopback"])
        assert " estimated (ada, bob, cyd, dan, eve)" in shown(whole) and "measured" not in shown(whole)
        plain = whole.plain()["energy"]
        assert plain["estimated_wh"] == whole.energy.estimated_wh and plain["measured_wh"] == 0.0
        assert [a["number"] for a in plain["attempts"]] == [1]

        ending = await run("short", budget={"energy_wh": 0.7 * whole.energy.wh})
        assert not ending.complete and ending.accepted > 0 and "Wh estimated)" in ending.statement
        assert (await run("short", budget={"energy_wh": 2 * whole.energy.wh})).complete
    assert accepted(tmp_path / "short") == accepted(tmp_path / "whole")


async def test_a_model_behind_a_tunnel_is_estimated_beside_what_is_measured(tmp_path: Path, tree: FakePowercap) -> None:
    async with FakeServer(fake_models(leniency=6.0)) as server:
        models = sized(server.base_url)
        models[0]["joules"] = JOULES
        work = Working(tree)
        assert (await runner(tmp_path, server.base_url)("run", work, models=models)).complete
    report = report_of(tmp_path / "run")
    total = report.totals.by_model()["ada"]
    asked = estimate(Joules(**JOULES), total.prompt_tokens, total.cached_tokens, total.completion_tokens)
    assert report.energy.estimated == {"ada": pytest.approx(asked)}
    assert report.energy.measured["package-0"] == pytest.approx(work.taken), "all work on it"
    assert "(measured and estimated together)" in shown(report)


async def test_a_model_of_unknown_size_is_named_and_guessed_by_nobody(tmp_path: Path) -> None:
    async with FakeServer(fake_models(leniency=6.0)) as server:
        models = sized(server.base_url)
        del models[0]["parameters"]
        assert (await runner(tmp_path, server.base_url)("run", models=models)).complete
    report = report_of(tmp_path / "run")
    assert report.energy.unknown == ("ada",) and "ada" not in report.energy.estimated
    assert "that of ada is unknown" in shown(report)


async def test_counters_that_cannot_be_read_are_told_of_in_the_first_attempt_only(
    tmp_path: Path, tree: FakePowercap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metering, "open_processor", lambda: Found(problem="only root may read that. Do this"))
    notices: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Notice) and "root" in event.text:
            notices.append(event.text)

    async with FakeServer(fake_models(leniency=6.0)) as server:
        run = runner(tmp_path, server.base_url)
        assert not (await run("run", listen, budget={"calls": 60})).complete
        assert (await run("run", listen)).complete
    assert notices == ["only root may read that. Do this"]
    report = report_of(tmp_path / "run")
    assert len(report.attempts) == 2 and not report.energy.measured and report.energy.estimated


async def test_a_part_that_is_lost_on_the_way_is_told_of_and_the_run_goes_on(
    tmp_path: Path, tree: FakePowercap
) -> None:
    notices: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, CallAnswered) and (tree.root / "intel-rapl:0" / "energy_uj").exists():
            (tree.root / "intel-rapl:0" / "energy_uj").unlink()
        if isinstance(event, Notice) and "energy" in event.text:
            notices.append(event.text)

    async with FakeServer(fake_models(leniency=6.0)) as server:
        assert (await runner(tmp_path, server.base_url)("run", listen)).complete
    assert notices == ["the energy of package-0 cannot be read any more; what it takes meanwhile is not counted"]


async def test_a_replay_takes_nothing_and_shows_what_the_run_took(tmp_path: Path, tree: FakePowercap) -> None:
    async with FakeServer(fake_models(leniency=6.0)) as server:
        assert (await runner(tmp_path, server.base_url)("run", Working(tree))).complete
    run = open_run(tmp_path / "run")
    tree.turn("intel-rapl:0", 1e4)
    await replay(run, config_of(run), tmp_path / "again", Working(tree))
    assert report_of(tmp_path / "again").attempts == report_of(tmp_path / "run").attempts


CHILD = """
import asyncio, sys
from pathlib import Path
from gra.config.load import load_config
from gra.engine import metering
from gra.engine.run import synthesise
metering.READ_S = 0.02
asyncio.run(synthesise(load_config(Path(sys.argv[1])), Path(sys.argv[2])))
"""


async def test_a_kill_loses_no_more_than_the_last_reading(tmp_path: Path, tree: FakePowercap) -> None:
    async with FakeServer(fake_models(leniency=6.0), latency_s=0.05) as server:
        run = runner(tmp_path, server.base_url)
        make_config(tmp_path, server.base_url, models=sized(server.base_url), rounds=1, **SMALL)
        arguments = (sys.executable, "-c", CHILD, str(tmp_path / "config.yaml"), str(tmp_path / "run"))
        process = await asyncio.create_subprocess_exec(*arguments)
        taken = 0.0
        while not (tmp_path / "run" / "run.json").exists() or not (before := stored(tmp_path / "run")):
            await asyncio.sleep(0.02)
        while before[0].measured["package-0"] < 500.0:
            assert process.returncode is None, "the run is long enough to be killed"
            tree.turn("intel-rapl:0", 100.0)
            taken += 100.0
            await asyncio.sleep(0.1)
            before = stored(tmp_path / "run")
        process.send_signal(signal.SIGKILL)
        await process.wait()
        before = stored(tmp_path / "run")
        assert (await run("run", Working(tree))).complete
    after = report_of(tmp_path / "run")
    assert len(after.attempts) == 2 and [after.attempts[0]] == before
    assert 500.0 <= after.attempts[0].measured["package-0"] <= taken + 1e-3
    whole = after.attempts[0].measured["package-0"] + after.attempts[1].measured["package-0"]
    assert after.energy.measured["package-0"] == pytest.approx(whole)


def stored(folder: Path) -> list[Attempt]:
    with Reader(open_run(folder)) as reader:
        return reader.attempts()
