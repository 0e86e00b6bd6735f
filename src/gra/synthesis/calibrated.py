"""The gate that keeps a promise: of what it accepts, the share that the user asked for is good, as far as exams tell.

A committee's opinions become log-odds of good against broken (`calibration.py`). Accepted is what lies above the least
log-odds at which so large a share of all above is good. What lies so near that the exam is too short to say on which
side, and what an able member sees on the other side than the committee, is disputed: also where the committee would
reject, which the paper does unheard. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import pstdev

from gra.config.synthesis import CalibratedGate
from gra.records import Opinion, Outcome, Stage, Verdict, Version
from gra.synthesis.calibration import FURTHEST, Committee, Share, committee_of
from gra.synthesis.decide import able_by, examined_so, seated, usable
from gra.synthesis.standing import Standing, feature

HOPELESS = 0.02
"""Probability of being good below which a revision would have to become another answer."""


@dataclass(frozen=True, slots=True)
class CalibratedRule:
    """How probable is it that this is good, in the eyes of reviewers who can tell?"""

    config: CalibratedGate
    standings: Mapping[tuple[str, Stage], Standing]
    """Each member's exam at each stage."""
    rulings: Mapping[str, Standing] = field(default_factory=dict)
    """The exam of those who may adjudicate, on responses with reviews before them (`ruling_exam.py`)."""

    def judge(self, stage: Stage, opinions: Sequence[Opinion]) -> Verdict:
        """A response is accepted above the bar, rejected below, and disputed where that is in doubt.

        An instruction is rejected where fewer than `keep_instructions_above` of the seeds' are rated so low; it is
        never disputed. Where nobody can tell, an instruction passes and a response is disputed.
        """
        committee, features = self._committee(stage, usable(opinions))
        log_odds, bar = committee.log_odds(features), self.bar(committee, stage)
        verdict = self._verdict(committee, features, bar)
        above = log_odds >= bar
        place = f"good with probability {self.probability(log_odds):.2f}; the bar is {self.probability(bar):.2f}"
        if stage == "instruction":
            return verdict("accept" if above or not committee.can_tell else "reject", place)
        if not committee.can_tell:
            return verdict("dispute", f"these reviewers could not tell seeds from their broken twins ({place})")
        if abs(log_odds - bar) <= self.config.doubt * committee.doubt:
            return verdict("dispute", f"too near the bar for so short an exam: {place}")
        seen = zip(committee.members, features, strict=True)
        against = [s.model for s, f in seen if (s.reads_as_broken(f) if above else s.reads_as_good(f))]
        if against:
            like = "a broken seed" if above else "a good one"
            return verdict("dispute", f"{place}, but to {', '.join(against)} it reads like {like}")
        return verdict("accept" if above else "reject", place)

    def rule(self, opinion: Opinion, reviews: Sequence[Opinion]) -> Verdict:
        """All opinions, the Adjudicator's with them, each by what it has shown it can tell."""
        if opinion.failure:
            return Verdict("reject", 0.0, 0.0, f"the ruling could not be read: {opinion.failure}")
        committee, features = self._committee(
            "response", usable([*reviews, opinion]), examined_so(self, opinion, reviews)
        )
        if not committee.can_tell:
            reason = "neither the reviewers nor the adjudicator could tell seeds from their broken twins"
            return Verdict("reject", 5.0, 0.0, reason, committee.weights)
        log_odds, bar = committee.log_odds(features), self.bar(committee, "response")
        place = f"good with probability {self.probability(log_odds):.2f}; the bar is {self.probability(bar):.2f}"
        score = 10 * self.probability(log_odds)
        return Verdict(
            "accept" if log_odds >= bar else "reject", score, 0.0, f"with the ruling, {place}", committee.weights
        )

    def doubt(self, version: Version) -> float | None:
        """Standard error of the log-odds of what was decided last of a version; None where nobody could tell."""
        opinions, last = version.opinions, None
        if version.ruling and not version.ruling.opinion.failure:
            last = examined_so(self, version.ruling.opinion, opinions)
            opinions = (*opinions, version.ruling.opinion)
        committee, _ = self._committee("response", usable(opinions), last)
        return committee.doubt if committee.can_tell else None

    def mendable(self, verdict: Verdict) -> bool:
        """Not so improbable that a revision would have to become another answer."""
        return verdict.score >= 10 * HOPELESS

    def weigh(self, stage: Stage, model: str) -> float:
        """By its exam."""
        return self.standings[model, stage].weight

    @property
    def able(self) -> Mapping[Stage, frozenset[str]]:
        """Those who have shown in their exam that they can tell."""
        return able_by(self.standings)

    def bar(self, committee: Committee, stage: Stage) -> float:
        """The log-odds from which this committee accepts, before the prior."""
        if stage == "response":
            return committee.threshold(self.config.keep_precision, self.config.good_share)
        share = self.config.keep_instructions_above
        return committee.quantile(share) if share else -FURTHEST

    def probability(self, log_odds: float) -> float:
        """Probability of being good, the prior counted in; in (0, 1)."""
        share = self.config.good_share
        shifted = log_odds + math.log(share / (1 - share))
        return 1 / (1 + math.exp(-min(max(shifted, -FURTHEST), FURTHEST)))

    def prospect(self, stage: Stage = "response") -> tuple[Share, Share]:
        """Shares of good and of broken samples that everybody together would accept, by their exams."""
        members = tuple(s for s in self.standings.values() if s.stage == stage and s.weight)
        committee = committee_of(members)
        bar = self.bar(committee, stage)
        return committee.share(True, bar), committee.share(False, bar)

    def _verdict(self, committee: Committee, features: Sequence[float], bar: float) -> _Verdict:
        log_odds = committee.log_odds(features)
        alone = [(s, committee_of((s,)), f) for s, f in zip(committee.members, features, strict=True)]
        own = [(s, self.probability(c.log_odds((f,)))) for s, c, f in alone if s.weight or not committee.can_tell]
        stage = committee.members[0].stage
        votes = {s.model: c.log_odds((f,)) >= self.bar(c, stage) for s, c, f in alone if s.weight}
        # Whoever cannot tell has a vote on record, by which side of its own middle this lies on: it is not counted.
        votes |= {s.model: s.standardised(f) >= 0 for s, _, f in alone if not s.weight and any(s.good)}
        spread = pstdev(10 * p for _, p in own)
        low = committee.can_tell and log_odds < bar
        return _Verdict(10 * self.probability(log_odds), spread, committee.weights, votes, low)

    def _committee(
        self, stage: Stage, opinions: Sequence[Opinion], last: Standing | None = None
    ) -> tuple[Committee, tuple[float, ...]]:
        """The committee of those who hold these opinions; the last by another exam than its own, if one is given."""
        return committee_of(seated(self.standings, stage, opinions, last)), tuple(feature(o) for o in opinions)


@dataclass(frozen=True, slots=True)
class _Verdict:
    """A verdict that wants its outcome."""

    score: float
    spread: float
    weights: Mapping[str, float]
    votes: Mapping[str, bool]
    low: bool
    """The score is below the bar."""

    def __call__(self, outcome: Outcome, reason: str) -> Verdict:
        appeal = outcome == "dispute" and self.low
        return Verdict(outcome, self.score, self.spread, reason, self.weights, self.votes, appeal)
