"""A conversation as a text to complete, for models without a chat template (base models).

The pattern is the one that instruction data has been published in since Alpaca, so base models have met it. Of five
patterns tried with Gemma 3 270M base it separated right from wrong best (yes/no questions: AUC 0.88, the others
0.56-0.66), and its answers ended by themselves more often. It ends in a newline after the label because the answer
then starts with a whole word, not with a space.

Knows nothing of requests or servers.
"""

from __future__ import annotations

from collections.abc import Sequence

from gra.calls import Message

STOP = "\n### "
"""Ends the reply before the model runs on to the next turn."""

_LABELS = {"user": "### Instruction:", "assistant": "### Response:"}


def render(messages: Sequence[Message]) -> str:
    """The conversation as one text that ends where the assistant's reply begins.

    System messages stand without a label, in their place. A last message of the assistant is a reply already begun:
    the text ends with it, for the model to go on.
    """
    parts = [_part(message) for message in messages]
    if messages and messages[-1].role == "assistant":
        return "\n\n".join(parts)
    return "\n\n".join([*parts, f"{_LABELS['assistant']}\n"])


def _part(message: Message) -> str:
    if message.role == "system":
        return message.content.strip()
    return f"{_LABELS[message.role]}\n{message.content.strip()}"
