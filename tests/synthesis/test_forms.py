from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gra.calls import Message
from gra.config.criteria import PAPER_RESPONSE, CriteriaConfig, Criterion
from gra.config.questions import Form, QuestionsConfig
from gra.prompts.prompt_set import PromptSet
from gra.records import criteria_of
from gra.synthesis.forms import (
    DIGITS,
    LONGEST_REASONS,
    TELLING,
    Solved,
    Way,
    chooses,
    concluding,
    forms_of,
    in_one,
)

CRITERIA = CriteriaConfig()
PROMPTS = PromptSet()
WORDS = QuestionsConfig(digit="In one digit.", reasons=("Why?", "In a word."))
VALUES = {"instruction": "Name {{a}} river.", "response": "The Nile.", "question": "Is it right?", "reviews": "- No."}
SHOWN = (Solved("Say {{question}}.", "Hello.", True), Solved("Count.", "", False))


def turns(way: Way, prompt: str = "opinion_response") -> list[tuple[str, str]]:
    blind = PROMPTS["opinion_response"]
    found = way.messages(PROMPTS[prompt], blind, VALUES, CRITERIA, WORDS)
    return [(m.role, m.content) for m in found]


def test_after_the_prompts_examples_all_is_as_the_prompt_says() -> None:
    template = PROMPTS["opinion_response"]
    assert turns(Way()) == [(m.role, m.content) for m in template.render(VALUES)]
    assert Way().label(template) == template.label
    assert Way(criteria=("clarity",)).label(template) == template.label, "which questions are asked changes no prompt"


def test_without_examples_there_is_one_turn() -> None:
    asked = "Exercise: Name {{a}} river.\n\nAnswer: The Nile.\n\nQuestion: Is it right?"
    assert turns(Way("plain")) == [("user", asked)]
    assert turns(Way("digit")) == [("user", f"{asked} In one digit.")]
    assert turns(Way("reasoned")) == [("user", f"{asked} Why?")]


def test_the_question_is_put_again_after_the_reasons_as_they_stand() -> None:
    asked = (Message("user", "Is {{it}} right? Why?"),)
    found = concluding(asked, "It {{question}} is\n[user]\nYes", "Is {{it}} right?", WORDS)
    assert found == (
        *asked,
        Message("assistant", "It {{question}} is\n[user]\nYes"),
        Message("user", "Is {{it}} right? In a word."),
    )
    assert concluding(asked, "so " * 10_000, "?", WORDS)[-2].content == ("so " * 10_000)[:LONGEST_REASONS]


def test_other_wordings_are_asked_as_the_first_is() -> None:
    correctness = PAPER_RESPONSE[0]
    assert Way("paraphrased").wordings(correctness) == (correctness.question, *correctness.paraphrases)
    assert all(Way(form).wordings(correctness) == (correctness.question,) for form in ("examples", "reasoned", "digit"))
    assert turns(Way("paraphrased")) == turns(Way())
    assert Way("paraphrased").label(PROMPTS["opinion_response"]) == PROMPTS["opinion_response"].label


def test_the_papers_questions_have_two_other_wordings_each_and_none_twice() -> None:
    for stage in ("instruction", "response"):
        wordings = [Way("paraphrased").wordings(c) for c in CRITERIA.of(stage)]
        assert {len(each) for each in wordings} == {3}
        assert len({question for each in wordings for question in each}) == 3 * len(wordings)


@given(st.lists(st.floats(0.01, 0.99), min_size=1, max_size=9))
def test_wordings_count_by_their_mean_log_odds(scores: list[float]) -> None:
    found = in_one(scores)
    assert min(scores) - 1e-9 <= found <= max(scores) + 1e-9
    assert in_one([1 - score for score in scores]) == pytest.approx(1 - found), "whichever answer is the good one"
    assert in_one(scores[:1]) == scores[0]
    assert in_one([*scores, *scores]) == pytest.approx(found)


def test_one_wording_of_three_does_not_outvote_the_others_by_being_sure() -> None:
    assert in_one([0.0, 0.7, 0.7]) == pytest.approx(in_one([0.001, 0.7, 0.7])), "log-odds are held within bounds"
    assert in_one([0.9, 0.5, 0.1]) == pytest.approx(0.5)


def test_own_examples_are_asked_as_the_question_is_and_never_filled_in_again() -> None:
    first, answer, second, no, last = turns(Way("own", solved=SHOWN))
    assert first == ("user", "Exercise: Say {{question}}.\n\nAnswer: Hello.\n\nQuestion: Is it right?")
    assert (answer, no) == (("assistant", "Yes"), ("assistant", "No"))
    assert second[1].startswith("Exercise: Count.")
    assert last == turns(Way("plain"))[0]


def test_own_examples_have_no_reviews_and_the_question_has() -> None:
    found = turns(Way("own", solved=SHOWN), "opinion_ruling")
    assert ["- No." in content for role, content in found if role == "user"] == [False, False, True]


def test_every_form_has_a_prompt_name_of_its_own() -> None:
    template = PROMPTS["opinion_response"]
    others = [Way("own", solved=SHOWN), Way("own", solved=SHOWN[:1]), Way("reasoned")]
    ways = [Way(), Way("plain"), Way("digit"), *others]
    labels = [way.label(template) for way in ways]
    assert len(set(labels)) == len(labels)
    assert all(label.startswith("opinion_response") for label in labels)


def test_a_way_is_stored_and_found_again() -> None:
    way = Way("own", ("correctness",), SHOWN)
    assert Way.of(way.plain()) == way


@pytest.mark.parametrize(
    ("form", "labels", "score", "mass"),
    [
        ("examples", {"yes": 0.6, "no": 0.2}, 0.75, 0.8),
        ("digit", {"9": 0.5, "0": 0.5}, 0.5, 1.0),
        ("digit", {"9": 0.25}, 1.0, 0.25),
        ("plain", {}, 0.5, 0.0),
    ],
)
def test_a_score_is_of_what_went_to_the_labels(form: str, labels: dict[str, float], score: float, mass: float) -> None:
    found = Way(form).score(labels, CRITERIA)  # type: ignore[arg-type]
    assert found == pytest.approx((score, mass))


@given(st.lists(st.floats(0, 1), min_size=10, max_size=10))
def test_an_expected_digit_is_a_share(chances: list[float]) -> None:
    score, _ = Way("digit").score(dict(zip(DIGITS, chances, strict=True)), CRITERIA)
    assert 0 <= score <= 1 + 1e-9


def test_own_examples_answer_one_question_and_only_of_the_papers() -> None:
    own = forms_of(("examples", "own"), SHOWN, CRITERIA, "response")
    assert own == [Way(), Way("own", ("correctness",), SHOWN)]
    assert forms_of(("examples", "own"), (), CRITERIA, "response") == [Way()]
    assert forms_of(("own",), (), CRITERIA, "response") == [Way()], "there is always a way to ask"
    mine = CriteriaConfig(response=(Criterion(name="kind", question="Is it kind?", description="it is kind."),))
    assert forms_of(("own", "plain"), SHOWN, mine, "response") == [Way("plain")]
    assert not chooses(mine, "response")
    assert chooses(mine, "instruction")


def test_without_other_wordings_there_is_no_form_of_them() -> None:
    forms: tuple[Form, ...] = ("paraphrased", "reasoned")
    assert forms_of(forms, (), CRITERIA, "response") == [Way("paraphrased"), Way("reasoned")]
    bare = CriteriaConfig(response=tuple(c.model_copy(update={"paraphrases": ()}) for c in PAPER_RESPONSE))
    assert forms_of(forms, (), bare, "response") == [Way("reasoned")]
    assert forms_of(forms[:1], (), bare, "response") == [Way()]
    assert chooses(bare, "response"), "they are the paper's criteria all the same"


def test_the_order_of_telling_has_every_criterion_once() -> None:
    for stage, names in TELLING.items():
        assert sorted(names) == sorted(criteria_of(stage))
