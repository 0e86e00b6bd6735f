"""The taxonomy: which domains there are, and what share of the samples each is to have. Data only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from pydantic import Field, model_validator

from gra.config.settings import Settings

DEEPEST = 4
"""Levels of domains within domains."""


class Domain(Settings):
    """One subject area of the taxonomy. Where it has `domains` of its own, samples are about those, not about it."""

    name: str = Field(min_length=1, max_length=64)
    """Within another domain, its path is its name everywhere else: `Coding/Python`."""
    description: str = Field(default="", max_length=400)
    """What belongs here, in one sentence; shown to the models. A domain that has `domains` needs none."""
    share: float | None = Field(default=None, ge=0)
    """How much of the target, relative to the domains beside it; 1 for those that do not say. See `allocation`."""
    domains: tuple[Domain, ...] = ()
    """Narrower domains within this one, to four levels in all."""

    @model_validator(mode="after")
    def _described(self) -> Self:
        if not self.domains and not self.description:
            raise ValueError(f"the domain `{self.name}` needs a `description`: models are told what belongs to it")
        return self


@dataclass(frozen=True, slots=True)
class Leaf:
    """A domain that samples are about."""

    name: str
    """Its path in the taxonomy, with slashes; just its name at the top."""
    description: str
    share: float
    """Of all samples, in [0, 1]; over all leaves they sum to 1."""


def leaves(domains: Sequence[Domain], share: float = 1.0, above: str = "") -> Iterator[Leaf]:
    """The leaves in the order of the file, a domain's share divided among those within it."""
    weights = [1.0 if domain.share is None else domain.share for domain in domains]
    whole = sum(weights) or 1.0
    for domain, weight in zip(domains, weights, strict=True):
        path, part = above + domain.name, share * weight / whole
        if domain.domains:
            yield from leaves(domain.domains, part, f"{path}/")
        else:
            yield Leaf(path, domain.description, part)


def shares_given(domains: Sequence[Domain]) -> bool:
    """Whether any domain says its share."""
    return any(domain.share is not None or shares_given(domain.domains) for domain in domains)


def taxonomy_problem(domains: Sequence[Domain], level: int = 1) -> str:
    """What keeps the taxonomy from being used, in words; empty if nothing does."""
    if not domains:
        return "`domains` must name at least one domain"
    if level > DEEPEST:
        return f"`domains` may be nested {DEEPEST} levels deep, not more"
    if all(domain.share == 0 for domain in domains):
        return f"no sample could be about {', '.join(d.name for d in domains)}: give at least one a `share` above 0"
    if level == 1:
        names = [leaf.name for leaf in leaves(domains)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            return f"domain names must differ; given twice: {', '.join(twice)}"
    within = (taxonomy_problem(domain.domains, level + 1) for domain in domains if domain.domains)
    return next((problem for problem in within if problem), "")


PAPER_DOMAINS: tuple[Domain, ...] = (
    Domain(name="Coding", description="understanding, writing, debugging or fixing code"),
    Domain(name="Math", description="calculation, formulas and solving mathematical problems"),
    Domain(name="Question Answering", description="accurate answers to questions of fact in some field"),
    Domain(name="Reasoning", description="drawing conclusions over several steps of cause or logic"),
    Domain(name="Role Play", description="speaking or acting as an assumed person or character"),
    Domain(name="Language", description="working on given text: translating, summarising, classifying, editing"),
    Domain(name="Creation", description="original creative content to a given style, theme or form"),
)
"""The paper's seven domains (Appendix A), in our words."""
