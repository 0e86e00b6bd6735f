"""The forms in which a seed record may come, and how each becomes an instruction and a response.

Knows one record at a time: no files, no counts, no other records.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

MAX_FIELD_BYTES = 100_000
"""Longest text of one field; no small model could read it as an example."""

FORMS = (
    'alpaca: {"instruction": "Sort the list.", "input": "3, 1, 2", "output": "1, 2, 3"}',
    'plain: {"instruction": "Sort 3, 1, 2.", "response": "1, 2, 3"}',
    'messages: {"messages": [{"role": "user", "content": "Sort 3, 1."}, {"role": "assistant", "content": "1, 3"}]}',
    'self-instruct: {"instruction": "Sort the list.", "instances": [{"input": "3, 1, 2", "output": "1, 2, 3"}]}',
)

SYSTEM_NOTE = "the system turn was put before the first user turn, as the answer may depend on it"
TURNS_NOTE = "of several turns only the first question and its answer were used"
INSTANCES_NOTE = "of several instances only the first was used"

# As Alpaca's authors and their followers wrote it: "", "<noinput>", "`<noinput>`", "< No input >", "nan".
_NO_INPUT = re.compile(r"[`\"']*(<?\s*no\s?input\s*>?\.?|nan)?[`\"']*", re.IGNORECASE)


class Unfit(Exception):
    """This record is no seed; the text says why."""

    def __init__(self, kind: Literal["empty", "malformed"], reason: str) -> None:
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


def read_record(record: Any) -> Draft:
    """The instruction and response of a record, and what else it says.

    Raises:
        Unfit: it is of no known form, or nothing is left of it.
    """
    if not isinstance(record, Mapping):
        raise Unfit("malformed", "not an object with named fields")
    form, instruction, response, notes = _told_apart(record)
    for name, text in (("instruction", instruction), ("response", response)):
        if not text:
            raise Unfit("empty", f"the {name} is empty")
    domain, summary = (_optional(record.get(key)) for key in ("domain", "summary"))
    return Draft(form, instruction, response, domain or None, _keywords(record.get("keywords")), summary, notes)


def _told_apart(record: Mapping[str, Any]) -> tuple[str, str, str, tuple[str, ...]]:
    if "messages" in record:
        return "messages", *_from_messages(record["messages"])
    if "instruction" in record and "instances" in record:
        return "self-instruct", *_from_instances(record)
    if "instruction" in record and "output" in record:
        return "alpaca", *_joined(record, record, "output"), ()
    if "instruction" in record and "response" in record:
        return "plain", *_joined(record, record, "response"), ()
    keys = ", ".join(f"`{str(key)[:40]}`" for key in list(record)[:8]) or "none"
    printable = keys.encode("utf-8", "replace").decode()
    raise Unfit("malformed", f"of no known form; its fields are {printable}")


def _from_instances(record: Mapping[str, Any]) -> tuple[str, str, tuple[str, ...]]:
    instances = record["instances"]
    if not isinstance(instances, list) or not all(isinstance(item, Mapping) for item in instances):
        raise Unfit("malformed", "`instances` is not a list of objects")
    if not instances:
        raise Unfit("empty", "`instances` is empty")
    notes = (INSTANCES_NOTE,) if len(instances) > 1 else ()
    return *_joined(record, instances[0], "output"), notes


def _joined(record: Mapping[str, Any], case: Mapping[str, Any], answer: str) -> tuple[str, str]:
    """Instruction with its input, if there is any, and the answer."""
    instruction = _text(record, "instruction")
    given = case.get("input")
    # Tables written out as JSON say NaN, a number, where a cell was empty.
    material = "" if given is None or given != given else _text(case, "input")
    if instruction and not _NO_INPUT.fullmatch(material):
        instruction = f"{instruction}\n\n{material}"
    return instruction, _text(case, answer)


def _from_messages(messages: Any) -> tuple[str, str, tuple[str, ...]]:
    if not isinstance(messages, list) or not all(isinstance(turn, Mapping) for turn in messages):
        raise Unfit("malformed", "`messages` is not a list of turns")
    system = [_text(turn, "content") for turn in messages if turn.get("role") == "system"]
    turns = [turn for turn in messages if turn.get("role") != "system"]
    first = next((at for at, turn in enumerate(turns) if turn.get("role") == "user"), None)
    if first is None:
        raise Unfit("malformed", "`messages` has no user turn")
    if first + 1 >= len(turns) or turns[first + 1].get("role") != "assistant":
        raise Unfit("malformed", "no assistant turn follows the first user turn")
    question, answer = _text(turns[first], "content"), _text(turns[first + 1], "content")
    notes = [SYSTEM_NOTE] if any(system) else []
    if len(turns) > 2:
        notes.append(TURNS_NOTE)
    instruction = "\n\n".join([*filter(None, system), question]) if question else ""
    return instruction, answer, tuple(notes)


def _text(record: Mapping[str, Any], key: str) -> str:
    """A field that has to be text, without white space around it."""
    value = record.get(key, "")
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Unfit("malformed", f"`{key}` is not text")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise Unfit("malformed", f"`{key}` is not valid UTF-8 text") from None
    if size > MAX_FIELD_BYTES:
        raise Unfit("malformed", f"`{key}` is longer than {MAX_FIELD_BYTES // 1000} kB")
    return value.strip()


def _optional(value: Any) -> str:
    """A field that may be missing; a value of another kind is as good as missing."""
    try:
        return _text({"": value}, "") if isinstance(value, str) else ""
    except Unfit:
        return ""


def _keywords(value: Any) -> tuple[str, ...]:
    """Keywords as a list, or in one text with commas."""
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(word for word in map(_optional, parts) if word)
