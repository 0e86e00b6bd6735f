"""A gate as it is for the samples of one domain: who has shown that it cannot tell there has no vote there. Pure.

What an exam shows of a domain, `standing.py` says. Here such a member is given that part of its exam in place of the
whole, which weighs nothing; casting, quorum, economy and verdicts then treat it as anybody who cannot tell.
"""

from __future__ import annotations

from dataclasses import replace

from gra.records import Stage
from gra.synthesis.calibrated import CalibratedRule
from gra.synthesis.decide import Gate, SeedsRule


def in_domain(gate: Gate, domain: str) -> Gate:
    """The gate for samples of a domain; the same one where everybody votes who does elsewhere."""
    if not isinstance(gate, SeedsRule | CalibratedRule):
        return gate
    lost = {key for key, standing in gate.standings.items() if domain in standing.no_vote_in}
    misled = {name for name, ruling in gate.rulings.items() if domain in ruling.no_vote_in}
    if not lost and not misled:
        return gate
    standings = {key: s.of_domain(domain) if key in lost else s for key, s in gate.standings.items()}
    # Who cannot tell there has no vote as Adjudicator either; who cannot with reviews before it rules without them.
    rulings = {
        name: ruling.of_domain(domain) if name in misled else ruling
        for name, ruling in gate.rulings.items()
        if (name, "response") not in lost
    }
    return replace(gate, standings=standings, rulings=rulings)


def no_votes(gate: Gate) -> dict[str, dict[Stage, tuple[str, ...]]]:
    """By domain and stage, who has no vote there though it has one elsewhere; only domains where there is anybody."""
    found: dict[str, dict[Stage, tuple[str, ...]]] = {}
    if isinstance(gate, SeedsRule | CalibratedRule):
        for (name, stage), standing in sorted(gate.standings.items()):
            for domain in standing.no_vote_in:
                of = found.setdefault(domain, {})
                of[stage] = (*of.get(stage, ()), name)
    return dict(sorted(found.items()))
