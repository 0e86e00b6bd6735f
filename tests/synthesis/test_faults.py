from __future__ import annotations

import ast
import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gra.records import Entry, Stage
from gra.synthesis import faults
from gra.synthesis.code_fault import break_code
from gra.synthesis.faults import FAULTS, Fault, broken, kind_of
from gra.synthesis.languages import LANGUAGES, language_of


def entry(instruction: str, response: str) -> Entry:
    return Entry("seed-00000", 0, "Math", ("k",), "", instruction, response)


ONE = entry(
    "Add the numbers one, two and 0 together now.", "The sum of these numbers is 3. Count them one by one to see it."
)
OTHER = entry("Say where Rome is.", "Rome lies in Italy, on the Tiber, and it is the capital of the country.")


def draw(seed: int = 0) -> random.Random:
    return random.Random(seed)


def test_each_fault_of_form_is_what_it_says() -> None:
    assert faults.swapped(ONE, OTHER, draw()) == OTHER.response
    assert faults.truncated(ONE, OTHER, draw()) == "The sum of these numbers"
    assert faults.repeated(ONE, OTHER, draw()) == " ".join(["The sum of these numbers is 3."] * 5)
    assert faults.refused(ONE, OTHER, draw()) == LANGUAGES["en"].refusal
    assert faults.polite(ONE, OTHER, draw()) == LANGUAGES["en"].polite
    assert faults.grafted(ONE, OTHER, draw()) == (
        "The sum of these numbers is 3. and it is the capital of the country."
    )
    assert faults.glued(ONE, OTHER, draw()) == "Add the numbers one, two, say where Rome is."
    assert faults.cut(ONE, OTHER, draw()) == "Add the numbers one,"
    assert faults.listed(ONE, OTHER, draw()) == "add, numbers, together, rome, say, where"
    mixed = faults.shuffled(ONE, OTHER, draw())
    assert mixed is not None
    assert sorted(mixed.split()) == sorted(ONE.instruction.split())


def test_a_foreign_remark_is_never_in_the_seeds_own_language() -> None:
    foreign = {faults.foreign(ONE, OTHER, draw(n)) for n in range(40)}
    assert foreign == {language.foreign for code, language in LANGUAGES.items() if code != "en"}


def test_the_last_number_that_is_not_given_is_changed_wherever_it_stands() -> None:
    seed = entry("A roll costs 2 euros. What do 6 cost?", "1. Six rolls: 6 x 2 = 12 euros.\n2. So they cost 12 euros.")
    for n in range(20):
        text = faults.number_changed(seed, OTHER, draw(n))
        assert text is not None
        assert text.startswith("1. Six rolls: 6 x 2 = ")
        assert "12" not in text
        assert text.count(text.split()[7]) == 2, "both are changed alike"


@pytest.mark.parametrize(("written", "digits"), [("1,250", 4), ("3.14", 3), ("0,5", 2), ("007", 3)])
def test_a_changed_number_is_written_in_the_same_way(written: str, digits: int) -> None:
    for n in range(10):
        text = faults.number_changed(entry("How much?", f"It is {written}."), OTHER, draw(n))
        assert text is not None
        new = text.removeprefix("It is ").removesuffix(".")
        assert new != written
        assert len([c for c in new if c.isdigit()]) in (digits, digits + 1)


def test_a_name_is_changed_for_one_of_the_other_seed() -> None:
    seed = entry("Who wrote it?", "It was written by Goethe, and Goethe lived in Weimar.")
    found = {faults.name_changed(seed, OTHER, draw(n)) for n in range(40)}
    assert "It was written by Italy, and Italy lived in Weimar." in found
    assert "It was written by Goethe, and Goethe lived in Tiber." in found
    assert not any(text and "Say" in text for text in found), "a sentence's first word may be no name"


@pytest.mark.parametrize(
    ("instruction", "response", "expected"),
    [
        ("What is Rome?", "Rome is the capital of Italy.", "Rome is not the capital of Italy."),
        ("Was ist Rom?", "Rom ist die Hauptstadt von Italien.", "Rom ist nicht die Hauptstadt von Italien."),
        ("Qu'est-ce que Rome ?", "Rome est la capitale de l'Italie.", "Rome n'est pas la capitale de l'Italie."),
        ("¿Qué es Roma?", "Roma es la capital de Italia.", "Roma no es la capital de Italia."),
        ("Can it?", "You cannot do that with the tool.", "You can do that with the tool."),
    ],
)
def test_a_statement_is_negated_in_its_language(instruction: str, response: str, expected: str) -> None:
    assert faults.negated(entry(instruction, response), OTHER, draw()) == expected


def test_what_is_negated_already_is_left_alone() -> None:
    assert faults.negated(entry("Is it the one?", "It is not the one that you have to take."), OTHER, draw()) in (
        "It is not the one that you do not have to take.",
    )


def test_steps_change_their_order_and_keep_their_numbers() -> None:
    seed = entry("How?", "1. Boil water.\n2. Add tea.\n3. Drink it.")
    for n in range(10):
        text = broken(faults.steps_shuffled, "response", seed, [OTHER], draw(n))
        if text:
            assert [line[:2] for line in text.split("\n")] == ["1.", "2.", "3."]
            assert sorted(line[3:] for line in text.split("\n")) == ["Add tea.", "Boil water.", "Drink it."]


def test_an_instruction_loses_its_input_its_names_or_its_place() -> None:
    seed = entry("Translate the sentence of Anna.\n\nIt is 12 degrees in Paris.", "Il fait 12 degrés à Paris.")
    assert faults.input_dropped(seed, OTHER, draw()) == "Translate the sentence of Anna."
    assert faults.vague(seed, OTHER, draw()) == "Translate the sentence of it.\n\nIt is some degrees in it."
    assert faults.answered(seed, OTHER, draw()) == seed.response


NOTHING = entry("Jetzt!", "Ja.")


@pytest.mark.parametrize(
    "fault",
    [
        faults.truncated,
        faults.repeated,
        faults.grafted,
        faults.number_changed,
        faults.name_changed,
        faults.negated,
        faults.steps_shuffled,
        faults.code_broken,
        faults.cut,
        faults.shuffled,
        faults.input_dropped,
        faults.vague,
        faults.answered,
    ],
)
def test_a_fault_that_does_not_apply_is_passed_over(fault: Callable[..., str | None]) -> None:
    assert fault(NOTHING, OTHER, draw()) is None


def test_negating_and_blurring_need_a_known_language_and_nothing_else_does() -> None:
    chinese = entry("请问 3 加 4 等于 多少 ?", "答案 是 7 。 因为 3 加 4 等于 7 。 所以 是 7 。")
    assert language_of(chinese.response) is None
    applies = {
        f.__name__: broken(f, stage, chinese, [OTHER], draw()) is not None
        for stage, kinds in FAULTS.items()
        for of_kind in kinds.values()
        for f in of_kind
    }
    assert not applies["negated"]
    assert not applies["vague"]
    assert applies["number_changed"]
    assert applies["foreign"]


def test_the_kind_of_a_fault_is_known_by_its_name() -> None:
    assert [kind_of(n) for n in ("truncated", "negated", "vague", "rejected")] == [
        "form",
        "meaning",
        "meaning",
        "labelled",
    ]


@pytest.mark.parametrize(("code", "language"), [(language.foreign, code) for code, language in LANGUAGES.items()])
def test_a_text_is_known_by_its_common_words(code: str, language: str) -> None:
    assert language_of(code) == language


# --- code -------------------------------------------------------------------------------------------------------------

PYTHON = """def evens(numbers):
    # even ones, please
    total = 0
    for n in numbers:
        if n % 2 == 0 and n > 0:
            total = total + n
    return total"""


def test_python_still_parses_and_does_something_else() -> None:
    found = {break_code(PYTHON, draw(n)) for n in range(60)}
    assert len(found) >= 5
    for text in found:
        assert text is not None
        assert "# even ones, please" in text, "the rest stays as it was"
        assert ast.dump(ast.parse(text)) != ast.dump(ast.parse(PYTHON))


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("Here it is:\n```python\nx = a + b\n```\nIt adds.", "x = a - b"),
        ("```js\nif (a > b) { return a; }\n```", "a < b"),
        ("SELECT MAX(age)\nFROM people;", "MIN(age)"),
        ("s = 'äöü' + t", "s = 'äöü' - t"),
    ],
)
def test_code_within_text_and_in_other_languages_is_changed_by_its_signs(text: str, changed: str) -> None:
    result = break_code(text, draw())
    assert result is not None
    assert changed in result
    assert result.startswith(text[:4])


@pytest.mark.parametrize("text", ["", "There are 2 > 1 reasons to go - or not.", "```\n```", "def f(:\n"])
def test_what_is_no_code_is_left_alone(text: str) -> None:
    assert break_code(text, draw()) is None


# --- all of them ------------------------------------------------------------------------------------------------------

WORDS = "Yes. No is are ist nicht est Anna Rome 3 12 0.5 def f(x): return x + 1 ``` - 1. 请问 it, and"
PIECES = st.sampled_from([*WORDS.split(), "\n", "\n\n", "```\n", "\ud800"])
TEXTS = st.lists(PIECES, min_size=1, max_size=25).map(" ".join).filter(lambda t: bool(t.strip()))
ALL = [(stage, f) for stage, kinds in FAULTS.items() for of_kind in kinds.values() for f in of_kind]


@given(TEXTS, TEXTS, TEXTS, TEXTS, st.integers(0, 9), st.sampled_from(ALL))
def test_no_fault_gives_back_the_original_and_the_same_draw_gives_the_same(
    x: str, y: str, other_x: str, other_y: str, seed: int, fault: tuple[Stage, Fault]
) -> None:
    stage, break_it = fault
    one, other = entry(x, y), replace(entry(other_x, other_y), id="seed-00001")
    text = broken(break_it, stage, one, [other], draw(seed))
    assert text == broken(break_it, stage, one, [other], draw(seed))
    if text is not None:
        assert text.strip()
        assert text.split() != (x if stage == "instruction" else y).split()
