from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pytest

from gra.calls import CallId, Message, Reply, Request, Sampling
from gra.config.criteria import PAPER_INSTRUCTION, PAPER_RESPONSE, CriteriaConfig, Criterion
from gra.config.material import SeedsConfig
from gra.config.models import ModelConfig
from gra.config.questions import QuestionsConfig
from gra.config.synthesis import SamplingConfig, SynthesisConfig
from gra.prompts.prompt_set import PromptSet
from gra.records import INSTRUCTION_CRITERIA, RESPONSE_CRITERIA, Cast, Opinion, Ruling, Verdict, Version
from gra.synthesis.forms import LONGEST_REASONS, REASONS, Way
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


# --- in other forms ---------------------------------------------------------------------------------------------------


class Reasoning(Leaning):
    """Writes this where it is not asked for one token, and then answers with these probabilities."""

    def __init__(self, said: str, labels: Sequence[Mapping[str, float]], finish: str = "length") -> None:
        super().__init__(labels)
        self.said, self.finish = said, finish

    async def __call__(self, call: CallId, request: Request) -> Reply:
        if request.labels:
            return await super().__call__(call, request)
        self.asked.append((call, request))
        return Reply(self.said, finish=self.finish)


REASONED = ProbabilityReading().asking("response", Way("reasoned")).asking("instruction", Way("reasoned"))
PARAPHRASED = ProbabilityReading().asking("instruction", Way("paraphrased"))


async def test_reasons_are_a_call_of_their_own_and_stand_before_the_answer_cut_off_as_they_are() -> None:
    ask = Reasoning("  It names a river, {{instruction}}, but\n\n", [{"yes": 0.3, "no": 0.7}] * 6)
    opinion = await REASONED.read(ask, "m", RESPONSE, CALL)
    assert opinion.scores == pytest.approx(dict.fromkeys(RESPONSE_CRITERIA, 0.3))
    steps = [f"{CALL.step}.{c}{end}" for c in RESPONSE_CRITERIA for end in (".reasons", "")]
    assert [call.step for call, _ in ask.asked] == steps
    (_, wanted), (_, answered) = ask.asked[:2]
    assert (wanted.labels, wanted.sampling) == ((), Sampling(0.0, 1.0, REASONS, 0))
    assert (answered.labels, answered.sampling.max_tokens) == (("yes", "no"), 1)
    first, said, again = answered.messages
    assert (first,) == wanted.messages and first.content.endswith(QuestionsConfig().reasons[0])
    assert said == Message("assistant", "It names a river, {{instruction}}, but")
    assert again.content == f"{PAPER_RESPONSE[0].question} {QuestionsConfig().reasons[1]}"
    assert wanted.prompt == answered.prompt != ProbabilityReading().prompts["opinion_response"].label


async def test_a_server_that_writes_more_than_it_was_asked_for_is_not_believed() -> None:
    ask = Reasoning("x" * 50_000, [{"yes": 1.0}] * 3)
    await REASONED.read(ask, "m", INSTRUCTION, CALL)
    assert len(ask.asked[1][1].messages[1].content) == LONGEST_REASONS


async def test_without_reasons_there_is_no_opinion() -> None:
    opinion = await REASONED.read(Reasoning(" \n", [], "stop"), "m", INSTRUCTION, CALL)
    assert opinion.failure == "it wrote no reasons about reasonableness"
    assert opinion.scores == {}


async def test_who_reasons_and_then_does_not_answer_has_no_opinion() -> None:
    opinion = await REASONED.read(Reasoning("Well.", [{"yes": 0.5, "no": 0.1}, {}]), "m", INSTRUCTION, CALL)
    assert opinion.failure == "it did not answer Yes or No about completeness"


async def test_a_ruling_with_reasons_sees_the_reviews() -> None:
    ask = Reasoning("Well.", [{"yes": 1.0}] * 6)
    await REASONED.read(ask, "m", Matter("response", "Go.", "Gone.", "- Too short."), CALL)
    assert all("- Too short." in r.messages[0].content for _, r in ask.asked)


async def test_all_wordings_are_asked_about_and_their_mean_log_odds_counts() -> None:
    first, second, third = {"yes": 0.8, "no": 0.2}, {"yes": 0.25, "no": 0.25}, {"yes": 0.2, "no": 0.8}
    ask = Leaning([first, second, third, *[first] * 3, first, first, second])
    opinion = await PARAPHRASED.read(ask, "m", INSTRUCTION, CALL)
    assert opinion.scores == pytest.approx(
        {"reasonableness": 0.5, "completeness": 0.8, "clarity": 16 ** (1 / 3) / (1 + 16 ** (1 / 3))}
    )
    assert opinion.outside == pytest.approx(2 * 0.5 / 9)
    wordings = [question for c in PAPER_INSTRUCTION for question in (c.question, *c.paraphrases)]
    assert [r.messages[-1].content.splitlines()[-1] for _, r in ask.asked] == [f"Question: {q}" for q in wordings]
    steps = [f"{CALL.step}.{c}{end}" for c in INSTRUCTION_CRITERIA for end in ("", ".2", ".3")]
    assert [call.step for call, _ in ask.asked] == steps


async def test_the_first_wording_is_the_question_of_the_examples_and_no_second_call() -> None:
    one, all_three = Leaning([{"yes": 1.0}] * 3), Leaning([{"yes": 1.0}] * 9)
    await ProbabilityReading().read(one, "m", INSTRUCTION, CALL)
    await PARAPHRASED.read(all_three, "m", INSTRUCTION, CALL)
    assert all_three.asked[::3] == one.asked


async def test_a_wording_that_is_not_answered_leaves_no_opinion() -> None:
    opinion = await PARAPHRASED.read(Leaning([{"yes": 1.0}, {}]), "m", INSTRUCTION, CALL)
    assert opinion.failure == "it did not answer Yes or No about reasonableness"


async def test_own_wordings_are_asked_where_there_are_any_and_the_good_answer_counts() -> None:
    dull = OWN.response[1].model_copy(update={"paraphrases": ("Is it tedious?",)})
    reading = ProbabilityReading(criteria=OWN.model_copy(update={"response": (OWN.response[0], dull)}))
    ask = Leaning([{"ja": 0.6, "nein": 0.2}, {"ja": 0.2, "nein": 0.8}, {"ja": 0.2, "nein": 0.8}])
    opinion = await reading.asking("response", Way("paraphrased")).read(ask, "m", RESPONSE, CALL)
    assert opinion.scores == pytest.approx({"fun": 0.75, "dull": 0.8})


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
