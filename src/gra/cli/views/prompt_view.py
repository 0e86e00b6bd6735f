"""Prompts as a list, as they are sent, and what there is to say of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import RenderableType

from gra.calls import Request
from gra.cli.prompt_lint import Finding, Sent
from gra.cli.views.parts import count, heading, line, prose, table
from gra.prompts.declared import DECLARED, VALUES, Declared
from gra.prompts.prompt_set import PromptSet


def prompt_list(prompts: PromptSet) -> Iterator[RenderableType]:
    """One line a prompt."""
    rows = [(name, "yours" if name in prompts.own else "bundled", d.about) for name, d in DECLARED.items()]
    yield table(("prompt", "from", "asks for"), rows, whole=2)


def prompt_view(declared: Declared, request: Request) -> Iterator[RenderableType]:
    """One prompt as it is sent, and the values that it can show."""
    yield heading(f"{request.prompt}: {declared.about}")
    for value in declared.values:
        yield line(f"{{{{{value}}}}} {VALUES[value]}{' (required)' if value in declared.must else ''}", indent=2)
    if declared.examples:
        yield line(f"in [example ...] sections: {', '.join(f'{{{{{v}}}}}' for v in declared.examples)}", indent=2)
    for message in request.messages:
        yield line(f"[{message.role}]", style="dim")
        yield prose(message.content)


def lint_view(sent: Mapping[str, Sent], findings: Sequence[Finding], context: int | None) -> Iterator[RenderableType]:
    """What was found, and how long each prompt is."""
    for finding in findings:
        yield heading(f"{finding.prompt}: {finding.severity}: {finding.what}")
        yield line(finding.why + (f' (docs/lab_notes.md, "{finding.see}")' if finding.see else ""), indent=2)
    yield heading(f"{count(len(sent), 'prompt')}, {count(len(findings), 'finding')}")
    rows = [(name, f"{s.tokens:,}", f"{s.tokens / context:.0%}" if context else "-") for name, s in sent.items()]
    yield table(("prompt", "tokens", "of context"), rows, numbers=(1, 2))
    known = f"of {context:,}, the smallest among embedded models" if context else "not known before a server is asked"
    yield line(
        f"tokens are estimated at four characters each, with the first seeds; the context is {known}", style="dim"
    )
