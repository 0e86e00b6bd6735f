from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gra.calls import CallId, Reply, Request
from gra.config.material import SeedsConfig
from gra.config.models import ModelConfig
from gra.config.synthesis import SynthesisConfig
from gra.errors import SeedError
from gra.records import Entry, Stage
from gra.synthesis.exam import LONGEST, answered, lacks_seeds, set_exam, sit_exam
from gra.synthesis.exam_material import Labelled, bundled
from gra.synthesis.faults import FAULTS, code_broken, kind_of
from gra.synthesis.languages import LANGUAGES
from gra.synthesis.reading import ProbabilityReading

CONFIG = SynthesisConfig(
    seeds=SeedsConfig.model_validate({"path": "seeds.json"}),
    models=(ModelConfig(name="a", base_url="http://localhost:1/v1"),),
    target=1,
)
STAGES: tuple[Stage, ...] = ("instruction", "response")


def entry(n: int, instruction: str = "", response: str = "") -> Entry:
    return Entry(
        f"seed-{n:05d}",
        0,
        "Math",
        (f"key{n}", "sum"),
        f"Summary {n}.",
        instruction or f"Add the numbers one, two and {n} together now.",
        response or f"The sum of these numbers is {n + 3}. Count them one by one to see it.",
    )


SEEDS = [entry(n) for n in range(12)]
RICH = [
    entry(
        n,
        f"Translate the sentence about Anna and the {n} apples.\n\nAnna sees the {n} apples in {town}.",
        f"Anna is in {town} and sees {n} apples. She is glad about it. Then she eats {n + 30} of them in the end.",
    )
    for n, town in enumerate("Rome Paris London Berlin Vienna Madrid Lisbon Prague Dublin Athens Oslo Bern".split())  # noqa: SIM905
]


@pytest.mark.parametrize("size", [8, 12])
def test_form_and_meaning_come_in_turn_and_all_kinds_alike(size: int) -> None:
    for stage, questions in set_exam(RICH, CONFIG, size).items():
        kinds = [kind_of(q.fault) for q in questions]
        assert kinds == ["form", "meaning"] * (size // 2), stage
        come = Counter(q.fault for q in questions)
        for kind in ("form", "meaning"):
            apply = [come[f.__name__] for f in FAULTS[stage][kind] if f not in (code_broken,)]  # there is no code
            assert max(apply) - min(apply) <= 1, (stage, come)


def test_a_longer_exam_begins_like_a_shorter_one() -> None:
    for stage in STAGES:
        assert set_exam(RICH, CONFIG, 12)[stage][:6] == set_exam(RICH, CONFIG, 6)[stage]


def test_a_seed_has_several_twins_only_where_that_is_allowed() -> None:
    questions = set_exam(RICH, CONFIG, 100, most=3)["response"]
    assert len(questions) == 36
    assert len({q.good for q in questions}) == 12
    assert len({(q.good, q.fault) for q in questions}) == 36
    assert len(set_exam(RICH, CONFIG, 100)["response"]) == 12


def test_labelled_answers_stand_beside_the_seeds() -> None:
    pairs = [Labelled(f"p{n:03d}", "rejected", f"Say {n}.", f"{n}", f"Say {n}.", "no") for n in range(9)]
    questions = set_exam(RICH, CONFIG, 6, pairs)
    assert [q.fault == "rejected" for q in questions["response"]] == [False, True] * 6
    assert not any(q.fault == "rejected" for q in questions["instruction"])


def test_a_question_is_a_seed_and_its_twin_that_differ_in_one_thing() -> None:
    questions = set_exam(SEEDS, CONFIG, 8)
    for q in questions["instruction"]:
        assert q.good.stage == q.broken.stage == "instruction"
        assert (q.good.response, q.broken.response) == ("", "")
        assert q.good.instruction != q.broken.instruction
    for q in questions["response"]:
        assert q.good.instruction == q.broken.instruction
        assert q.good.response != q.broken.response
    assert not any(q.good.reviews or q.broken.reviews for stage in STAGES for q in questions[stage])


WORDS = st.lists(st.sampled_from(["add", "two", "Two.", "sum!", "a", "b,"]), min_size=1, max_size=12).map(" ".join)
TEXTS = st.one_of(WORDS, st.sampled_from([LANGUAGES["en"].refusal, " ".join(["This is a long sentence."] * 5), "k, k"]))


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=4, max_size=8), st.integers(4, 10))
def test_a_broken_text_always_differs_from_the_good_one(texts: list[tuple[str, str]], size: int) -> None:
    seeds = [replace(entry(n, x, y), keywords=("k",)) for n, (x, y) in enumerate(texts)]
    try:
        questions = set_exam(seeds, CONFIG, size)
    except SeedError as told:
        assert "seed-" in str(told)
        return
    for stage in STAGES:
        assert len(questions[stage]) == min(size, len(seeds))
        for q in questions[stage]:
            good, broken = ((m.instruction, m.response) for m in (q.good, q.broken))
            assert [t.split() for t in good] != [t.split() for t in broken]
            assert all(broken[: 1 if stage == "instruction" else 2])


def test_only_seeds_are_asked_about_and_short_ones_first() -> None:
    long = [entry(n, response="word " * LONGEST) for n in range(20, 40)]
    later = [replace(entry(n), round=1) for n in range(50, 90)]
    asked = {q.good.instruction for q in set_exam([*long, *SEEDS, *later], CONFIG, 12)["response"]}
    assert asked == {s.instruction for s in SEEDS}
    more = {q.good.instruction for q in set_exam([*long, *SEEDS, *later], CONFIG, 13)["response"]}
    assert more <= {s.instruction for s in [*long, *SEEDS]}
    assert len(more) == 13


def test_the_exam_is_the_same_every_time_and_another_for_another_run() -> None:
    assert set_exam(SEEDS, CONFIG, 8) == set_exam(SEEDS, CONFIG, 8)
    assert set_exam(SEEDS, CONFIG, 8) != set_exam(SEEDS, CONFIG.model_copy(update={"random_seed": 1}), 8)


@pytest.mark.parametrize("count", [0, 3])
def test_fewer_than_four_seeds_are_helped_out_by_exercises_of_gras_own(count: int) -> None:
    accepted = [replace(entry(n), round=1) for n in range(20, 30)]
    assert lacks_seeds([*SEEDS[:count], *accepted])
    questions = set_exam([*SEEDS[:count], *accepted], CONFIG, 100)["response"]
    assert {q.good.instruction for q in questions} == {e.instruction for e in [*SEEDS[:count], *bundled()]}
    assert not lacks_seeds(SEEDS[:4])
    assert len(set_exam(SEEDS[:4], CONFIG, 16)["response"]) == 4


def test_the_bundled_exercises_lend_themselves_to_every_fault() -> None:
    for stage, questions in set_exam([], CONFIG, 500, most=12).items():
        come = Counter(q.fault for q in questions)
        assert set(come) == {f.__name__ for kind in FAULTS[stage].values() for f in kind}
        assert min(come.values()) >= 4, come
    assert {e.domain for e in bundled()} == {leaf.name for leaf in CONFIG.leaves}


class Examinee:
    """Says Yes to what is no broken twin, surely or hardly; fails to answer about some."""

    def __init__(self, broken: set[str], mute_on: str = "never said") -> None:
        self.broken, self.mute_on = broken, mute_on
        self.asked: list[tuple[CallId, Request]] = []

    async def __call__(self, call: CallId, request: Request) -> Reply:
        self.asked.append((call, request))
        text = request.messages[-1].content
        if self.mute_on in text:
            return Reply("")
        yes = 0.2 if any(b in text for b in self.broken) else 0.9
        return Reply("", labels={"yes": yes, "no": 1 - yes})


async def test_every_model_reads_the_same_questions_and_gets_its_standing() -> None:
    questions = set_exam(SEEDS, CONFIG, 8)["response"]
    ask = Examinee({f"{q.broken.instruction}\n\nAnswer: {q.broken.response}\n" for q in questions})
    one = (await sit_exam(ask, "a", ProbabilityReading(), questions)).standing
    other = (await sit_exam(ask, "b", ProbabilityReading(), questions)).standing
    assert (one.auc, len(one.good), one.weight > 1) == (1.0, 4, True), "half is enough to be sure"
    assert (one.good, one.broken) == (other.good, other.broken)
    read = {m: sorted(str(r.messages) for _, r in ask.asked if r.model == m) for m in "ab"}
    assert read["a"] == read["b"]
    assert len({call for call, _ in ask.asked}) == len(ask.asked) == 2 * 4 * 2 * 6
    assert not any("broken" in str(r.messages) for _, r in ask.asked), "nobody is told which is which"


async def test_who_could_not_be_read_on_a_question_has_no_standing() -> None:
    questions = set_exam(SEEDS, CONFIG, 8)["response"]
    result = await sit_exam(Examinee(set(), questions[3].good.instruction), "a", ProbabilityReading(), questions)
    assert "3 of 4" in result.failure


class Wavering(Examinee):
    """Prefers the good by a little, one time more and one time less."""

    async def __call__(self, call: CallId, request: Request) -> Reply:
        self.asked.append((call, request))
        number = int(call.sample.removeprefix("exam-"))
        lean = (0.15 if ".good." in call.step else 0.0) + 0.3 * (number % 2)
        return Reply("", labels={"yes": 0.3 + lean, "no": 0.7 - lean})


async def test_who_may_or_may_not_be_able_to_tell_reads_all_questions() -> None:
    questions = set_exam(SEEDS, CONFIG, 8)["response"]
    standing = (await sit_exam(Wavering(set()), "a", ProbabilityReading(), questions)).standing
    assert len(standing.good) == len(standing.broken) == 8
    assert replace(standing, good=standing.good[:4], broken=standing.broken[:4]).unsure


@pytest.mark.parametrize("size", [4, 5, 6, 7, 8, 9])
async def test_an_exam_of_any_size_comes_to_its_end(size: int) -> None:
    questions = set_exam(SEEDS, CONFIG, size)["response"]
    standing = (await sit_exam(Wavering(set()), "a", ProbabilityReading(), questions)).standing
    assert 4 <= len(standing.good) == len(standing.broken) <= size


async def test_who_is_at_chance_is_not_asked_on() -> None:
    questions = set_exam(SEEDS, CONFIG, 8)["response"]
    ask = Examinee(set())
    standing = (await sit_exam(ask, "a", ProbabilityReading(), questions)).standing
    assert (len(standing.good), standing.weight, len(ask.asked)) == (4, 0, 4 * 2 * 6)


async def test_a_good_text_is_read_once_however_many_twins_it_has() -> None:
    questions = set_exam(RICH, CONFIG, 36, most=3)["response"]
    ask = Examinee(set())
    answers = await answered(ask, "a", ProbabilityReading(), questions)
    assert len(answers) == 36
    assert len({call for call, _ in ask.asked}) == len(ask.asked) == (12 + 36) * 6
    assert {call.step.split(".")[2] for call, _ in ask.asked} == {"good", *(q.fault for q in questions)}
