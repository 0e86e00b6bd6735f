"""What the fake models say: pure functions of the request's body, so the same question always has the same answer.

The text has no sense, but it has the shape that was asked for: values that satisfy a JSON schema, probabilities of
yes and no or of digits that differ from question to question, embeddings in which texts with common words are near.
Knows nothing of HTTP.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DIMENSIONS = 64
"""Of the fake embeddings."""
_SYLLABLES = tuple(
    "ba ce di fo gu ha je ki lo mu na pe ri so tu va we xi yo za bro cle dra fli gro ple sta tri vor".split()  # noqa: SIM905
)
_WORD = re.compile(r"[a-z0-9]+")
_TOKEN = re.compile(r"<\w+>| ?\w+|\W")


@dataclass(frozen=True, slots=True)
class FakeModel:
    """One model of the fake server."""

    name: str
    leniency: float = 0.0
    """Added to the log-odds of Yes, and, in steps of a tenth of the range, to integers within bounds."""
    json_schema: bool = True
    """Obeys `response_format` and `json_schema`; else ignores them."""
    top_logprobs: int = 20
    """The most alternatives that it gives; more are refused with 400. 0: it ignores the wish."""
    prompt_logprobs: bool = True
    """Tells how probable the prompt's own tokens are, to `prompt_logprobs` and to `echo`; else ignores the wish."""
    context: int | None = 4096
    """Said in the list of models. Longer prompts are refused."""
    respond: Callable[[dict[str, Any]], str | None] | None = None
    """Scripted replies: given the body, returns the text, or None for the ordinary one."""
    judge: Callable[[dict[str, Any]], float | None] | None = None
    """Scripted opinions: given the body, returns P(yes), or None for the ordinary one. P(A) where two are compared."""
    tokenizer: Callable[[str], list[int]] | None = None
    """Tells the tokens of a text at `/tokenize`; without it there is no such address."""


def digest(body: Mapping[str, Any]) -> str:
    """Names a request by its content; on which of a server's slots it is worked on is no part of it."""
    content = {key: value for key, value in body.items() if key != "id_slot"}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def prompt_of(body: Mapping[str, Any]) -> str:
    """The text of the whole prompt, chat or not."""
    if "prompt" in body:
        return str(body["prompt"])
    return "\n".join(str(message.get("content", "")) for message in body.get("messages", []))


def tokens_in(text: str) -> int:
    """A rough count, good enough for limits and statistics."""
    return len(text) // 4 + 1


def reply(model: FakeModel, body: dict[str, Any]) -> tuple[str, str]:
    """The text of a reply and how it finished."""
    draw = random.Random(digest(body))  # noqa: S311
    scripted = model.respond(body) if model.respond else None
    schema = _schema(body) if model.json_schema else None
    if scripted is not None:
        text = scripted
    elif schema is not None:
        text = json.dumps(value_for(schema, draw, model.leniency), ensure_ascii=False)
    else:
        text = prose(draw)
    limit = body.get("max_tokens")
    if isinstance(limit, int) and tokens_in(text) > limit:
        return text[: max(1, 4 * (limit - 1))], "length"
    return text, "stop"


def _schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if "json_schema" in body and "prompt" in body:  # llama.cpp's field of completions
        return dict(body["json_schema"])
    form = body.get("response_format")
    if isinstance(form, Mapping) and form.get("type") == "json_schema":
        return dict(form["json_schema"]["schema"])
    return None


def value_for(schema: Mapping[str, Any], draw: random.Random, leniency: float = 0.0) -> Any:
    """A value that satisfies a JSON schema of the plain kind: the types, enum, const, bounds, `$ref`-free."""
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return draw.choice(list(schema["enum"]))
    if "anyOf" in schema:
        return value_for(draw.choice(list(schema["anyOf"])), draw, leniency)
    kind = schema.get("type", "string")
    if kind == "object":
        return {name: value_for(part, draw, leniency) for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        return _array(schema, draw, leniency)
    if kind in ("integer", "number"):
        number = _number(schema, draw, leniency)
        return round(number) if kind == "integer" else round(number, 2)
    if kind == "boolean":
        return draw.random() < _logistic(leniency)
    return None if kind == "null" else _string(schema, draw)


def _array(schema: Mapping[str, Any], draw: random.Random, leniency: float) -> list[Any]:
    least = schema.get("minItems", 1)
    size = draw.randint(least, max(least, min(schema.get("maxItems", least + 3), least + 8)))
    return [value_for(schema.get("items", {"type": "string"}), draw, leniency) for _ in range(size)]


def _number(schema: Mapping[str, Any], draw: random.Random, leniency: float) -> float:
    low = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
    high = schema.get("maximum", schema.get("exclusiveMaximum", low + 101) - 1)
    value: float = draw.uniform(low, high) if schema.get("type") == "number" else draw.randint(low, high)
    return float(min(high, max(low, value + leniency * (high - low) / 10)))


def _string(schema: Mapping[str, Any], draw: random.Random) -> str:
    text = " ".join(word(draw) for _ in range(draw.randint(2, 6)))
    while len(text) < schema.get("minLength", 0):
        text += " " + word(draw)
    return text[: schema.get("maxLength", len(text))].strip() or "a"


def word(draw: random.Random) -> str:
    """A word that means nothing."""
    return "".join(draw.choice(_SYLLABLES) for _ in range(draw.randint(1, 3)))


def prose(draw: random.Random) -> str:
    """A few sentences of such words."""
    sentences = [[word(draw) for _ in range(draw.randint(5, 12))] for _ in range(draw.randint(2, 4))]
    return " ".join(" ".join(words).capitalize() + "." for words in sentences)


def first_tokens(model: FakeModel, body: dict[str, Any]) -> list[tuple[str, float]]:
    """(token, probability) of the likeliest first tokens: A and B, yes and no, or digits, whatever the prompt asks."""
    draw = random.Random("tokens" + digest(body))  # noqa: S311
    scripted = model.judge(body) if model.judge else None
    said = scripted if scripted is not None else _logistic(draw.gauss(model.leniency, 1.5))
    if prompt_of(body).rstrip().endswith("A or B?"):
        shares = {"A": said, "B": 1 - said}
    elif scripted is not None or "yes" in _WORD.findall(prompt_of(body).casefold()):
        shares = {"Yes": 0.9 * said, " yes": 0.1 * said, "No": 0.85 * (1 - said), " NO": 0.15 * (1 - said)}
    else:
        weights = {str(n): math.exp(-((n - 1 - 8 * said) ** 2) / 4) for n in range(1, 10)}
        shares = {token: weight / sum(weights.values()) for token, weight in weights.items()}
    rest = {"The": 0.5, "I": 0.3, "\n": 0.2}
    outside = draw.uniform(0.01, 0.2)
    tokens = [(token, p * (1 - outside)) for token, p in shares.items()]
    tokens += [(token, p * outside) for token, p in rest.items()]
    return sorted(tokens, key=lambda pair: (-pair[1], pair[0]))


def prompt_text(body: Mapping[str, Any]) -> str:
    """The prompt with the marks of a template, as chat servers see it."""
    if "prompt" in body:
        return str(body["prompt"])
    turns = "".join(f"<{m.get('role')}>{m.get('content', '')}<end>\n" for m in body.get("messages", []))
    return turns if body.get("add_generation_prompt") is False else turns + "<assistant>"


def prompt_tokens(text: str) -> list[tuple[str, float | None]]:
    """(token, log-probability) of a text: words that have come before are likely, others not; the first has none."""
    found: list[tuple[str, float | None]] = []
    seen: set[str] = set()
    for token in _TOKEN.findall(text):
        draw = random.Random(f"scored {token}")  # noqa: S311
        known = token.strip().casefold() in seen
        found.append((token, -draw.uniform(0.05, 0.5) if known else -draw.uniform(1.0, 5.0)))
        seen.add(token.strip().casefold())
    return [(found[0][0], None), *found[1:]] if found else []


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def embedding(text: str) -> list[float]:
    """A unit vector: each word adds its own direction."""
    vector = [0.0] * DIMENSIONS
    for found in _WORD.findall(text.casefold()) or [text]:
        direction = random.Random(found)  # noqa: S311
        vector = [a + direction.gauss(0, 1) for a in vector]
    return unit(vector)


def unit(vector: Sequence[float]) -> list[float]:
    """The vector at length 1."""
    norm = math.hypot(*vector)
    return [v / norm for v in vector]
