"""From opinions to a verdict. Pure: no models, no clock, no randomness.

Two gates, and `Unreviewed`, which lets everything through. `PaperRule` is the paper's (section 3.3), checked against
its two worked cases. `SeedsRule` places a sample among the user's own seeds and their broken twins as the same
reviewers read them (`standing.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist, fmean, pstdev
from typing import Literal, Protocol, get_args, runtime_checkable

from gra.config.synthesis import PaperGate, SeedsGate
from gra.records import VERIFIER, Opinion, Outcome, Stage, Verdict
from gra.synthesis.standing import Panel, Standing, feature, panel_of

NORMAL = NormalDist()
EPSILON = 1e-9
"""Scores are means of integers; two that differ by less are equal, whatever the rounding."""


class Gate(Protocol):
    """How opinions become a verdict."""

    def judge(self, stage: Stage, opinions: Sequence[Opinion]) -> Verdict:
        """The committee's verdict; only a response can be disputed."""
        ...

    def rule(self, opinion: Opinion, reviews: Sequence[Opinion]) -> Verdict:
        """The Adjudicator's: accept or reject."""
        ...

    def mendable(self, verdict: Verdict) -> bool:
        """True if a rejected response is near enough to be worth a revision."""
        ...

    @property
    def able(self) -> Mapping[Stage, frozenset[str]] | None:
        """At each stage the models whose opinions count; None if all do."""
        ...


@runtime_checkable
class Monotone(Gate, Protocol):
    """A gate that can be foreseen (`economy.py`): better opinions of the same reviewers never make its verdict worse.

    Score and votes rise, or stay, with every score of every opinion; what is rejected is rejected with worse opinions
    too, and an instruction that is accepted is accepted with better ones. What is `mendable` depends on the score and
    rises with it. An opinion whose weight in the verdict is 0 leaves no trace in it beside others of more, and none in
    what comes of a dispute.
    """

    def weigh(self, stage: Stage, model: str) -> float:
        """How much the model's opinion settles: those with more are asked first."""
        ...


def usable(opinions: Sequence[Opinion]) -> list[Opinion]:
    """The opinions that were asked for, could be read, and say something."""
    return [o for o in opinions if o.usable]


def say(gate: Gate, model: str) -> float:
    """How much a model's word on a response counts outside of a verdict: 0 where it has shown that it cannot tell.

    With a gate that knows of no differences all count the same.
    """
    if gate.able is not None and model not in gate.able["response"]:
        return 0.0
    return gate.weigh("response", model) if isinstance(gate, Monotone) else 1.0


def quorum(opinions: Sequence[Opinion]) -> bool:
    """True if at least half of the reviewers could be read. Without one there is no verdict.

    Verifiers do not count here, so that nothing is decided on evidence alone where nobody could be read. Who was not
    asked is no help either: a reviewer is left out only where it could make no difference to this.
    A committee of nobody, where nothing is reviewed, is complete.
    """
    reviews = [o for o in opinions if o.reading != "evidence"]
    return 2 * len(usable(reviews)) >= len(reviews)


def settled(dispute: Verdict, adjudication: Literal["majority", "none"]) -> Verdict:
    """How a disputed response ends without an Adjudicator: as most reviewers would have it, or rejected.

    Every reviewer whose say counts has one vote, whatever its weight. A tie rejects: a disputed sample needs more to
    speak for it than against.
    """
    votes = [vote for model, vote in dispute.votes.items() if dispute.weights.get(model)]
    passes = adjudication == "majority" and 2 * sum(votes) > len(votes)
    how = f"{sum(votes)} of {len(votes)} votes are for it" if adjudication == "majority" else "nobody adjudicates"
    return replace(dispute, outcome="accept" if passes else "reject", reason=f"disputed ({dispute.reason}); {how}")


@dataclass(frozen=True, slots=True)
class Unreviewed:
    """The gate where nothing is reviewed: whatever was written passes, and all are equal."""

    able: None = None

    def judge(self, stage: Stage, opinions: Sequence[Opinion]) -> Verdict:
        """Accept, with no score."""
        return Verdict("accept", 0.0, 0.0, "passed without a review")

    def rule(self, opinion: Opinion, reviews: Sequence[Opinion]) -> Verdict:
        """Never asked for: nothing is disputed."""
        return self.judge("response", reviews)

    def mendable(self, verdict: Verdict) -> bool:
        """Nothing is rejected."""
        return False


# --- the paper's gate -------------------------------------------------------------------------------------------------


def points(opinion: Opinion) -> list[float]:
    """An opinion's scores on the paper's scales: 0 or 1 at stage 1, 1 to 10 at stage 2."""
    values = list(opinion.scores.values())
    if opinion.reading == "written":
        return values
    return [float(p >= 0.5) for p in values] if opinion.stage == "instruction" else [1 + 9 * p for p in values]


def mark(opinion: Opinion) -> float:
    """The mean of an opinion's points, by the criteria's weights."""
    return opinion.mean(dict(zip(opinion.scores, points(opinion), strict=True)))


@dataclass(frozen=True, slots=True)
class PaperRule:
    """Unanimous veto on instructions; mean and population deviation over reviewers on responses."""

    config: PaperGate

    def judge(self, stage: Stage, opinions: Sequence[Opinion]) -> Verdict:
        """Stage 1: any zero rejects. Stage 2: reject below TAU, dispute above SIGMA_MAX, else accept.

        Case 1 of the paper: means 9.833, 9.667, 4.5 give mu 8.000 and sigma 2.4758, hence a dispute; 8.0 meets TAU.
        """
        means = {o.model: mark(o) for o in usable(opinions)}
        weights = {model: 1 / len(means) for model in means}
        tau, most = self.config.tau, self.config.sigma_max
        mu, sigma = fmean(means.values()), pstdev(means.values())
        if stage == "instruction":
            vetoes = [f"{o.model}: {c}" for o in usable(opinions) for c in _zeros(o)]
            reason = f"vetoed ({'; '.join(vetoes)})" if vetoes else "all criteria met by all reviewers"
            votes = {o.model: not _zeros(o) for o in usable(opinions)}
            return Verdict("reject" if vetoes else "accept", 10 * mu, 10 * sigma, reason, weights, votes)
        votes = {model: mean >= tau - EPSILON for model, mean in means.items()}
        if mu < tau - EPSILON:
            return Verdict("reject", mu, sigma, f"mean {mu:.2f} is below {tau:g}", weights, votes)
        if sigma > most + EPSILON:
            reason = f"mean {mu:.2f} passes, but the deviation {sigma:.2f} is above {most:g}"
            return Verdict("dispute", mu, sigma, reason, weights, votes)
        reason = f"mean {mu:.2f} >= {tau:g}, deviation {sigma:.2f} <= {most:g}"
        return Verdict("accept", mu, sigma, reason, weights, votes)

    def rule(self, opinion: Opinion, reviews: Sequence[Opinion]) -> Verdict:
        """The Adjudicator's mean against the same TAU; the committee is overridden."""
        if opinion.failure:
            return Verdict("reject", 0.0, 0.0, f"the ruling could not be read: {opinion.failure}")
        mean = mark(opinion)
        passes = mean >= self.config.tau - EPSILON
        reason = f"ruled {mean:.2f}, {'at least' if passes else 'below'} {self.config.tau:g}"
        return Verdict("accept" if passes else "reject", mean, 0.0, reason, {opinion.model: 1.0})

    def mendable(self, verdict: Verdict) -> bool:
        """Half of TAU is near enough."""
        return verdict.score >= self.config.tau / 2

    def weigh(self, stage: Stage, model: str) -> float:
        """All the same."""
        return 1.0

    @property
    def able(self) -> None:
        """In the paper all opinions count."""
        return None


def _zeros(opinion: Opinion) -> list[str]:
    met = zip(opinion.scores, points(opinion), strict=True)
    return [c for c, p in met if p < 0.5 and opinion.weights.get(c, 1.0)]


# --- the gate by the user's own seeds ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SeedsRule:
    """Where does this sample stand among the seeds, in the eyes of reviewers who can tell?"""

    config: SeedsGate
    standings: Mapping[tuple[str, Stage], Standing]
    """Each model's exam at each stage."""
    rulings: Mapping[str, Standing] = field(default_factory=dict)
    """The exam of those who may adjudicate, on responses with reviews before them (`ruling_exam.py`)."""

    def judge(self, stage: Stage, opinions: Sequence[Opinion]) -> Verdict:
        """Accept above the threshold rank, reject below.

        Near it, where an able member sees it otherwise, or where nobody can tell, a response is disputed.
        """
        panel, features = self._panel(stage, usable(opinions))
        threshold = self.config.keep_above if stage == "response" else self.config.keep_instructions_above
        rank = panel.rank(features)
        alone = [(s, panel_of((s,)).rank((f,))) for s, f in zip(panel.members, features, strict=True)]
        spread = pstdev(10 * own for s, own in alone if s.weight or not panel.can_tell)
        votes = {s.model: own >= threshold for s, own in alone if any(s.good)}  # all 0: it could not be examined
        weights = panel.shares

        above = rank >= threshold

        def verdict(outcome: Outcome, reason: str) -> Verdict:
            appeal = outcome == "dispute" and panel.can_tell and not above
            return Verdict(outcome, 10 * rank, spread, reason, weights, votes, appeal)

        place = f"rated above {rank:.0%} of the seeds; the bar is {threshold:.0%}"
        if stage == "instruction":
            return verdict("accept" if above or not panel.can_tell else "reject", place)
        if not panel.can_tell:
            return verdict("dispute", f"these reviewers could not tell seeds from their broken twins ({place})")
        if abs(rank - threshold) <= self.config.dispute_band:
            return verdict("dispute", f"near the threshold: {place}")
        seen = zip(panel.members, features, strict=True)
        dissent = [s.model for s, f in seen if (s.reads_as_broken(f) if above else s.reads_as_good(f))]
        if dissent:
            like = "broken" if above else "good"
            return verdict("dispute", f"{place}, but to {', '.join(dissent)} it reads like a {like} seed")
        return verdict("accept" if above else "reject", place)

    def rule(self, opinion: Opinion, reviews: Sequence[Opinion]) -> Verdict:
        """All opinions, the Adjudicator's with them, each by what it has shown it can tell."""
        heard = usable([*reviews, opinion])
        if opinion.failure:
            return Verdict("reject", 0.0, 0.0, f"the ruling could not be read: {opinion.failure}")
        panel, features = self._panel("response", heard, examined_so(self, opinion, reviews))
        rank = panel.rank(features)
        weights = panel.shares
        if not panel.can_tell:
            reason = "neither the reviewers nor the adjudicator could tell seeds from their broken twins"
            return Verdict("reject", 10 * rank, 0.0, reason, weights)
        passes = rank >= self.config.keep_above
        reason = f"with the ruling, rated above {rank:.0%} of the seeds; the bar is {self.config.keep_above:.0%}"
        return Verdict("accept" if passes else "reject", 10 * rank, 0.0, reason, weights)

    def mendable(self, verdict: Verdict) -> bool:
        """Not so far down that a revision would have to become another answer."""
        return verdict.score >= 10 * HOPELESS_RANK

    def weigh(self, stage: Stage, model: str) -> float:
        """By its exam."""
        return self.standings[model, stage].weight

    @property
    def able(self) -> Mapping[Stage, frozenset[str]]:
        """Those who have shown in their exam that they can tell."""
        return able_by(self.standings)

    def _panel(
        self, stage: Stage, opinions: Sequence[Opinion], last: Standing | None = None
    ) -> tuple[Panel, tuple[float, ...]]:
        """The panel of those who hold these opinions; the last by another exam than its own, if one is given."""
        return panel_of(seated(self.standings, stage, opinions, last)), tuple(feature(o) for o in opinions)


def able_by(standings: Mapping[tuple[str, Stage], Standing]) -> dict[Stage, frozenset[str]]:
    """At each stage the models that have shown in their exam that they can tell; verifiers are not cast."""
    can = [s for s in standings.values() if s.weight and not s.model.startswith(VERIFIER)]
    return {stage: frozenset(s.model for s in can if s.stage == stage) for stage in get_args(Stage)}


def seated(
    standings: Mapping[tuple[str, Stage], Standing],
    stage: Stage,
    opinions: Sequence[Opinion],
    last: Standing | None = None,
) -> tuple[Standing, ...]:
    """The standing of each who holds one of these opinions; the last's by another exam, if one is given."""
    members = tuple(standings[o.model, stage] for o in opinions)
    return (*members[:-1], last) if last else members


@runtime_checkable
class Examined(Protocol):
    """A gate by exams, in which Adjudicators have sat one with reviews before them."""

    @property
    def standings(self) -> Mapping[tuple[str, Stage], Standing]:
        """Each model's exam at each stage."""
        ...

    @property
    def rulings(self) -> Mapping[str, Standing]:
        """The exam of those who may adjudicate, with reviews before them (`ruling_exam.py`)."""
        ...


def rules_blind(gate: Gate | Examined, model: str) -> bool:
    """Whether an Adjudicator is shown no reviews: by exams, it cannot tell with them before it, and can without."""
    if not isinstance(gate, Examined) or model not in gate.rulings:
        return False
    return not gate.rulings[model].weight and gate.standings[model, "response"].weight > 0


def examined_so(gate: Examined, opinion: Opinion, reviews: Sequence[Opinion]) -> Standing | None:
    """The Adjudicator's exam with reviews before it, if it had one to read and sat such an exam; else None."""
    quoted = any(o.comment and gate.standings[o.model, "response"].weight for o in reviews)
    return gate.rulings.get(opinion.model) if quoted and not rules_blind(gate, opinion.model) else None


def weight_of_ruling(gate: Examined, model: str) -> float:
    """What an Adjudicator has shown as it is asked: with reviews before it, or without."""
    ruled = gate.rulings.get(model)
    return (ruled.weight if ruled else 0.0) or gate.standings[model, "response"].weight


HOPELESS_RANK = NORMAL.cdf(-4.0)
"""Four deviations below the seeds' mean."""

assert math.isclose(HOPELESS_RANK, 3.17e-5, rel_tol=0.01)
