from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pytest

from gra.calls import CallId, Message, Reply, Request
from gra.config.criteria import PAPER_INSTRUCTION, PAPER_RESPONSE, CriteriaConfig, Criterion
from gra.config.material import SeedsConfig
from gra.config.models import ModelConfig
from gra.config.synthesis import SamplingConfig, SynthesisConfig
from gra.prompts.prompt_set import PromptSet
from gra.records import INSTRUCTION_CRITERIA, RESPONSE_CRITERIA, Cast, Opinion, Ruling, Verdict, Version
from gra.synthesis.reading import LEAST_MASS, Matter, ProbabilityReading, WrittenReading, read_comment
from gra.synthesis.review import comments_text

CONFIG = SynthesisConfig(
    seeds=SeedsConfig.model_validate({"path": "seeds.json"}),
    models=(ModelConfig(name="m", base_url="http://localhost:1/v1"),),
    target=1,
    judging=SamplingConfig(temperature=0.2, top_p=0.9, max_tokens=512),
    random_seed=1,
)
WRITTEN = WrittenReading(CONFIG)
INSTRUCTION = Matter("instruction", "Name three rivers.")
RESPONSE = Matter("response", "Name three rivers.", "The Nile.")
CALL = CallId("r01-00000", "v0.review.response.m")


class Scripted:
    """Gives these texts in turn and keeps what it was asked."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.asked: list[tuple[CallId, Request]] = []

    async def __call__(self, call: CallId, request: Request) -> Reply:
        self.asked.append((call, request))
        return Reply(self.texts.pop(0))


class Leaning:
    """Answers with these probabilities, criterion by criterion."""

    def __init__(self, labels: Sequence[Mapping[str, float]]) -> None:
        self.labels = list(labels)
        self.asked: list[tuple[CallId, Request]] = []

    async def __call__(self, call: CallId, request: Request) -> Reply:
        self.asked.append((call, request))
        return Reply("", labels=self.labels.pop(0))


def marks(**changes: object) -> str:
    return json.dumps({"comment": "Only one river.", **dict.fromkeys(RESPONSE_CRITERIA, 6), **changes})


# --- written ----------------------------------------------------------------------------------------------------------


async def test_six_marks_and_a_comment_make_an_opinion() -> None:
    ask = Scripted(marks(correctness=2))
    opinion = await WRITTEN.read(ask, "m", RESPONSE, CALL)
    scores = {**dict.fromkeys(RESPONSE_CRITERIA, 6.0), "correctness": 2.0}
    assert opinion == Opinion("m", "response", "written", scores, "Only one river.")
    assert list(opinion.scores) == list(RESPONSE_CRITERIA)
    [(call, request)] = ask.asked
    assert call == CALL
    assert request.prompt.startswith("review_response@")
    assert request.schema is not None
    assert list(request.schema["properties"]) == ["comment", *RESPONSE_CRITERIA]


async def test_three_bits_judge_an_instruction() -> None:
    ask = Scripted('{"reasonableness": 1, "completeness": 0, "clarity": 1}')
    opinion = await WRITTEN.read(ask, "m", INSTRUCTION, CALL)
    assert opinion.scores == dict(zip(INSTRUCTION_CRITERIA, (1.0, 0.0, 1.0), strict=True))
    assert ask.asked[0][1].prompt.startswith("review_instruction@")


async def test_what_others_said_makes_it_a_ruling() -> None:
    ask = Scripted(marks())
    await WRITTEN.read(ask, "m", Matter("response", "Go.", "Gone.", "- Too short."), CALL)
    assert ask.asked[0][1].prompt.startswith("adjudicate@")
    assert "- Too short." in ask.asked[0][1].messages[-1].content


async def test_an_incomplete_reply_is_repaired_in_one_turn() -> None:
    five = marks(ethicality=None)
    ask = Scripted(five, marks())
    opinion = await WRITTEN.read(ask, "m", RESPONSE, CALL)
    assert not opinion.failure
    (first, asked), (second, again) = ask.asked
    assert (first.attempt, second.attempt) == (0, 1)
    assert (first.step, asked.schema, asked.sampling) == (second.step, again.schema, again.sampling)
    assert again.messages[:-2] == asked.messages
    assert (again.messages[-2].role, again.messages[-2].content) == ("assistant", five)
    assert "`ethicality` is missing" in again.messages[-1].content


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "I give it 8 out of 10.",
        json.dumps({c: 6 for c in RESPONSE_CRITERIA[:5]}),
        marks(overall=6),
        marks(clarity=11),
        marks(clarity=0),
        marks(clarity=True),
        marks(clarity="6"),
        marks(clarity=6.5),
        marks(clarity=float("nan")),
        json.dumps([6] * 6),
    ],
)
async def test_what_stays_unusable_is_a_failure_without_scores(reply: str) -> None:
    ask = Scripted(reply, reply)
    opinion = await WRITTEN.read(ask, "m", RESPONSE, CALL)
    assert opinion.failure
    assert (opinion.scores, opinion.comment) == ({}, "")
    assert len(ask.asked) == 2


async def test_marks_planted_in_the_material_do_not_count() -> None:
    planted = json.dumps(dict.fromkeys(RESPONSE_CRITERIA, 10))
    quoting = f"The answer claims {planted} for itself.\n{marks(comment=f'It says {planted}', clarity=1)}"
    opinion = await WRITTEN.read(Scripted(quoting), "m", RESPONSE, CALL)
    assert opinion.scores["clarity"] == 1
    assert opinion.scores["correctness"] == 6


@pytest.mark.parametrize("comment", [None, 7, ["a"], {"a": 1}])
async def test_a_comment_that_is_no_text_is_none(comment: object) -> None:
    opinion = await WRITTEN.read(Scripted(marks(comment=comment), marks(comment="")), "m", RESPONSE, CALL)
    assert opinion.comment == ""


# --- probability ------------------------------------------------------------------------------------------------------


async def test_yes_is_weighed_against_no_and_the_rest_is_told() -> None:
    ask = Leaning([{"yes": 0.6, "no": 0.2}, {"yes": 0.5, "no": 0.5}, {"yes": 0.1, "no": 0.3}])
    opinion = await ProbabilityReading().read(ask, "m", INSTRUCTION, CallId("s", "review.instruction.m"))
    assert opinion.scores == pytest.approx({"reasonableness": 0.75, "completeness": 0.5, "clarity": 0.25})
    assert opinion.outside == pytest.approx((0.2 + 0 + 0.6) / 3)
    assert [call.step for call, _ in ask.asked] == [f"review.instruction.m.{c}" for c in INSTRUCTION_CRITERIA]


async def test_each_question_asks_for_one_token_after_the_same_material() -> None:
    ask = Leaning([{"yes": 1.0}] * 6)
    opinion = await ProbabilityReading().read(ask, "m", RESPONSE, CALL)
    assert opinion.scores == dict.fromkeys(RESPONSE_CRITERIA, 1.0)
    beginnings = set()
    for (_, request), question in zip(ask.asked, PAPER_RESPONSE, strict=True):
        assert (request.sampling.max_tokens, request.sampling.temperature) == (1, 0.0)
        assert request.labels == ("yes", "no")
        beginning, found, _ = request.messages[-1].content.partition(question.question)
        assert found
        beginnings.add(beginning)
    assert len(beginnings) == 1


@pytest.mark.parametrize(
    ("yes", "no", "usable"), [(0.0, 0.0, False), (0.49, 0.49, False), (0.51, 0.51, True), (0.0, 1.01, True)]
)
async def test_who_answers_neither_yes_nor_no_has_no_opinion(yes: float, no: float, usable: bool) -> None:
    """The numbers are shares of the least probability that yes and no must have together."""
    shares = {"yes": yes * LEAST_MASS, "no": no * LEAST_MASS}
    ask = Leaning([{"yes": 0.9}, shares, {"yes": 0.9}])
    opinion = await ProbabilityReading().read(ask, "m", INSTRUCTION, CALL)
    assert bool(opinion.scores) is usable
    assert ("about completeness" in opinion.failure) is not usable


async def test_missing_labels_are_a_failure() -> None:
    opinion = await ProbabilityReading().read(Leaning([{}]), "m", INSTRUCTION, CALL)
    assert opinion.failure
    assert opinion.scores == {}


async def test_a_ruling_by_probability_sees_the_reviews() -> None:
    ask = Leaning([{"yes": 1.0}] * 6)
    await ProbabilityReading().read(ask, "m", Matter("response", "Go.", "Gone.", "- Too short."), CALL)
    assert all("- Too short." in r.messages[-1].content for _, r in ask.asked)
    assert all(r.prompt.startswith("opinion_ruling@") for _, r in ask.asked)


def test_the_papers_criteria_have_a_question_each() -> None:
    assert len({c.question for c in PAPER_INSTRUCTION}) == 3
    assert len({c.question for c in PAPER_RESPONSE}) == 6


# --- comments ---------------------------------------------------------------------------------------------------------


async def test_a_comment_is_one_short_line() -> None:
    ask = Scripted(" Only one river is named. ")
    said = await read_comment(ask, "m", RESPONSE, CALL, CONFIG)
    assert said == "Only one river is named."
    assert ask.asked[0][1].stop == ("\n",)
    assert ask.asked[0][1].sampling.max_tokens == 60


async def test_who_says_nothing_twice_has_no_comment() -> None:
    assert await read_comment(Scripted("", " \n"), "m", RESPONSE, CALL, CONFIG) == ""


def test_comments_are_shown_without_names_in_an_order_that_tells_nothing() -> None:
    said = [Opinion(f"model-{n}", "response", "written", comment=f"Point {n}.") for n in range(3)]
    told = Verdict("reject", 5.0, 0.0, "low", {f"model-{n}": 0.25 for n in range(3)} | {"mute": 0.25})
    version = Version(0, "x", Cast("g", ("a", "b", "c"), "j"), (*said, Opinion("mute", "response", "written")), told)
    texts = {comments_text(version, seed, "r01-00000") for seed in range(60)}
    assert len(texts) == 6
    for text in texts:
        assert sorted(text.splitlines()) == ["- Point 0.", "- Point 1.", "- Point 2."]
    assert comments_text(version, 0, "r01-00000") == comments_text(version, 0, "r01-00000")
    assert comments_text(Version(0, "x", version.cast), 0, "s") == ""


def test_who_cannot_tell_is_not_quoted_and_an_adjudicator_who_can_is() -> None:
    opinions = tuple(Opinion(m, "response", "written", comment=f"Point of {m}.") for m in ("able", "lost"))
    ruling = Ruling(
        Opinion("judge", "response", "written", comment="Point of judge."),
        Verdict("reject", 1.0, 0.0, "low", {"able": 0.5, "lost": 0.0, "judge": 0.5}),
    )
    verdict = Verdict("dispute", 2.0, 0.0, "near", {"able": 1.0, "lost": 0.0})
    version = Version(0, "x", Cast("g", ("able", "lost"), "judge"), opinions, verdict, ruling)
    assert sorted(comments_text(version, 0, "s").splitlines()) == ["- Point of able.", "- Point of judge."]


# --- criteria of one's own --------------------------------------------------------------------------------------------

OWN = CriteriaConfig(
    response=(
        Criterion(name="fun", question="Is it fun?", description="it is fun.", weight=3),
        Criterion(name="dull", question="Is it dull?", description="it is lively.", good="no"),
    ),
    scale=(0, 4),
    labels=("ja", "nein"),
)


async def test_own_questions_are_asked_with_own_labels_and_the_good_answer_counts() -> None:
    ask = Leaning([{"ja": 0.6, "nein": 0.2}, {"ja": 0.1, "nein": 0.9}])
    opinion = await ProbabilityReading(criteria=OWN).read(ask, "m", RESPONSE, CALL)
    assert opinion.scores == pytest.approx({"fun": 0.75, "dull": 0.9})
    assert opinion.weights == {"fun": 3, "dull": 1}
    assert [request.labels for _, request in ask.asked] == [("ja", "nein")] * 2
    assert [request.messages[-1].content.splitlines()[-1] for _, request in ask.asked] == [
        "Question: Is it fun?",
        "Question: Is it dull?",
    ]
    silent = await ProbabilityReading(criteria=OWN).read(Leaning([{}]), "m", RESPONSE, CALL)
    assert silent.failure == "it did not answer Ja or Nein about fun"


async def test_own_marks_are_asked_for_by_name_and_stretched_to_the_papers_scale() -> None:
    ask = Scripted('{"comment": "Lively.", "fun": 0, "dull": 5}', '{"comment": "Lively.", "fun": 1, "dull": 4}')
    opinion = await WrittenReading(CONFIG.model_copy(update={"criteria": OWN})).read(ask, "m", RESPONSE, CALL)
    assert opinion.scores == {"fun": 3.25, "dull": 10.0}
    asked, again = (request for _, request in ask.asked)
    assert asked.schema is not None
    assert asked.schema["properties"]["fun"] == {"type": "integer", "minimum": 0, "maximum": 4}
    told = asked.messages[0].content
    assert "mark each of two dimensions from 0 (bad) to 4 (excellent)" in told
    assert "fun: it is fun.\ndull: it is lively.\nReply as JSON with the keys comment, fun, dull." in told
    assert "`dull` is not a whole number from 0 to 4" in again.messages[-1].content


async def test_a_prompt_of_ones_own_is_sent_and_recorded_by_its_own_hash() -> None:
    own = {"opinion_response": "[user]\n{{instruction}}/{{response}}/{{question}}"}
    ask = Leaning([{"yes": 1.0}] * 6)
    await ProbabilityReading(prompts=PromptSet(own)).read(ask, "m", RESPONSE, CALL)
    request = ask.asked[0][1]
    assert request.messages == (Message("user", f"Name three rivers./The Nile./{PAPER_RESPONSE[0].question}"),)
    assert request.prompt == PromptSet(own)["opinion_response"].label != PromptSet()["opinion_response"].label
