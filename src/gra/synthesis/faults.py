"""Breaking a seed by rule, so that the right answer about it is known without a person or a larger model.

Each kind is a fault that small generators commit. Faults of form can be told from how a text looks; faults of meaning
leave its form as it is, and only who understands it can tell. Which models can tell which, docs/exam.md says. Pure: the
same draw makes the same text. A fault that does not apply to a seed gives None, never the seed's own text.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

from gra.records import Entry, Stage
from gra.synthesis.code_fault import break_code
from gra.synthesis.languages import LANGUAGES, language_of

Fault = Callable[[Entry, Entry, random.Random], str | None]
"""Takes a seed, another one and a draw; gives a broken text, or None where this fault does not apply."""
Kind = Literal["form", "meaning"]

_NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)*(?![\w])")
_ENUMERATOR = re.compile(r"^(\s*(?:\d+[.)]|[-*•])\s+)?(.*)$", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]+")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


# --- answers: form ----------------------------------------------------------------------------------------------------


def swapped(seed: Entry, other: Entry, draw: random.Random) -> str | None:
    """The answer of another exercise."""
    return other.response


def truncated(seed: Entry, other: Entry, draw: random.Random) -> str | None:
    """The first third of the answer."""
    count = len(seed.response.split())
    return _first_words(seed.response, count // 3) if count >= 9 else None


def repeated(seed: Entry, other: Entry, draw: random.Random) -> str | None:
    """A sentence of the answer, over and over."""
    first = _SENTENCE_END.split(seed.response)[0]
    return " ".join([first] * 5) if len(first) >= 20 else None


def refused(seed: Entry, other: Entry, draw: random.Random) -> str | None:
    """An empty refusal, in the seed's language where that is known, else in English."""
    return LANGUAGES[_language(seed) or "en"].refusal


def polite(seed: Entry, other: Entry, draw: random.Random) -> str | None:
    """Courtesy that answers nothing."""
    return LANGUAGES[_language(seed) or "en"].polite


def foreign(seed: Entry, other: Entry, draw: random.Random) -> str | None:
    """A general remark in another language than the seed's."""
    return draw.choice([language.foreign for code, language in LANGUAGES.items() if code != _language(seed)])


def grafted(seed: Entry, other: Entry, draw: random.Random) -> str | None:
    """The first half of the answer, and the second half of another's."""
    mine, theirs = len(seed.response.split()), len(other.response.split())
    if mine < 8 or theirs < 8:
        return None
    return f"{_first_words(seed.response, mine // 2)} {_without_first(other.response, theirs // 2)}"


# --- answers: meaning -------------------------------------------------------------------------------------------------


def number_changed(seed: Entry, other: Entry, draw: random.Random) -> str | None:
    """The last number that the exercise does not give, so the result where there is one, is another throughout."""
    given = {m.group() for m in _NUMBER.finditer(seed.instruction)}
    found = [m.group() for m in _numbers(seed.response)]
    own = [n for n in found if n not in given] or found
    if not own:
        return None
    new = _other_number(own[-1], draw)
    places = [m.span() for m in _numbers(seed.response) if m.group() == own[-1]]
    return _replaced(seed.response, places, new)


def name_changed(seed: Entry, other: Entry, draw: random.Random) -> str | None:
    """A capitalised word within a sentence is another's throughout (in German a noun, which does as well)."""
    own = sorted({m.group() for m in _names(seed.response)})
    taken = {m.group() for m in _WORD.finditer(seed.response)}
    others = sorted({m.group() for m in _names(f"{other.response}\n{other.instruction}")} - taken)
    if not own or not others:
        return None
    name, new = draw.choice(own), draw.choice(others)
    return _replaced(seed.response, [m.span() for m in _WORD.finditer(seed.response) if m.group() == name], new)


def negated(seed: Entry, other: Entry, draw: random.Random) -> str | None:
    """One statement says the opposite."""
    code = language_of(seed.response) or _language(seed)
    if code is None:
        return None
    language = LANGUAGES[code]
    words = list(_WORD.finditer(seed.response))
    around = [{w.group().casefold() for w in words[max(0, n - 1) : n + 2]} for n in range(len(words))]
    places = [
        word
        for word, near in zip(words, around, strict=True)
        if word.group() in language.negations and (word.group() == "cannot" or not near & language.negative)
    ]
    if not places:
        return None
    at = draw.choice(places)
    return _replaced(seed.response, [at.span()], language.negations[at.group()])


def steps_shuffled(seed: Entry, other: Entry, draw: random.Random) -> str | None:
    """Lines or sentences in another order; numbers of a list stay where they are."""
    lines = seed.response.split("\n")
    parts, joint = (lines, "\n") if sum(bool(p.strip()) for p in lines) >= 3 else _sentences(seed.response)
    full = [n for n, part in enumerate(parts) if part.strip()]
    texts = [_split_enumerator(parts[n]) for n in full]
    if len({text for _, text in texts}) < 3:
        return None
    mixed = draw.sample([text for _, text in texts], len(texts))
    for n, (prefix, _), text in zip(full, texts, mixed, strict=True):
        parts[n] = prefix + text
    return joint.join(parts)


def code_broken(seed: Entry, other: Entry, draw: random.Random) -> str | None:
    """An operator, a comparison, an index or a constant of the code is another; what was Python still parses."""
    return break_code(seed.response, draw)


# --- instructions: form -----------------------------------------------------------------------------------------------


def cut(seed: Entry, other: Entry, draw: random.Random) -> str | None:
    """The first part of the exercise."""
    count = len(seed.instruction.split())
    return _first_words(seed.instruction, max(1, round(0.4 * count))) if count >= 5 else None


def glued(seed: Entry, other: Entry, draw: random.Random) -> str | None:
    """Two unrelated exercises run together."""
    begin = _first_words(seed.instruction, max(1, round(0.6 * len(seed.instruction.split()))))
    return f"{begin}, {other.instruction[:1].lower()}{other.instruction[1:]}"


def listed(seed: Entry, other: Entry, draw: random.Random) -> str | None:
    """Keywords instead of an exercise: the longest words of two."""
    words = [*_longest_words(seed.instruction), *_longest_words(other.instruction)]
    return ", ".join(words) if len(words) >= 2 else None


def shuffled(seed: Entry, other: Entry, draw: random.Random) -> str | None:
    """The words in another order."""
    words = seed.instruction.split()
    return " ".join(draw.sample(words, len(words))) if len(words) >= 5 else None


# --- instructions: meaning --------------------------------------------------------------------------------------------


def input_dropped(seed: Entry, other: Entry, draw: random.Random) -> str | None:
    """What the exercise is about is gone: all that follows its first paragraph."""
    task, _, given = seed.instruction.partition("\n")
    return task if given.strip() and len(task.split()) >= 3 else None


def vague(seed: Entry, other: Entry, draw: random.Random) -> str | None:
    """Vague words in place of the numbers and names."""
    code = _language(seed)
    if code is None:
        return None
    number, name = LANGUAGES[code].vague
    places = [(*m.span(), number) for m in _numbers(seed.instruction)]
    places += [(*m.span(), name) for m in _names(seed.instruction)]
    text = seed.instruction
    for begin, end, word in sorted(places, reverse=True):
        text = text[:begin] + word + text[end:]
    return text


def answered(seed: Entry, other: Entry, draw: random.Random) -> str | None:
    """The answer in place of the exercise."""
    return seed.response if len(seed.response.split()) >= 4 else None


FAULTS: Mapping[Stage, Mapping[Kind, tuple[Fault, ...]]] = {
    "instruction": {"form": (cut, glued, listed, shuffled), "meaning": (input_dropped, vague, answered)},
    "response": {
        "form": (swapped, truncated, refused, grafted, repeated, polite, foreign),
        "meaning": (number_changed, name_changed, negated, code_broken, steps_shuffled),
    },
}
"""All faults, each kind in the order in which they are tried."""


def kind_of(name: str) -> Kind | Literal["labelled"]:
    """The kind of a fault by its name; whatever is no function here was found by a person."""
    found = {fault.__name__: kind for kinds in FAULTS.values() for kind, faults in kinds.items() for fault in faults}
    return found.get(name, "labelled")


def broken(fault: Fault, stage: Stage, seed: Entry, others: Iterable[Entry], draw: random.Random) -> str | None:
    """The seed's text of a stage with a fault, the first of the others that lends itself to it; None if none does.

    It is never empty, and differs from the seed's by more than blanks.
    """
    own = seed.instruction if stage == "instruction" else seed.response
    for other in others:
        text = fault(seed, other, draw)
        if text and text.strip() and text.split() != own.split():
            return text
    return None


# --- pieces of text ---------------------------------------------------------------------------------------------------


def _language(seed: Entry) -> str | None:
    return language_of(f"{seed.instruction} {seed.response}")


def _first_words(text: str, count: int) -> str:
    words = list(re.finditer(r"\S+", text))
    return text[words[0].start() : words[count - 1].end()] if 0 < count <= len(words) else ""


def _without_first(text: str, count: int) -> str:
    words = list(re.finditer(r"\S+", text))
    return text[words[count].start() :] if count < len(words) else ""


def _sentences(text: str) -> tuple[list[str], str]:
    return _SENTENCE_END.split(text), " "


def _split_enumerator(line: str) -> tuple[str, str]:
    match = _ENUMERATOR.match(line)
    assert match is not None, "the expression matches every text"
    return match.group(1) or "", match.group(2)


def _numbers(text: str) -> list[re.Match[str]]:
    """All numbers but those that count the lines of a list."""
    counting = {m.start(1) for m in re.finditer(r"^\s*(\d+)[.)]\s", text, re.MULTILINE)}
    return [m for m in _NUMBER.finditer(text) if m.start() not in counting]


def _other_number(number: str, draw: random.Random) -> str:
    """Another number, up to a half more or less, written in the same way where it has as many digits."""
    digits = re.sub(r"\D", "", number)
    value = int(digits)
    step = max(1, round(value * draw.choice([0.1, 0.25, 0.5])))
    new = str(value - step if draw.random() < 0.5 and value > step else value + step).zfill(len(digits))
    if len(new) > len(digits):
        return new
    left = iter(new)
    return re.sub(r"\d", lambda _: next(left), number)


def _names(text: str) -> list[re.Match[str]]:
    """Capitalised words of three letters or more that do not begin a sentence."""
    return [
        m
        for m in _WORD.finditer(text)
        if len(m.group()) >= 3 and m.group().istitle() and re.search(r"[^.!?:\s\"'(*#>-][ ]$", text[: m.start()][-2:])
    ]


def _longest_words(text: str) -> list[str]:
    words = dict.fromkeys(m.group().casefold() for m in _WORD.finditer(text))
    return sorted(sorted(words, key=len, reverse=True)[:3])


def _replaced(text: str, places: Sequence[tuple[int, int]], new: str) -> str:
    for begin, end in sorted(places, reverse=True):
        text = text[:begin] + new + text[end:]
    return text
