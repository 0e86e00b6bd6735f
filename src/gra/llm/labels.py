"""From the log-probabilities of a reply's first token to the probabilities of labels. Pure.

A label gets the probability of every token that is the label once white space and the tokenisers' marks for it are
stripped and case is folded, so ` Yes`, `yes` and `YES` all count for `Yes`. A label that no returned token equals is
one that the tokeniser may write in pieces: it gets the tokens that begin it and begin no other label (`Unc` for
`Uncertain`). That is never done for a label that was seen whole, so an ordinary `No` gains nothing from `N`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_SPACE_MARKS = "▁ĠĊ \t\r\n"
"""How SentencePiece and byte-level BPE write a leading space, for servers that return raw pieces."""


def first_token(logprobs: Any) -> list[tuple[str, float]]:
    """(token, log-probability) of the likeliest first tokens; empty if the server returned none.

    Reads both shapes in use: `content[0].top_logprobs` as a list of objects (chat; llama.cpp also for completions)
    and `top_logprobs[0]` as an object of numbers (completions of OpenAI, vLLM and SGLang).
    """
    if not isinstance(logprobs, Mapping):
        return []
    content = logprobs.get("content")
    if isinstance(content, Sequence) and content and isinstance(content[0], Mapping):
        return list(_pairs(content[0].get("top_logprobs")))
    legacy = logprobs.get("top_logprobs")
    if isinstance(legacy, Sequence) and legacy and isinstance(legacy[0], Mapping):
        return [(str(t), float(p)) for t, p in legacy[0].items() if _is_logprob(p)]
    return []


def _pairs(entries: Any) -> Iterable[tuple[str, float]]:
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, Mapping) and isinstance(entry.get("token"), str) and _is_logprob(entry.get("logprob")):
            yield entry["token"], float(entry["logprob"])


def _is_logprob(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return not math.isnan(value) and value <= 1e-3  # rounding may lift a certain token a little above 0


def probabilities(labels: Sequence[str], tokens: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Probability of each label, in [0, 1], not renormalised."""
    read = [(token.strip(_SPACE_MARKS).casefold(), math.exp(min(0.0, logprob))) for token, logprob in tokens]
    folded = {label: label.strip().casefold() for label in labels}
    result = {}
    for label, text in folded.items():
        whole = [p for token, p in read if token == text]
        others = [other for other in folded.values() if other != text]
        begun = [p for token, p in read if _begins(token, text, others)]
        result[label] = min(1.0, math.fsum(whole or begun))
    return result


def unreadable(labels: Sequence[str], tokens: Mapping[str, Sequence[int]]) -> str:
    """What is wrong with labels in a model's tokeniser, in words; empty if each can be told by one token.

    Args:
        labels: the answers.
        tokens: the numbers of the tokens of each spelling that a model may use (`spellings`).
    """
    read = {label: [tuple(tokens[s]) for s in spellings(label) if s in tokens] for label in labels}
    for label in labels:
        if read[label] and not any(len(pieces) == 1 for pieces in read[label]):
            begins = {pieces[0] for pieces in read[label] if pieces}
            others = {pieces[0] for other in labels if other != label for pieces in read[other] if pieces}
            if begins <= others:
                return (
                    f"`{label}` is several tokens and begins like another of the labels, so they cannot be told apart"
                )
            return f"`{label}` is several tokens; it is read from the first of them alone"
    return ""


def spellings(label: str) -> tuple[str, ...]:
    """How a model may begin to write a label: as it is and with a capital, alone and after a blank."""
    plain = label.strip()
    return tuple(dict.fromkeys(f"{blank}{word}" for blank in ("", " ") for word in (plain, plain.capitalize())))


def _begins(token: str, label: str, others: Sequence[str]) -> bool:
    return bool(token) and label.startswith(token) and not any(other.startswith(token) for other in others)
