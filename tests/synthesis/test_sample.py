from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gra.calls import CallId, Reply, Request
from gra.config.material import SeedsConfig
from gra.config.models import ModelConfig
from gra.config.synthesis import PaperGate, SeedsGate, SingleCasting, SynthesisConfig
from gra.errors import EndpointError, KeyRefused, Refused
from gra.records import INSTRUCTION_CRITERIA, RESPONSE_CRITERIA, Entry, Opinion, Reading, Sample, Stage, Status, Verdict
from gra.synthesis import reading as readings
from gra.synthesis.casting import make_casting
from gra.synthesis.decide import PaperRule, SeedsRule, Unreviewed
from gra.synthesis.pool import Pool
from gra.synthesis.sample import Study, run_sample
from gra.synthesis.standing import Standing

MODELS = ("model-ash", "model-elm", "model-fir", "model-oak", "model-yew")
ENTRIES = [
    Entry(f"seed-{n:05d}", 0, "Math", (f"old{n}",), f"Summary {n}.", f"Old exercise {n}.", f"Old answer {n}.")
    for n in range(6)
]
ORDINARY: Mapping[str, str] = {
    "keywords": '{"domain": "Math", "keywords": ["zebra", "quince"]}',
    "instruction": "Add two and two.",
    "v0.response": "First answer.",
    "v1.response": "Second answer.",
    "v2.response": "Third answer.",
}


class World:
    """Answers by the step's name: texts as `ORDINARY` has them, opinions as `leaning` gives them."""

    def __init__(
        self,
        leaning: Callable[[str, str], float],
        texts: Mapping[str, str | Exception] = {},
        preferring: Callable[[str, str], float] = lambda step, model: 0.9,
    ) -> None:
        self.leaning = leaning
        self.preferring = preferring
        """The probability that the new one of two responses is the better, in the order that the step names."""
        self.texts: dict[str, str | Exception] = {**ORDINARY, **texts}
        self.asked: list[tuple[CallId, Request]] = []

    async def __call__(self, call: CallId, request: Request) -> Reply:
        self.asked.append((call, request))
        await asyncio.sleep(0)
        said = self.texts.get(call.step)
        if isinstance(said, Exception):
            raise said
        if said is not None:
            return Reply(said)
        if call.step.endswith(".comment"):
            return Reply(f"Remark of {call.step}.".replace(request.model, str(MODELS.index(request.model))))
        if ".compare." in call.step:
            return self._compared(call, request)
        p = self.leaning(call.step, request.model)
        if request.labels:
            return Reply("", labels={"yes": p, "no": 1 - p} if p >= 0 else {})
        low, high = (0, 1) if ".instruction." in call.step else (1, 10)
        names = INSTRUCTION_CRITERIA if high == 1 else RESPONSE_CRITERIA
        marks = dict.fromkeys(names, round(low + (high - low) * p))
        return Reply(json.dumps({"comment": f"Remark of {MODELS.index(request.model)}.", **marks}))

    def _compared(self, call: CallId, request: Request) -> Reply:
        new = self.preferring(call.step, request.model)
        if new < 0:
            return Reply("Neither.")
        a = new if call.step.endswith("new_first") else 1 - new
        return Reply("A" if a > 0.5 else "B", labels={"A": a, "B": 1 - a} if request.labels else {})

    @property
    def steps(self) -> list[str]:
        return [call.step for call, _ in self.asked]

    def prompts(self, marker: str) -> list[str]:
        return ["\n".join(m.content for m in r.messages) for c, r in self.asked if marker in c.step]


def study(world: World, *, reading: Reading = "probability", **changes: object) -> Study:
    settings = {"reviewers": 3, "max_revisions": 1, "gate": PaperGate(), **changes}
    config = SynthesisConfig(
        seeds=SeedsConfig.model_validate({"path": "seeds.json"}),
        models=tuple(ModelConfig(name=name, base_url="http://localhost:1/v1") for name in MODELS),
        target=1,
        **settings,  # type: ignore[arg-type]
    )
    written = readings.WrittenReading(config)
    way = written if reading == "written" else readings.ProbabilityReading()
    assert isinstance(config.gate, PaperGate)
    gate = Unreviewed() if config.review == "none" else PaperRule(config.gate)
    return Study(config, Pool(ENTRIES, 2), dict.fromkeys(MODELS, way), make_casting(config), gate, world)


async def run(world: World, reading: Reading = "probability", **changes: object) -> Sample:
    return await run_sample(study(world, reading=reading, **changes), 1, 7)


def always(p: float) -> Callable[[str, str], float]:
    return lambda step, model: p


def by_version(instruction: float = 1.0, ruling: float = 1.0, **versions: float) -> Callable[[str, str], float]:
    def leaning(step: str, model: str) -> float:
        if step.startswith("review.instruction"):
            return instruction
        return ruling if ".adjudicate." in step else versions[step.partition(".")[0]]

    return leaning


def disputed(ruling: float, after: float = 1.0) -> Callable[[str, str], float]:
    """One reviewer of the first version says no, whoever comes first; the others say yes."""
    first: list[str] = []

    def leaning(step: str, model: str) -> float:
        if ".adjudicate." in step:
            return ruling
        if step.startswith("v0.review"):
            first.append(model)
            return 0.35 if model == first[0] else 1.0
        return after if step.startswith("v1.review") else 1.0

    return leaning


# --- one life after another -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reading", ["written", "probability"])
async def test_what_everybody_likes_is_accepted_straight(reading: Reading) -> None:
    world = World(always(1.0))
    sample = await run(world, reading)
    assert (sample.status, sample.score, sample.response) == (Status.PASSED, 10.0, "First answer.")
    assert (sample.id, sample.keywords, sample.instruction) == ("r01-00007", ("zebra", "quince"), "Add two and two.")
    assert len(sample.opinions) == len(sample.versions[0].opinions) == 3
    assert sample.versions[0].ruling is None
    assert not any("adjudicate" in step or step.startswith("v1") for step in world.steps)
    assert len({call for call, _ in world.asked}) == len(world.asked)


@pytest.mark.parametrize("reading", ["written", "probability"])
async def test_a_vetoed_instruction_is_never_answered(reading: Reading) -> None:
    world = World(lambda step, model: 0.0 if step.startswith("review.instruction") else 1.0)
    sample = await run(world, reading)
    assert sample.status == Status.REJECTED_INSTRUCTION
    assert sample.versions == ()
    assert not any(step.startswith("v") for step in world.steps)
    assert "vetoed" in sample.reason


async def test_a_dispute_goes_to_somebody_new_who_sees_the_reviews() -> None:
    world = World(disputed(ruling=1.0))
    sample = await run(world, comments="when_read")
    version = sample.versions[0]
    assert sample.status == Status.PASSED
    assert version.verdict is not None
    assert version.verdict.outcome == "dispute"
    assert version.ruling is not None
    judge = version.ruling.opinion.model
    assert judge == version.cast.adjudicator
    assert judge not in (version.cast.generator, *version.cast.reviewers)
    rulings = world.prompts(".adjudicate.")
    assert len(rulings) == 6
    for prompt in rulings:
        assert all(opinion.comment in prompt for opinion in version.opinions)
        assert not any(model in prompt for model in MODELS)
    assert all(opinion.comment for opinion in version.opinions)


@pytest.mark.parametrize("reading", ["probability", "written"])
async def test_an_adjudicator_with_no_review_to_read_is_asked_as_a_reviewer_is(reading: Reading) -> None:
    silent = {f"v0.review.response.{model}.comment": "" for model in MODELS}
    world = World(disputed(ruling=1.0), silent)
    sample = await run(world, reading, comments="when_read")
    version = sample.versions[0]
    assert version.ruling is not None and not any(o.comment for o in version.opinions if reading == "probability")
    if reading == "written":  # there a review has its comment in it, so there is something to read
        return
    reviewer = f"v0.review.response.{version.cast.reviewers[0]}"
    reviews = {r.messages for call, r in world.asked if call.step.startswith(reviewer) and r.labels}
    rulings = {r.messages for call, r in world.asked if ".adjudicate." in call.step and r.labels}
    assert rulings == reviews and len(rulings) == 6


@pytest.mark.parametrize("informed", [True, False])
async def test_an_adjudicator_that_cannot_tell_with_reviews_before_it_is_shown_none(informed: bool) -> None:
    def exam(model: str, stage: Stage, apart: float) -> Standing:
        wiggle = (-0.3, -0.1, 0.1, 0.3)
        return Standing(model, stage, tuple(apart + w for w in wiggle), tuple(-apart + w for w in wiggle))

    stages: tuple[Stage, ...] = ("instruction", "response")
    able = {(model, stage): exam(model, stage, 2.0) for model in MODELS for stage in stages}
    rulings = {model: exam(model, "response", 2.0 if informed else 0.0) for model in MODELS}
    first: list[str] = []

    def one_says_no(step: str, model: str) -> float:
        if not step.startswith("v0.review"):
            return 0.9
        first.append(model)
        return 0.05 if model == first[0] else 0.95

    world = World(one_says_no)
    asked = replace(study(world, comments="when_read", max_revisions=0), gate=SeedsRule(SeedsGate(), able, rulings))
    (version,) = (await run_sample(asked, 1, 7)).versions
    assert version.ruling is not None
    prompts = {r.prompt.partition("@")[0] for call, r in world.asked if ".adjudicate." in call.step and r.labels}
    assert prompts == {"opinion_ruling" if informed else "opinion_response"}
    assert any(o.comment for o in version.opinions) is informed, "comments that nobody reads are not asked for"
    assert version.ruling.verdict.weights[version.cast.adjudicator] > 0


async def test_the_ruling_overrides_the_committee() -> None:
    sample = await run(World(disputed(ruling=0.1)), max_revisions=0)
    assert sample.status == Status.REJECTED_RULING
    assert sample.score == pytest.approx(1.9)
    assert sample.reason.startswith("ruled 1.90")


async def test_a_mendable_response_is_revised_once_and_comes_before_a_fresh_draw() -> None:
    world = World(by_version(v0=0.5, v1=1.0))
    sample = await run(world, comments="when_read")
    assert sample.status == Status.PASSED
    assert [v.response for v in sample.versions] == ["First answer.", "Second answer."]
    assert [v.verdict.outcome for v in sample.versions if v.verdict] == ["reject", "accept"]
    assert sample.score == 10.0
    [prompt] = world.prompts("v1.response")
    assert all(o.comment and o.comment in prompt for o in sample.versions[0].opinions)
    assert not any(model in prompt for model in MODELS)
    for version in sample.versions:
        assert version.cast.generator == sample.cast.generator
        assert sorted([version.cast.generator, *version.cast.reviewers, version.cast.adjudicator]) == list(MODELS)


async def test_a_revision_often_comes_before_other_reviewers() -> None:
    changed = 0
    for index in range(12):
        sample = await run_sample(study(World(by_version(v0=0.5, v1=1.0)), reviewers=2), 1, index)
        first, second = (set(v.cast.reviewers) for v in sample.versions)
        changed += first != second
    assert 6 <= changed <= 12


async def test_a_ruled_out_response_is_revised_too() -> None:
    sample = await run(World(disputed(ruling=0.5)))
    assert [v.final.outcome for v in sample.versions if v.final] == ["reject", "accept"]
    assert sample.status == Status.PASSED


async def test_a_hopeless_response_is_not_revised() -> None:
    world = World(by_version(v0=0.2))
    assert (await run(world)).status == Status.REJECTED_RESPONSE
    assert "v1.response" not in world.steps


@pytest.mark.parametrize(("most", "versions"), [(0, 1), (1, 2), (2, 3)])
async def test_revisions_are_counted(most: int, versions: int) -> None:
    sample = await run(World(always(0.6)), max_revisions=most)
    assert (sample.status, len(sample.versions)) == (Status.REJECTED_RESPONSE, versions)
    assert [v.number for v in sample.versions] == list(range(versions))


async def test_a_revision_that_changes_nothing_is_not_reviewed() -> None:
    world = World(always(0.6), {"v1.response": "First answer."})
    sample = await run(world)
    assert (sample.status, len(sample.versions)) == (Status.REJECTED_RESPONSE, 1)
    assert not any(step.startswith("v1.review") for step in world.steps)


# --- the paper's ablations --------------------------------------------------------------------------------------------


def no_to(count: int, after: float = 1.0) -> Callable[[str, str], float]:
    """So many reviewers of the first version say no, whoever comes first; the others say yes."""
    first: list[str] = []

    def leaning(step: str, model: str) -> float:
        if not step.startswith("v0.review"):
            return after if step.startswith("v1.review") else 1.0
        if model not in first:
            first.append(model)
        return 0.35 if model in first[:count] else 1.0

    return leaning


LENIENT = PaperGate(tau=4.2)
"""At its bar a reviewer who says 0.35 (4.15 of 10) votes against, and the mean passes however many do."""


@pytest.mark.parametrize(
    ("against", "reviewers", "status", "counted"),
    [
        (1, 3, Status.PASSED, "2 of 3 votes are for it"),
        (2, 3, Status.REJECTED_RESPONSE, "1 of 3 votes are for it"),
        (1, 2, Status.REJECTED_RESPONSE, "1 of 2 votes are for it"),
    ],
)
async def test_a_majority_settles_a_dispute_and_a_tie_rejects(
    against: int, reviewers: int, status: Status, counted: str
) -> None:
    world = World(no_to(against))
    sample = await run(world, adjudication="majority", reviewers=reviewers, gate=LENIENT, max_revisions=0)
    [version] = sample.versions
    assert version.verdict is not None and version.settlement is not None and version.ruling is None
    assert (version.verdict.outcome, sample.status) == ("dispute", status)
    assert sum(version.verdict.votes.values()) == reviewers - against
    assert sample.reason == version.settlement.reason and counted in sample.reason
    assert sample.score == version.verdict.score > 0
    assert version.cast.adjudicator == ""
    assert not any("adjudicate" in step for step in world.steps)


async def test_with_nobody_to_adjudicate_a_dispute_is_rejected_and_can_be_mended() -> None:
    sample = await run(World(no_to(1)), adjudication="none", max_revisions=0)
    assert sample.status == Status.REJECTED_RESPONSE
    assert sample.reason.startswith("disputed (mean") and sample.reason.endswith("nobody adjudicates")
    mended = await run(World(no_to(1)), adjudication="none", comments="when_read")
    assert (mended.status, len(mended.versions)) == (Status.PASSED, 2)
    assert all(o.comment for o in mended.versions[0].opinions), "what was said against it reached the Generator"


async def test_without_review_whatever_is_usable_passes() -> None:
    world = World(always(0.0))
    sample = await run(world, review="none")
    assert (sample.status, sample.reason, sample.score) == (Status.PASSED, "passed without a review", 0.0)
    assert world.steps == ["keywords", "instruction", "v0.response"]
    assert (sample.cast.reviewers, sample.cast.adjudicator) == ((), "")
    assert (await run(World(always(0.0), {"v0.response": " "}), review="none")).status == Status.UNUSABLE


async def test_one_reviewer_alone_is_never_in_dispute_with_itself() -> None:
    world = World(lambda step, model: 1.0 if "instruction" in step else 0.9)
    sample = await run(world, review="one")
    assert sample.status == Status.PASSED
    assert len(sample.opinions) == len(sample.versions[0].opinions) == 1
    assert sample.cast.adjudicator, "the gate decides what is disputed, and somebody is there for it"


@pytest.mark.parametrize("reading", ["written", "probability"])
async def test_one_model_in_all_parts_puts_every_call_under_a_name_of_its_own(reading: Reading) -> None:
    casting = SingleCasting(model="model-oak")
    world = World(by_version(v0=0.5, v1=1.0, ruling=1.0))
    gate = PaperGate(sigma_max=0.0)
    sample = await run(world, reading, casting=casting, gate=gate, reviewers=3)
    assert sample.status == Status.PASSED
    assert {request.model for _, request in world.asked} == {"model-oak"}
    assert [len(v.opinions) for v in sample.versions] == [1, 1], "one model has one opinion"
    assert len({call for call, _ in world.asked}) == len(world.asked)


class Doubtful(PaperRule):
    """Disputes everything, so that an Adjudicator is needed."""

    def judge(self, stage: Stage, opinions: Sequence[Opinion]) -> Verdict:
        verdict = super().judge(stage, opinions)
        return replace(verdict, outcome="dispute") if stage == "response" else verdict


@pytest.mark.parametrize("reading", ["written", "probability"])
async def test_a_model_that_adjudicates_its_own_review_is_asked_anew(reading: Reading) -> None:
    world = World(by_version(v0=0.9, ruling=0.9))
    one = study(world, reading=reading, casting=SingleCasting(model="model-oak"))
    sample = await run_sample(replace(one, gate=Doubtful(PaperGate())), 1, 7)
    assert sample.versions[0].ruling is not None
    assert len({call for call, _ in world.asked}) == len(world.asked)
    assert any(step.startswith("v0.adjudicate.model-oak") for step in world.steps)


# --- what goes wrong --------------------------------------------------------------------------------------------------


async def test_keywords_that_are_not_novel_twice_make_it_unusable() -> None:
    world = World(always(1.0), {"keywords": '{"domain": "Math", "keywords": ["x", "x", "x", "y", "z", "w"]}'})
    assert (await run(world)).status == Status.UNUSABLE
    old = [json.dumps({"domain": "Math", "keywords": [f"old{n}"]}) for n in range(6)]
    ends = [await run(World(always(1.0), {"keywords": text})) for text in old]
    assert {s.status for s in ends} == {Status.PASSED, Status.UNUSABLE}
    for sample, text in zip(ends, old, strict=True):
        used = any(f"seed-0000{n}" in sample.examples and f"old{n}" in text for n in range(6))
        assert (sample.status == Status.UNUSABLE) == used


@pytest.mark.parametrize("step", ["keywords", "instruction", "v0.response"])
async def test_what_is_not_written_makes_it_unusable_and_keeps_what_was(step: str) -> None:
    sample = await run(World(by_version(v0=0.5, v1=1.0), {step: " "}))
    assert sample.status == Status.UNUSABLE
    assert sample.reason
    assert sample.versions == ()
    assert bool(sample.instruction) == step.startswith("v")


@pytest.mark.parametrize("trouble", [" ", Refused("too long for this server")])
async def test_a_revision_that_fails_leaves_the_verdict_that_there_is(trouble: str | Refused) -> None:
    sample = await run(World(by_version(v0=0.5, v1=1.0), {"v1.response": trouble}))
    assert sample.status == Status.REJECTED_RESPONSE
    assert len(sample.versions) == 1


@pytest.mark.parametrize("step", ["keywords", "instruction", "v0.response"])
async def test_a_refused_request_fails_the_sample_and_keeps_what_was(step: str) -> None:
    sample = await run(World(by_version(v0=0.5, v1=1.0), {step: Refused("too long for this server")}))
    assert (sample.status, sample.reason) == (Status.FAILED, "too long for this server")
    assert sample.versions == ()


@pytest.mark.parametrize("error", [EndpointError("gone"), KeyRefused("who are you")])
async def test_an_endpoint_that_gives_up_ends_no_sample(error: EndpointError) -> None:
    with pytest.raises(type(error)):
        await run(World(always(1.0), {"v0.response": error}))


@pytest.mark.parametrize(("stage", "versions"), [("review.instruction", 0), ("v0.review", 1)])
async def test_without_a_quorum_there_is_no_verdict(stage: str, versions: int) -> None:
    def mute(but: int) -> Callable[[str, str], float]:
        seen: list[str] = []

        def leaning(step: str, model: str) -> float:
            if not step.startswith(stage):
                return 1.0
            if model not in seen:
                seen.append(model)
            return 1.0 if seen.index(model) < but else -1.0

        return leaning

    sample = await run(World(mute(but=1)))
    assert (sample.status, len(sample.versions)) == (Status.UNUSABLE, versions)
    assert "too few reviewers" in sample.reason
    assert (await run(World(mute(but=2)))).status == Status.PASSED


# --- blindness and repeatability --------------------------------------------------------------------------------------


@pytest.mark.parametrize("reading", ["written", "probability"])
async def test_reviewers_are_blind(reading: Reading) -> None:
    world = World(by_version(v0=0.5, v1=1.0))
    sample = await run(world, reading, comments="always")
    prompts = world.prompts("review.")
    assert len(prompts) >= 9
    secrets = [*MODELS, *sample.keywords, "Remark", "old", "Old", "Summary", "seed-", sample.domain]
    for prompt in prompts:
        assert not [secret for secret in secrets if secret in prompt]
    assert not any("First answer." in prompt for prompt in world.prompts("v1.review"))
    assert not any("First answer." in prompt for prompt in world.prompts("review.instruction"))
    for call, request in world.asked:
        if "review." in call.step:
            assert request.model in call.step
            assert request.model != sample.cast.generator


async def test_the_same_answers_make_the_same_sample() -> None:
    one = await run(World(disputed(ruling=0.5)))
    assert one == await run(World(disputed(ruling=0.5)))
    other = await run_sample(study(World(disputed(ruling=0.5)), random_seed=1), 1, 7)
    assert (one.cast, one.examples) != (other.cast, other.examples)


ENDS = frozenset(
    {Status.PASSED, Status.REJECTED_INSTRUCTION, Status.REJECTED_RESPONSE, Status.REJECTED_RULING}
    | {Status.UNUSABLE, Status.FAILED}
)
TEXTS = st.dictionaries(
    st.sampled_from(sorted(ORDINARY)), st.sampled_from(["", "{", "First answer.", Refused("no")]), max_size=2
)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2**32),
    st.lists(st.sampled_from([-1.0, 0.0, 0.3, 0.5, 0.7, 0.8, 1.0, 1.0, 1.0]), min_size=1, max_size=9),
    TEXTS,
    st.integers(0, 2),
    st.integers(1, 3),
    st.sampled_from(["always", "when_read"]),
    st.sampled_from(["committee", "one", "none"]),
    st.sampled_from(["model", "majority", "none"]),
)
def test_whatever_is_said_a_sample_ends_once_and_with_a_reason(
    seed: int,
    moods: list[float],
    texts: dict[str, str | Exception],
    revisions: int,
    reviewers: int,
    comments: str,
    review: str,
    adjudication: str,
) -> None:
    draw = random.Random(seed)
    world = World(lambda step, model: draw.choice(moods), texts)
    modes: dict[str, Any] = {"comments": comments, "review": review, "adjudication": adjudication}
    sample = asyncio.run(run(world, max_revisions=revisions, reviewers=reviewers, **modes))
    assert sample.status in ENDS
    assert sample.reason
    assert 0 <= sample.score <= 10
    assert len(sample.versions) <= revisions + 1
    assert len({call for call, _ in world.asked}) == len(world.asked)
    if sample.status == Status.PASSED:
        final = sample.versions[-1].final
        assert final is not None
        assert (final.outcome, final.score) == ("accept", sample.score)
        assert sample.response
    for version in sample.versions[:-1]:
        assert version.final is not None
        assert version.final.outcome == "reject"
    for version in sample.versions:
        disputed = version.verdict is not None and version.verdict.outcome == "dispute"
        assert (version.ruling is not None) == (disputed and adjudication == "model")
        assert (version.settlement is not None) == (disputed and adjudication != "model")
