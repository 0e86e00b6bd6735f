from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from gra.calls import CallId, Reply, Request
from gra.config.material import SeedsConfig
from gra.config.models import ModelConfig
from gra.config.synthesis import SamplingConfig, SynthesisConfig
from gra.prompts.parse import Unusable
from gra.records import Cast, Entry, Opinion, Sample, Seed, Verdict, Version
from gra.synthesis.asking import Unwritten
from gra.synthesis.bootstrap import Annotator, annotate, read_summary
from gra.synthesis.generate import LONGEST_EXAMPLE, Generator, read_novel_keywords

CONFIG = SynthesisConfig(
    seeds=SeedsConfig.model_validate({"path": "seeds.json"}),
    models=tuple(ModelConfig(name=name, base_url="http://localhost:1/v1") for name in "abc"),
    target=1,
    generation=SamplingConfig(temperature=0.7, top_p=0.8, max_tokens=300),
)
EXAMPLES = (
    Entry("seed-00000", 0, "Math", ("sum", "odd numbers"), "Add odd numbers.", "Add 1, 3 and 5.", "9"),
    Entry("seed-00001", 0, "Math", ("prime",), "Name primes.", "Name \u201cthree\u201d primes.", "2, 3, 5"),
)
SAMPLE = Sample("r01-00003", 1, 3, "Math", Cast("b", ("a",), "c"), instruction="Add 2 and 2.")
NOVEL = json.dumps({"domain": "Math", "keywords": ["fraction", "pizza"]})


class Scripted:
    """Gives these texts in turn and keeps what it was asked."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.asked: list[tuple[CallId, Request]] = []

    async def __call__(self, call: CallId, request: Request) -> Reply:
        self.asked.append((call, request))
        return Reply(self.texts.pop(0))


def generator(ask: Scripted, examples: Sequence[Entry] = EXAMPLES, response_examples: int = 2) -> Generator:
    config = CONFIG.model_copy(update={"response_examples": response_examples})
    return Generator(ask, config, SAMPLE, examples)


def shown(ask: Scripted, at: int = 0) -> str:
    return "\n".join(m.content for m in ask.asked[at][1].messages)


async def test_keywords_come_from_the_samples_generator_after_the_examples_keywords() -> None:
    ask = Scripted(NOVEL)
    assert await generator(ask).keywords() == ("fraction", "pizza")
    [(call, request)] = ask.asked
    assert (call, request.model) == (CallId("r01-00003", "keywords"), "b")
    assert '["sum", "odd numbers"]' in shown(ask)
    assert (request.sampling.temperature, request.sampling.top_p) == (0.7, 0.8)


@pytest.mark.parametrize("used", [["sum", "odd numbers"], ["Odd-Numbers", "SUM"], ["Prime"]])
async def test_used_keywords_are_asked_for_again_and_then_given_up(used: list[str]) -> None:
    old = json.dumps({"domain": "Math", "keywords": used})
    ask = Scripted(old, NOVEL)
    assert await generator(ask).keywords() == ("fraction", "pizza")
    assert "used already" in ask.asked[1][1].messages[-1].content
    with pytest.raises(Unwritten, match="used already"):
        await generator(Scripted(old, old)).keywords()


@pytest.mark.parametrize(
    "reply",
    [NOVEL.replace("Math", "Art"), '{"keywords": ["x"]}', '{"domain": "Math"}', "fraction, pizza", ""],
)
def test_keywords_of_no_or_another_domain_are_unusable(reply: str) -> None:
    assert isinstance(read_novel_keywords(reply, "Math", EXAMPLES), Unusable)


async def test_an_instruction_comes_from_the_keywords_with_the_examples_as_reference() -> None:
    ask = Scripted(" Share a pizza among 8. ")
    assert await generator(ask).instruction(("fraction", "pizza")) == "Share a pizza among 8."
    assert "fraction, pizza" in ask.asked[0][1].messages[-1].content
    assert all(e.summary in shown(ask) for e in EXAMPLES)
    assert not any(e.response in shown(ask) for e in EXAMPLES)


async def test_a_long_example_is_shown_by_its_summary() -> None:
    long = Entry("seed-00002", 0, "Math", ("long",), "A long one.", "x" * (LONGEST_EXAMPLE + 1), "y")
    ask = Scripted("New.")
    await generator(ask, [*EXAMPLES, long]).instruction(("k",))
    assert long.instruction not in shown(ask)
    assert long.summary in shown(ask)


@pytest.mark.parametrize("copied", ["Add 1, 3 and 5.", " add 1, 3\nAND 5. ", "", " \n"])
async def test_a_copied_or_empty_instruction_is_given_up_after_one_more_try(copied: str) -> None:
    assert await generator(Scripted(copied, "New.")).instruction(("k",)) == "New."
    with pytest.raises(Unwritten, match="b was asked for instruction"):
        await generator(Scripted(copied, copied)).instruction(("k",))


@pytest.mark.parametrize(
    "echo",
    [
        "Write an exercise about: fraction, pizza.",
        "Pizza, fraction",
        "About pizza.",
        "Write an exercise about fractions and hunger.\n\nThree friends share a pizza.",
    ],
)
async def test_an_instruction_that_only_repeats_what_was_asked_for_gets_a_repair_turn(echo: str) -> None:
    ask = Scripted(echo, "Cut a pizza into eight fractions.")
    assert await generator(ask).instruction(("fraction", "pizza")) == "Cut a pizza into eight fractions."
    assert "only repeats" in shown(ask, 1)


async def test_a_response_is_written_after_as_many_answered_examples_as_asked_for() -> None:
    ask = Scripted("4")
    assert await generator(ask, response_examples=1).response("Add 2 and 2.") == "4"
    assert ask.asked[0][0] == CallId("r01-00003", "v0.response")
    assert ask.asked[0][1].sampling.max_tokens == 300
    assert [m.content for m in ask.asked[0][1].messages[1:]] == [
        EXAMPLES[0].instruction,
        EXAMPLES[0].response,
        "Add 2 and 2.",
    ]


async def test_the_papers_response_sees_no_examples() -> None:
    ask = Scripted("4")
    await generator(ask, response_examples=0).response("Add 2 and 2.")
    assert [m.content for m in ask.asked[0][1].messages[1:]] == ["Add 2 and 2."]


async def test_an_example_with_a_long_answer_is_left_out() -> None:
    long = replace(EXAMPLES[0], response="word " * 400)
    ask = Scripted("4")
    await generator(ask, examples=(long, *EXAMPLES[1:])).response("Add 2 and 2.")
    assert "word word" not in shown(ask)
    assert EXAMPLES[1].response in shown(ask)


@pytest.mark.parametrize("around", ["{}", "Certainly! Here is the same answer:\n\n{}", "{} Have a nice day!"])
async def test_an_answer_that_holds_an_examples_is_turned_back(around: str) -> None:
    long = replace(EXAMPLES[0], response="A greeting is a word or a sign with which two people begin to talk.")
    ask = Scripted(around.format(long.response.upper()), "Hello.")
    assert await generator(ask, examples=(long, *EXAMPLES[1:])).response("Greet me.") == "Hello."
    assert "word for word" in shown(ask, 1)


async def test_every_step_of_every_sample_has_a_seed_of_its_own_that_stays() -> None:
    async def seeds() -> list[int]:
        ask = Scripted(NOVEL, "New.", "4")
        writer = generator(ask)
        await writer.keywords()
        await writer.instruction(("k",))
        await writer.response("Go.")
        return [request.sampling.seed for _, request in ask.asked]

    assert len(set(await seeds())) == 3
    assert await seeds() == await seeds()


async def test_a_revision_goes_back_to_the_generator_with_what_was_said() -> None:
    said = tuple(Opinion(m, "response", "written", comment=f"Point of order {n}.") for n, m in enumerate("ac"))
    version = Version(0, "five", SAMPLE.cast, said, Verdict("reject", 5.0, 0.0, "low", {"a": 0.5, "c": 0.5}))
    sample = Sample(**{**{f: getattr(SAMPLE, f) for f in SAMPLE.__slots__}, "versions": (version,)})
    ask = Scripted("", "4")
    assert await generator(ask).revision(sample) == "4"
    (call, request), (again, _) = ask.asked
    assert (call, again) == (CallId("r01-00003", "v1.response"), CallId("r01-00003", "v1.response", 1))
    assert request.model == "b"
    assert all(text in shown(ask) for text in ("Add 2 and 2.", "Point of order 0.", "Point of order 1."))
    assert "five" not in shown(ask), "a draft is copied or apologised for"


async def test_without_a_critique_there_is_no_revision() -> None:
    said = (Opinion("a", "response", "written", comment="Point of order."),)
    version = Version(0, "five", SAMPLE.cast, said, Verdict("reject", 5.0, 0.0, "low", {"a": 0.0}))
    with pytest.raises(Unwritten, match="no critique"):
        await generator(Scripted()).revision(replace(SAMPLE, versions=(version,)))


# --- D(0) -------------------------------------------------------------------------------------------------------------

SEED = Seed("seed-00000", "Add 1 and 1.", "2")
WHOLE = ['{"domain": "Math"}', '{"keywords": ["sum"]}', '{"summary": "Add ones."}']


async def test_a_seed_is_annotated_in_three_calls_and_what_its_file_says_is_kept() -> None:
    entry = await Annotator(Scripted(*WHOLE), CONFIG).entry(SEED)
    assert entry == Entry("seed-00000", 0, "Math", ("sum",), "Add ones.", "Add 1 and 1.", "2")
    ask = Scripted()
    known = Seed("seed-00001", "x", "y", "Art", ("k",), "z")
    assert await Annotator(ask, CONFIG).entry(known) == Entry("seed-00001", 0, "Art", ("k",), "z", "x", "y")


async def test_the_models_take_turns_at_random() -> None:
    firsts = set()
    for n in range(30):
        ask = Scripted(*WHOLE)
        await Annotator(ask, CONFIG).entry(Seed(f"seed-{n}", "x", "y"))
        firsts |= {request.model for _, request in ask.asked}
    assert firsts == {"a", "b", "c"}


async def test_a_task_that_one_model_cannot_do_goes_to_the_next_and_at_last_is_told() -> None:
    ask = Scripted("?", "?", '{"summary": "Add ones."}')
    assert await Annotator(ask, CONFIG).summary("s", "Add 1 and 1.") == "Add ones."
    assert [call.attempt for call, _ in ask.asked] == [0, 1, 0]
    assert ask.asked[0][1].model == ask.asked[1][1].model != ask.asked[2][1].model
    done: list[int] = []
    entries, problems = await annotate(Scripted(*["?"] * 6), CONFIG, [SEED], lambda: done.append(1))
    assert (entries, done) == ([], [1])
    assert "seed-00000" in problems[0]


def test_a_summary_has_at_most_thirty_words() -> None:
    assert read_summary(json.dumps({"summary": "w " * 30})) == " ".join(["w"] * 30)
    assert isinstance(read_summary(json.dumps({"summary": "w " * 31})), Unusable)
