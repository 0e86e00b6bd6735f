"""Putting a question until the answer is usable: once, and once more with the reason why not."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from gra.calls import Ask, CallId, Message, Request
from gra.prompts.parse import Parser, Unusable

T = TypeVar("T")


class Unwritten(Exception):
    """A model did not write what was asked, even after a repair turn; the sample ends as `unusable`."""


async def ask_usable(
    ask: Ask, call: CallId, request: Request, parse: Parser[T], *, whole: bool = False
) -> T | Unusable:
    """The parsed reply, after at most one repair turn.

    With `whole`, a reply that was cut off is unusable: a text without its end teaches a model to stop anywhere. It
    gets no repair turn, because a model that has not kept it short does not do so when told again.
    """
    cut = Unusable(f"it was cut off after {request.sampling.max_tokens} tokens")
    reply = await ask(call, request)
    value = cut if whole and reply.finish == "length" else parse(reply.text)
    if not isinstance(value, Unusable) or value is cut:
        return value
    repair = replace(
        request,
        messages=(
            *request.messages,
            Message("assistant", reply.text),
            Message("user", f"That answer cannot be used: {value.why}. Answer again, in the form asked for."),
        ),
    )
    reply = await ask(replace(call, attempt=call.attempt + 1), repair)
    return cut if whole and reply.finish == "length" else parse(reply.text)


async def ask_or_fail(ask: Ask, call: CallId, request: Request, parse: Parser[T], *, whole: bool = False) -> T:
    """The parsed reply, as `ask_usable` gives it.

    Raises:
        Unwritten: it could not be used.
    """
    value = await ask_usable(ask, call, request, parse, whole=whole)
    if isinstance(value, Unusable):
        raise Unwritten(f"{request.model} was asked for {call.step}, and what it wrote cannot be used: {value.why}")
    return value
