"""Constraints: what an instruction states itself and a rule can check, in English and German.

Only what is said plainly is taken for a constraint: a pattern that could mean something else is left alone, because one
false alarm costs more than what it would have found. The kinds are those of IFEval (arXiv 2311.07911) as far as people
use them in instructions of their own. Knows nothing of meaning.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gra.calls import Ask, CallId
from gra.synthesis.evidence import formats
from gra.synthesis.evidence.verifier import Finding, smoothed
from gra.synthesis.reading import Matter

NUMBERS = {
    **dict(zip("one two three four five six seven eight nine ten eleven twelve".split(), range(1, 13), strict=True)),  # noqa: SIM905
    **dict(zip("zwei drei vier fünf sechs sieben acht neun zehn elf zwölf".split(), range(2, 13), strict=True)),  # noqa: SIM905
    **dict.fromkeys("a ein eine einem einen einer single einzigen".split(), 1),  # noqa: SIM905
}
"""Numbers that are written out."""
_N = r"(?P<n>\d{1,4}|" + "|".join(sorted(NUMBERS, key=len, reverse=True)) + ")"
_COUNTED = "|".join(sorted((w for w, n in NUMBERS.items() if n > 1 or w == "one"), key=len, reverse=True))
_SEVERAL = rf"(?P<n>\d{{1,3}}|{_COUNTED})"
_MOST = r"(?:at most|no more than|not more than|up to|a maximum of|maximal|höchstens|nicht mehr als)"
_LEAST = r"(?:at least|no fewer than|no less than|not less than|a minimum of|mindestens)"
_FEWER = r"(?:fewer than|less than|under|weniger als|unter)"
_MORE = r"(?:more than|over|mehr als|über)"
_QUOTED = r"[\"“”„'‘’«»](?P<text>[^\"“”„‘’«»\n]{1,60}?)[\"“”'’«»]"
_WRITE = (
    r"(?:write|give|answer|reply|respond|describe|explain|summari[sz]e"
    r"|schreib\w*|antworte\w*|beschreib\w*|erklär\w*|fasse?)"
)
UNITS = {
    "words": r"(?:words?|Wörter[n]?|Worten?)",
    "sentences": r"(?:sentences?|Sätzen?|Satz)",
    "paragraphs": r"(?:paragraphs?|Absätzen?|Absatz)",
    "characters": r"(?:characters|Zeichen)",
}
ITEMS = r"(?:bullet points?|bullets|list items|items in a list|Stichpunkten?|Aufzählungspunkten?)"
TOLERANCE = {"words": 0.2, "characters": 0.2, "sentences": 0.0, "paragraphs": 0.0}
"""By how much a stated number may be missed where it is not said to be a bound: nobody counts a hundred words."""


@dataclass(frozen=True, slots=True)
class Check:
    """One constraint and whether it is met."""

    met: bool
    told: str
    """What is asked for and what there is, as a sentence."""


@dataclass(frozen=True, slots=True)
class Constraints:
    """The share of the instruction's own constraints that the response meets."""

    async def verify(self, ask: Ask, matter: Matter, call: CallId) -> Finding | str:
        """As log-odds; abstains where the instruction states none."""
        checks = list(checked(matter.instruction, matter.response))
        if not checks:
            return "the instruction states nothing that a rule could check"
        missed = [check.told for check in checks if not check.met]
        return Finding(smoothed(len(checks) - len(missed), len(checks)), " ".join(missed[:3]))


def checked(instruction: str, response: str) -> Iterator[Check]:
    """Every constraint that is found, with whether it is met."""
    asked = _without_material(instruction)
    yield from _lengths(asked, response)
    yield from _items(asked, response)
    yield from _forms(asked, response)
    yield from _words(asked, response)
    yield from _ends(asked, response)


def _without_material(instruction: str) -> str:
    """What is asked, without the text that it is asked about: what stands after a colon and a line's end, or fenced."""
    text = re.sub(r"```.*?(?:```|\Z)", " ", instruction, flags=re.DOTALL)
    head, *rest = re.split(r":\s*\n", text, maxsplit=1)
    return head if rest and len(rest[0]) > 200 else text


# --- how long ---------------------------------------------------------------------------------------------------------


def count(unit: str, text: str) -> int:
    """How many of a unit a text has."""
    match unit:
        case "words":
            return len(re.findall(r"\w+(?:['’.\-]\w+)*", text))
        case "sentences":
            ends = re.sub(
                r"\b(?:e\.g|i\.e|etc|Dr|Mr|Mrs|Ms|St|vs|z\.\s?B|d\.\s?h|bzw|usw)\.|(?<=\d)\.(?=\d)", "_", text
            )
            return max(1, len(re.findall(r"[.!?]+[\"”’)]*(?=\s|$)", ends.strip()))) if ends.strip() else 0
        case "paragraphs":
            return len([part for part in re.split(r"\n\s*\n", text) if part.strip()])
    return len(text)


def _lengths(asked: str, response: str) -> Iterator[Check]:
    for unit, noun in UNITS.items():
        bound = _bound(asked, unit, noun)
        if bound is None:
            continue
        low, high, told = bound
        there = count(unit, response)
        name = unit if there != 1 else unit[:-1]
        yield Check(low <= there <= high, f"The instruction asks for {told}; there are {there} {name}.")


def _bounds(noun: str) -> Iterator[tuple[str, Callable[[int], tuple[float, float]], str]]:
    """How numbers of a unit are stated: a pattern, the least and the most that it means, and in words."""
    after = _N.replace("<n>", "<m>")
    yield rf"\b{_MOST}\s+{_N}\s+{noun}\b|\b{after}\s+{noun}\s+(?:or (?:less|fewer)|max)", lambda n: (1, n), "at most {}"
    yield rf"\b{_LEAST}\s+{_N}\s+{noun}\b|\b{after}\s+{noun}\s+or more\b", lambda n: (n, math.inf), "at least {}"
    yield rf"\b{_FEWER}\s+{_N}\s+{noun}\b", lambda n: (1, n - 1), "fewer than {}"
    yield rf"\b{_MORE}\s+{_N}\s+{noun}\b", lambda n: (n + 1, math.inf), "more than {}"
    yield rf"\b(?:exactly|precisely|genau)\s+{_N}\s+{noun}\b", lambda n: (n, n), "exactly {}"
    about = r"(?:about|only|just|etwa|nur)\s+"
    yield rf"\bin\s+(?:{about})?{_N}\s+(?:(?:short|kurzen)\s+)?{noun}\b", lambda n: (n, n), "{}"
    yield rf"\b{_WRITE}\s+(?:me\s+)?(?:(?:an?|eine[n]?)\s+)?{_SEVERAL}[\s-]{noun}\b", lambda n: (n, n), "{}"


_PART = (
    r"\b(?:sentences?|paragraphs?|bullets?|points?|items?|lines?|each|every|Sätzen?|Absätzen?|jeder?)\W+(?:\w+\W+)?$"
)
"""Before a number that is of each part of the response, and not of the whole."""


def _bound(asked: str, unit: str, noun: str) -> tuple[float, float, str] | None:
    """The least and the most of a unit, and in words; None if nothing is said, or more than one thing."""
    found: list[tuple[float, float, str]] = []
    taken: list[tuple[int, int]] = []
    span = rf"\b(\d{{1,4}})\s*(?:-|–|to|and|bis|und)\s*(\d{{1,4}})[\s-]*{noun}\b"
    for match in re.finditer(span, asked, re.IGNORECASE):
        low, high = sorted((int(match[1]), int(match[2])))
        found.append((low, high, f"{low} to {high} {unit}"))
        taken.append(match.span())
    for pattern, meant, told in _bounds(noun):
        for match in re.finditer(pattern, asked, re.IGNORECASE):
            if any(start < match.end() and match.start() < end for start, end in taken):
                continue
            if re.search(_PART, asked[: match.start()], re.IGNORECASE):
                continue
            n = number(match["n"] or match.groupdict().get("m") or "")
            least, most = meant(n)
            slack = TOLERANCE[unit] if told == "{}" else 0.0
            found.append((least * (1 - slack), most * (1 + slack), f"{told.format(n)} {unit}"))
            taken.append(match.span())
    return found[0] if len(found) == 1 else None


def number(text: str) -> int:
    """The number that a word or digits stand for."""
    return int(text) if text.isdigit() else NUMBERS[text.lower()]


# --- lists and formats ------------------------------------------------------------------------------------------------


_AS_LIST = (
    r"\b(?:as|in|using|in form of|als|in) (?:an? |einer? |form of an? )?"
    r"(?:bullet(?:ed)?[- ](?:point )?list|bullet points|bullets|numbered list|Stichpunkten?|Aufzählung)\b"
)


def _items(asked: str, response: str) -> Iterator[Check]:
    pattern = rf"\b(?:(?P<least>{_LEAST})\s+|(?P<most>{_MOST})\s+)?{_SEVERAL}\s+{ITEMS}"
    found = list(re.finditer(pattern, asked, re.IGNORECASE))
    if len(found) == 1:
        n, there = number(found[0]["n"]), formats.list_items(response)
        met = there >= n if found[0]["least"] else 1 <= there <= n if found[0]["most"] else there == n
        bound = "at least " if found[0]["least"] else "at most " if found[0]["most"] else ""
        yield Check(met, f"The instruction asks for {bound}{n} list items; there are {there}.")
    elif re.search(_AS_LIST, asked, re.IGNORECASE):
        yield Check(formats.list_items(response) > 1, "The instruction asks for a list; the response is none.")


FORMS = (
    (
        r"\b(?:as|in|into|to|to valid|as valid|in valid|als|im|in) (?:an? |ein )?JSON\b(?! file\b)",
        "JSON",
        formats.is_json,
    ),
    (
        r"\b(?:as|als) (?:an? |einer? )?(?:Markdown[- ])?(?:table|Tabelle)\b(?! of\b| with the)"
        r"|\bin (?:a )?(?:tabular|table) (?:form|format)\b|\bin (?:an? |einer )?(?:Markdown[- ]table|Tabellenform)\b",
        "a table",
        formats.has_table,
    ),
    (
        r"\b(?:in|using|use) all (?:caps|capital letters|uppercase)\b|\bin Großbuchstaben\b",
        "capitals only",
        str.isupper,
    ),
    (r"\b(?:in|using|use) (?:all )?lowercase(?: letters)?\b|\bin Kleinbuchstaben\b", "small letters only", str.islower),
)


def _forms(asked: str, response: str) -> Iterator[Check]:
    for pattern, name, holds in FORMS:
        if re.search(pattern, asked, re.IGNORECASE):
            yield Check(holds(response), f"The instruction asks for {name}; the response is not.")
    yield from _language(asked, response)


def _language(asked: str, response: str) -> Iterator[Check]:
    wanted = {
        language
        for language, pattern in formats.ASKED_IN.items()
        if re.search(rf"\b(?:{_WRITE}|translate|übersetze?)\b[^.?!\n]{{0,60}}?\b(?:{pattern})", asked, re.IGNORECASE)
    }
    if len(wanted) == 1 and (spoken := formats.language_of(response)):
        (language,) = wanted
        yield Check(spoken == language, f"The instruction asks for {language}; the response is in {spoken}.")


# --- words ------------------------------------------------------------------------------------------------------------


_NAMED = r"(?:the |das |den )?(?:exact )?(?:words?|phrase|keyword|term|Wort|Wörter|Ausdruck|Satz)\s+"
_USE = (
    r"(?:includes?|uses?|contains?|mentions?|say|write|including|using|containing|mentioning"
    r"|verwende|benutze|enthalte)"
)


def _words(asked: str, response: str) -> Iterator[Check]:
    use = rf"(?<!not )(?<!never )(?<!n't )(?<!without )(?<!avoid )\b{_USE}\s+{_NAMED}"
    no = rf"\b(?:(?:do not|don't|never|without|avoid) {_USE}|avoid)\s+{_NAMED}"
    nicht = rf"\b(?:verwende|benutze|nenne)\s+{_NAMED}{_QUOTED}\s+nicht\b"
    for text in _texts(asked, no) + _texts(asked, nicht) + _texts(asked, rf"\bohne\s+{_NAMED}"):
        yield Check(not has_word(response, text), f"The instruction forbids “{text}”; it is there.")
    for text in _texts(asked, use):
        if not re.search(rf"{re.escape(text)}\W+nicht\b", asked):
            yield Check(has_word(response, text), f"The instruction asks for “{text}”; it is not there.")


def _texts(asked: str, before: str) -> list[str]:
    """What is quoted after a pattern, and after each `and`, `or` or comma that follows on it."""
    found: list[str] = []
    for match in re.finditer(before if "<text>" in before else before + _QUOTED, asked, re.IGNORECASE):
        if match.groupdict().get("text"):
            found.append(match["text"].strip(" .,"))
        rest = asked[match.end() :]
        while more := re.match(rf"\s*(?:,|and|or|und|oder|,\s*(?:and|or|und|oder))\s*{_QUOTED}", rest, re.IGNORECASE):
            found.append(more["text"].strip(" .,"))
            rest = rest[more.end() :]
    return [text for text in found if text]


def has_word(response: str, text: str) -> bool:
    """Whether a text has a word or phrase, whatever its case, and not only within another word."""
    return re.search(rf"(?<!\w){re.escape(text)}(?!\w)", response, re.IGNORECASE) is not None


def _ends(asked: str, response: str) -> Iterator[Check]:
    with_ = (
        r"(?:\s+(?:your|the|each|deine?n?|die)\s+(?:answer|response|reply|text|Antwort|sentence))?\s+(?:with|mit)\s+"
    )
    named = r"(?:the (?:words?|phrase|sentence) |(?:dem|den) (?:Wort|Wörtern|Satz) )?"
    shown = response.strip(" \n\"“”„'*#")
    for verb, told, place in (
        (r"(?:start|begin|beginne|starte)", "begins", shown.casefold().startswith),
        (r"(?:end|finish|conclude|ende|schließe)", "ends", shown.rstrip(".!?").casefold().endswith),
    ):
        for match in re.finditer(rf"\b{verb}{with_}{named}{_QUOTED}", asked, re.IGNORECASE):
            text = match["text"].strip(" .!?,")
            if text:
                yield Check(place(text.casefold()), f"The instruction asks for a text that {told} with “{text}”.")
