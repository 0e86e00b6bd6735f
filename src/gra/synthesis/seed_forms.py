"""The forms in which a seed record may come, and how each becomes an instruction and a response.

Knows one record at a time: no files, no counts, no other records.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

MAX_FIELD_BYTES = 100_000
"""Longest text of one field; no small model could read it as an example."""

CONVERSATIONS = ("messages", "conversations", "conversation")
QUESTIONS = ("instruction", "prompt", "question", "problem", "query")
ANSWERS = ("chosen", "output", "response", "completion", "solution", "answer")
"""A record is known by a name out of each of these; where it has several, the first here counts."""
MATERIALS = ("input", "context")
"""What a question is about: joined to it, if the record has it."""

FORMS = (
    'alpaca: {"instruction": "Sort the list.", "input": "3, 1, 2", "output": "1, 2, 3"}',
    'plain: {"instruction": "Sort 3, 1, 2.", "response": "1, 2, 3"}',
    'messages: {"messages": [{"role": "user", "content": "Sort 3, 1."}, {"role": "assistant", "content": "1, 3"}]}',
    'sharegpt: {"conversations": [{"from": "human", "value": "Sort 3, 1."}, {"from": "gpt", "value": "1, 3"}]}',
    'self-instruct: {"instruction": "Sort the list.", "instances": [{"input": "3, 1, 2", "output": "1, 2, 3"}]}',
    'preference: {"prompt": "Sort 3, 1.", "chosen": "1, 3", "rejected": "3, 1"}',
    'question and answer: {"question": "Which is less, 3 or 1?", "answer": "1"}',
)
"""An example of each, for people. Any of `QUESTIONS` goes with any of `ANSWERS`."""

SYSTEM_NOTE = "the system turn was put before the first user turn, as the answer may depend on it"
TURNS_NOTE = "of several turns only the first question and its answer were used"
INSTANCES_NOTE = "of several instances only the first was used"
NUMBER_NOTE = "a number was taken as text"

_REMEDY = "; if it is in another encoding, convert the file (for example with `iconv -f CP1252 -t UTF-8`)"
_ROLES = {"human": "user", "prompter": "user"} | dict.fromkeys(("gpt", "chatgpt", "bot", "model"), "assistant")
_NAMES = {("instruction", "output"): "alpaca", ("instruction", "response"): "plain"}
# As Alpaca's authors and their followers wrote it: "", "<noinput>", "`<noinput>`", "< No input >", "nan".
_NO_INPUT = re.compile(r"[`\"']*(<?\s*no\s?input\s*>?\.?|nan)?[`\"']*", re.IGNORECASE)


class Unfit(Exception):
    """This record is no seed; the text says why."""

    def __init__(self, kind: Literal["empty", "malformed", "torn"], reason: str) -> None:
        """`torn`: the file breaks here, and what follows could not be read."""
        super().__init__(reason)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Draft:
    """A seed that has no id yet."""

    form: str
    instruction: str
    response: str
    domain: str | None = None
    keywords: tuple[str, ...] = ()
    summary: str = ""
    notes: tuple[str, ...] = ()
    """What was changed on the way, in words."""


class Turn(NamedTuple):
    """What somebody says in a record, not yet known to be text."""

    role: str
    """`system`, `user`, `assistant`, or whatever else the record says."""
    field: str
    """The field it stands in."""
    content: Any


def read_record(record: Any, columns: Mapping[str, str] = MappingProxyType({})) -> Draft:
    """The instruction and response of a record, and what else it says.

    Args:
        record: one object or row of a seed file.
        columns: the record's own name of each thing (`{"instruction": "Question", ...}`); nothing else of it is read
            then. Without, its form is told from its names, in which letter case is ignored.

    Raises:
        Unfit: it is of no known form, or nothing is left of it.
    """
    if not isinstance(record, Mapping):
        raise Unfit("malformed", "not an object with named fields")
    named = _named(record, columns)
    form = _form(named)
    if form is None:
        raise Unfit("malformed", f"of no known form; its fields are {in_short(record)}")
    turns, notes = _turns(named)
    question, answer, more = _first_exchange(turns)
    notes = (*notes, *more)
    domain, summary = (_optional(named.get(key)) for key in ("domain", "summary"))
    keywords = _keywords(named.get("keywords"))
    return Draft("by `columns`" if columns else form, question, answer, domain or None, keywords, summary, notes)


def known_form(record: Mapping[str, Any], columns: Mapping[str, str]) -> bool:
    """Whether the record has the names that a seed needs; it may still be empty or malformed."""
    return any(column in record for column in columns.values()) if columns else _form(_named(record, {})) is not None


def in_short(names: Iterable[object]) -> str:
    """The first names of a record's fields, each cut short, for a message."""
    keys = ", ".join(f"`{str(key)[:40]}`" for key in islice(names, 12)) or "none"
    return keys.encode("utf-8", "replace").decode()


def _named(record: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    """The record under the names that are known here."""
    if columns:
        return {name: record.get(column) for name, column in columns.items()}
    return {str(key).strip().lower(): value for key, value in record.items()}


def _form(record: Mapping[str, Any]) -> str | None:
    """The name of the form, by what the record has."""
    question, answer = _first(QUESTIONS, record), _first(ANSWERS, record)
    if conversation := _first(CONVERSATIONS, record):
        return "messages" if conversation == "messages" else "sharegpt"
    if "instances" in record and "instruction" in record:
        return "self-instruct"
    if "chosen" in record:
        return "preference"
    if question and answer:
        return _NAMES.get((question, answer), f"{question}/{answer}")
    return "input/output" if "input" in record and "output" in record else None


def _turns(record: Mapping[str, Any]) -> tuple[list[Turn], tuple[str, ...]]:
    """A record of any known form as a conversation, and what was left out of it."""
    conversation = _first(CONVERSATIONS, record)
    # Beside a question, `system` as often names the program that answered.
    name = "system" if conversation and record.get("system") else "system_prompt"
    system = [Turn("system", name, record[name])] if record.get(name) else []
    if conversation:
        turns = _listed(record[conversation], conversation)
        if "chosen" in record and not any(turn.role == "assistant" for turn in turns):
            # Preference data may keep the answer apart from the conversation that it ends.
            turns += _said("assistant", "chosen", record)
        return [*system, *turns], ()
    if "instances" in record and "instruction" in record:
        case, notes = _first_instance(record["instances"])
        return [*system, *_asked("instruction", record, case), Turn("assistant", "output", case.get("output"))], notes
    answer = _said("assistant", _first(ANSWERS, record) or "", record)
    if next((turn.role for turn in answer if turn.role != "system"), "") == "user":
        return [*system, *answer], ()  # the whole conversation, its question too
    question = _first(QUESTIONS, record)
    asked = _asked(question, record, record) if question else [Turn("user", "input", record.get("input"))]
    return [*system, *asked, *answer], ()


def _asked(field: str, record: Mapping[str, Any], case: Mapping[str, Any]) -> list[Turn]:
    """The question with its material, if there is any."""
    material = _first(MATERIALS, case)
    if not material or not isinstance(record[field], str):
        return _said("user", field, record)
    asked, given = text_of(record[field], field), text_of(case[material], material)
    joined = f"{asked}\n\n{given}" if asked and not _NO_INPUT.fullmatch(given) else asked
    return [Turn("user", field, joined)]


def _said(role: str, field: str, record: Mapping[str, Any]) -> list[Turn]:
    """A field that holds what one side says, as text or as turns."""
    value = record.get(field)
    first = value[0] if isinstance(value, list) and value else value
    if isinstance(first, Mapping) and ("role" in first or "from" in first):
        return _listed(value, field)
    return [Turn(role, field, value)]


def _listed(value: Any, field: str) -> list[Turn]:
    """Turns with `role` and `content`, or, as ShareGPT has them, `from` and `value`."""
    if isinstance(value, Mapping):
        columns = list(value.values())
        if columns and all(isinstance(column, list) for column in columns):
            # As `datasets` stores a sequence of objects: a list for each name.
            value = [dict(zip(value, row, strict=False)) for row in zip(*columns, strict=False)]
        else:
            value = [value]
    if not isinstance(value, list) or not all(isinstance(turn, Mapping) for turn in value):
        raise Unfit("malformed", f"`{field}` is not a list of turns")
    turns = []
    for turn in value:
        role = str(turn.get("role") or turn.get("from") or "").lower()
        name = "content" if "content" in turn else "value"
        turns.append(Turn(_ROLES.get(role, role), name, turn.get(name)))
    return turns


def _first_instance(instances: Any) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    if not isinstance(instances, list) or not all(isinstance(item, Mapping) for item in instances):
        raise Unfit("malformed", "`instances` is not a list of objects")
    if not instances:
        raise Unfit("empty", "`instances` is empty")
    return instances[0], (INSTANCES_NOTE,) if len(instances) > 1 else ()


def _first_exchange(turns: list[Turn]) -> tuple[str, str, list[str]]:
    """The first question, after the system's words if there are any, its answer, and what was done."""
    system = [text_of(turn.content, turn.field) for turn in turns if turn.role == "system"]
    spoken = [turn for turn in turns if turn.role != "system"]
    first = next((at for at, turn in enumerate(spoken) if turn.role == "user"), None)
    if first is None:
        raise Unfit("malformed", "there is no user turn")
    if first + 1 >= len(spoken) or spoken[first + 1].role != "assistant":
        raise Unfit("malformed", "no assistant turn follows the first user turn")
    asked, answered = spoken[first : first + 2]
    question, answer = text_of(asked.content, asked.field), text_of(answered.content, answered.field)
    for name, text in (("instruction", question), ("response", answer)):
        if not text:
            raise Unfit("empty", f"the {name} is empty")
    notes = [SYSTEM_NOTE] if any(system) else []
    if len(spoken) > 2:
        notes.append(TURNS_NOTE)
    if _is_number(asked.content) or _is_number(answered.content):
        notes.append(NUMBER_NOTE)
    return "\n\n".join([*filter(None, system), question]), answer, notes


def text_of(value: Any, field: str) -> str:
    """A field that has to be text, without white space around it; empty where a table has no value.

    Raises:
        Unfit: it is of another kind, too long, or holds what no text may.
    """
    if value is None or value != value:  # tables written out as JSON say NaN where a cell was empty
        return ""
    if _is_number(value):
        return str(value)
    if not isinstance(value, str):
        raise Unfit("malformed", f"`{field}` is {_kind(value)}, not text")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise Unfit("malformed", f"`{field}` is not valid UTF-8 text{_REMEDY}") from None
    if "\0" in value:
        raise Unfit("malformed", f"`{field}` holds a NUL character, at which many servers would cut it off")
    if size > MAX_FIELD_BYTES:
        raise Unfit("malformed", f"`{field}` is longer than {MAX_FIELD_BYTES // 1000} kB")
    return value.strip()


def _is_number(value: Any) -> bool:
    """A number that has a text of its own: answers of mathematics come so."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return "true or false" if isinstance(value, bool) else f"of the type {type(value).__name__}"


def _first(names: Iterable[str], record: Mapping[str, Any]) -> str | None:
    return next((name for name in names if name in record), None)


def _optional(value: Any) -> str:
    """A field that may be missing; a value of another kind is as good as missing."""
    try:
        return text_of(value, "") if isinstance(value, str) else ""
    except Unfit:
        return ""


def _keywords(value: Any) -> tuple[str, ...]:
    """Keywords as a list, or in one text with commas."""
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(word for word in map(_optional, parts) if word)
