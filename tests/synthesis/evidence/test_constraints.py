from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gra.calls import CallId, Reply, Request
from gra.synthesis.evidence import formats
from gra.synthesis.evidence.constraints import Constraints, checked, count
from gra.synthesis.evidence.verifier import Finding
from gra.synthesis.reading import Matter

FIVE = "One two three four five."


@pytest.mark.parametrize(
    ("instruction", "met", "missed"),
    [
        # lengths
        ("Explain rain in at most five words.", "Water falls from the clouds.", "Water falls down from all clouds."),
        ("Describe rain. Use no more than 5 words.", FIVE, FIVE + " Six."),
        ("Sum it up in under 6 words.", FIVE, "One two three four five six."),
        ("Write at least 6 words about rain.", "One two three four five six.", FIVE),
        ("Write more than five words on rain.", "One two three four five six.", FIVE),
        ("Answer in exactly 5 words.", FIVE, "Four words are here."),
        ("Write a 10-word story.", "a b c d e f g h i j k", "a b c d e"),
        ("Describe it in 10 to 12 words.", "a b c d e f g h i j", "a b c d e f g h i"),
        ("Describe the sea in one sentence.", "It is wide and blue, e.g. here.", "It is wide. It is blue."),
        ("Explain gravity in two sentences.", "It pulls. It holds.", "It pulls."),
        ("Beschreibe das Meer in einem Satz.", "Es ist weit, z. B. hier.", "Es ist weit. Es ist blau."),
        ("Erkläre Regen mit höchstens 5 Wörtern.", "Wasser fällt aus den Wolken.", "Es fällt aus den hohen Wolken."),
        ("Write two paragraphs about tea.", "It is hot.\n\nIt is green.", "It is hot."),
        # lists and formats
        ("Give 3 bullet points on tea.", "- hot\n- green\n- old", "- hot\n- green"),
        ("Nenne mindestens zwei Stichpunkte zum Tee.", "* heiß\n* grün\n* alt", "* heiß"),
        ("Name some fruits as a bulleted list.", "- apple\n- pear", "apple and pear"),
        ("Give the answer as JSON.", '```json\n{"a": 1}\n```', "a: 1"),
        ("Show the rivers as a table.", "| a | b |\n|---|---|\n| 1 | 2 |", "a and b"),
        ("Answer in all caps.", "IT IS SO.", "It is so."),
        # languages
        (
            "Write a sentence about rain in German.",
            "Der Regen ist für die Pflanzen und die Tiere sehr wichtig.",
            "The rain is very important for the plants and for the animals.",
        ),
        (
            "Translate into French: The cat is on the table of the house.",
            "Le chat est sur la table de la maison et il dort.",
            "The cat is on the table of the house and it sleeps.",
        ),
        # words
        ("Write a line that includes the word “river”.", "The river flows.", "The rivers flow."),
        ('Use the words "red", "blue" and "green".', "Red, blue, green.", "Red and blue."),
        ("Describe tea. Do not use the word 'hot'.", "It is warm.", "It is hot."),
        ("Describe tea without using the word 'hot'.", "It is warm.", "It is hot."),
        ("Beschreibe Tee, ohne das Wort „heiß“.", "Er ist warm.", "Er ist heiß."),
        ("Verwende das Wort „Regen“.", "Der Regen fällt.", "Es ist nass."),
        ("Start your answer with 'Once'.", "Once it rained.", "It rained once."),
        ('End the text with "the end".', "It rained. The end.", "The end came."),
    ],
)  # fmt: skip
def test_what_is_asked_for_is_checked(instruction: str, met: str, missed: str) -> None:
    assert [check.met for check in checked(instruction, met)] and all(c.met for c in checked(instruction, met))
    assert not all(check.met for check in checked(instruction, missed))


@pytest.mark.parametrize(
    "instruction",
    [
        "What is the capital of France?",
        "Translate the sentence into another language.",  # which one is not said
        "How many words are there in a book of 300 pages?",
        "Explain how a table of contents is made.",
        "Write about the words that people use in letters.",
        "What is the difference between JSON and XML?",
        "Rewrite the following sentence with better words.",
        "Combine these two sentences.",
        "Find all rivers in a table called x.",
        "Correct this text: 'I has a dog.'",
        "In a few words, what is rain?",
        "Describe the book “Two Words” by somebody.",
        "Erkläre mir die Zeichen der Zeit.",
        "Write sentences of at most 10 words.",  # of each
    ],
)
def test_where_nothing_is_stated_plainly_nothing_is_checked(instruction: str) -> None:
    assert [check.told for check in checked(instruction, "Whatever.")] == []


def test_material_is_not_taken_for_the_request() -> None:
    text = "Find the mistakes:\n" + "He said that it should be done in one sentence, and as JSON. " * 5
    assert list(checked(text, "There. Are. None.")) == []
    assert list(checked("What does this do?\n```\n# in one sentence\n```", "It. Does. Nothing.")) == []


async def nobody(call: CallId, request: Request) -> Reply:
    raise AssertionError("no model is asked")


async def test_the_share_that_is_met_counts_and_the_rest_is_told() -> None:
    matter = Matter("response", "In one sentence, describe tea. Do not use the word 'hot'.", "Tea is hot.")
    found = await Constraints().verify(nobody, matter, CallId("s", "x"))
    assert isinstance(found, Finding)
    assert found.value == 0
    assert found.comment == "The instruction forbids “hot”; it is there."


async def test_without_constraints_it_abstains() -> None:
    said = await Constraints().verify(nobody, Matter("response", "What is tea?", "A drink."), CallId("s", "x"))
    assert said == "the instruction states nothing that a rule could check"


@given(st.text(max_size=300), st.text(max_size=300))
def test_no_text_breaks_it(instruction: str, response: str) -> None:
    for check in checked(instruction, response):
        assert check.told


@pytest.mark.parametrize(
    ("unit", "text", "n"),
    [
        ("words", "It's a well-known rule, e.g. here.", 6),
        ("sentences", "It costs 3.50, i.e. little. Yes! “Really?” Dr. No said so.", 4),
        ("sentences", "no end at all", 1),
        ("paragraphs", "One.\n\n\nTwo.\n \nThree.", 3),
        ("characters", "four", 4),
    ],
)
def test_units_are_counted(unit: str, text: str, n: int) -> None:
    assert count(unit, text) == n


def test_lists_are_counted_by_their_marks() -> None:
    assert formats.list_items("1. a\n2) b\n(3) c\n• d\n- e\nf\n-g") == 5


def test_a_language_is_named_only_if_it_is_clear() -> None:
    assert formats.language_of("The weather is fine and the sky is blue over here.") == "English"
    assert formats.language_of("The weather.") is None
    assert formats.language_of("Lorem ipsum dolor sit amet consectetur adipiscing elit sed eiusmod tempor") is None
