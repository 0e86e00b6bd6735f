"""Putting a question until the answer is usable: once, and once more with the reason why not."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from gra.calls import Ask, CallId, Message, Request
from gra.prompts.parse import Parser, Unusable

T = TypeVar("T")


class Unwritten(Exception):
    """A model did not write what was asked, even after a repair turn; the sample ends as `unusable`."""


async def ask_usable(ask: Ask, call: CallId, request: Request, parse: Parser[T]) -> T | Unusable:
    """The parsed reply, after at most one repair turn."""
    reply = await ask(call, request)
    value = parse(reply.text)
    if not isinstance(value, Unusable):
        return value
    repair = replace(
        request,
        messages=(
            *request.messages,
            Message("assistant", reply.text),
            Message("user", f"That answer cannot be used: {value.why}. Answer again, in the form asked for."),
        ),
    )
    return parse((await ask(replace(call, attempt=call.attempt + 1), repair)).text)


async def ask_whole(ask: Ask, call: CallId, request: Request, parse: Parser[T]) -> T:
    """The parsed reply of a model that came to its end by itself.

    Raises:
        Unwritten: it was cut at `max_tokens`, or could not be used. A text without its end teaches to stop anywhere.
    """
    reply = await ask(call, request)
    if reply.finish == "length":
        raise Unwritten(f"{request.model} was cut off at {request.sampling.max_tokens} tokens in {call.step}")
    value = parse(reply.text)
    if isinstance(value, Unusable):
        raise Unwritten(f"{request.model} was asked for {call.step}, and what it wrote cannot be used: {value.why}")
    return value


async def ask_or_fail(ask: Ask, call: CallId, request: Request, parse: Parser[T]) -> T:
    """The parsed reply.

    Raises:
        Unwritten: it could not be used.
    """
    value = await ask_usable(ask, call, request, parse)
    if isinstance(value, Unusable):
        raise Unwritten(f"{request.model} was asked for {call.step}, and what it wrote cannot be used: {value.why}")
    return value
