"""The things a run is about: seeds, pool entries, opinions, verdicts, and samples with their whole history.

Plain immutable values of the standard library. They know nothing of models, files or time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import fmean
from typing import Any, Literal

Stage = Literal["instruction", "response"]
Outcome = Literal["accept", "reject", "dispute"]
Reading = Literal["written", "probability", "evidence"]
"""How an opinion is got: a model writes it, a model's probabilities are read, or a verifier finds it out."""

INSTRUCTION_CRITERIA = ("reasonableness", "completeness", "clarity")
"""The paper's for stage 1, binary (section 3.2 and Prompt 6)."""
RESPONSE_CRITERIA = ("correctness", "clarity", "completeness", "relevance", "coherence", "ethicality")
"""The paper's for stage 2, on a scale of 1-10 (section 3.3 and Prompt 8)."""

SEED = "@seed"
"""Stands for the author of a seed's own response where the Generator is named; no model can be called so."""
VERIFIER = "@"
"""What the names of verifiers begin with, where members of a committee are named; no model can be called so."""


def criteria_of(stage: Stage) -> tuple[str, ...]:
    """The names of what the paper judges at a stage, in their order."""
    return INSTRUCTION_CRITERIA if stage == "instruction" else RESPONSE_CRITERIA


class Status(StrEnum):
    """How a sample's life ended. Every sample of a closed round ended in exactly one; only `passed` is not an end."""

    PASSED = "passed"
    """The review let it through; when its round closes it is accepted, a duplicate, or surplus."""
    ACCEPTED = "accepted"
    REJECTED_INSTRUCTION = "rejected_instruction"
    """The reviewers turned the instruction down (stage 1)."""
    REJECTED_RESPONSE = "rejected_response"
    """The reviewers turned the response down (stage 2), or nobody settled their dispute, and no revision mended it."""
    REJECTED_RULING = "rejected_ruling"
    """Disputed, and the Adjudicator said no."""
    DUPLICATE = "duplicate"
    """Too close in meaning to something already in the pool, or to a better sample of its round."""
    UNUSABLE = "unusable"
    """A model's output could not be used, even after a repair turn."""
    FAILED = "failed"
    """An endpoint gave up on one of its calls, or refused it."""
    FILTERED = "filtered"
    """A post-processor of the user's own dropped it."""
    SURPLUS = "surplus"
    """Not needed: the round had its accepted samples without it."""


@dataclass(frozen=True, slots=True)
class Seed:
    """One usable record of the user's seed file."""

    id: str
    """`seed-` and the place in the file, from 0."""
    instruction: str
    """Instruction and input, if any, as one text."""
    response: str
    domain: str | None = None
    """What the file says of it; asked of a model where it says nothing."""
    keywords: tuple[str, ...] = ()
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of the user's documents that a sample may be made from."""

    source: str
    """Where it is: the file's name within the documents, and the line, for example `guide/rivers.md:12`."""
    text: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One member of the pool D(t) = (x, y, d, k, s): a seed, or a sample accepted in an earlier round."""

    id: str
    round: int
    """0 for seeds, else the round that accepted it."""
    domain: str
    keywords: tuple[str, ...]
    summary: str
    instruction: str
    response: str


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays which part for one version of a sample. All different models, unless one plays all parts."""

    generator: str
    reviewers: tuple[str, ...]
    """None where nothing is reviewed."""
    adjudicator: str
    """Empty where there is none."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one member of a committee thinks of an instruction or a response, or why its review could not be used."""

    model: str
    stage: Stage
    reading: Reading
    scores: Mapping[str, float] = field(default_factory=dict)
    """High is good. `probability`: P(good answer) in [0, 1] per criterion. `written`: 0 or 1 (stage 1), 1-10 (stage 2).
    `evidence`: one number in (0, 1), the logistic of what was measured. All or none."""
    comment: str = ""
    outside: float = 0.0
    """`probability`: mean probability that went to neither yes nor no, in [0, 1]."""
    failure: str = ""
    """Why the review is unusable; such a review counts for nothing, never as a low score."""
    unasked: str = ""
    """Why the model was not asked: nothing that it could say would change what becomes of the sample."""
    abstained: str = ""
    """Why a verifier has nothing to say of this sample: there is nothing here that it could check."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """How much each criterion counts in the opinion's mean; empty where all count the same."""

    @property
    def usable(self) -> bool:
        """True if it was asked for, and could be read, and says something."""
        return not self.failure and not self.unasked and not self.abstained

    def mean(self, values: Mapping[str, float]) -> float:
        """The weighted mean of one value for each criterion."""
        return fmean(values.values(), [self.weights.get(criterion, 1.0) for criterion in values])


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate makes of the opinions."""

    outcome: Outcome
    score: float
    """0-10. Gate `paper`: the mean over reviewers. Gate `calibrated`: ten times the probability of being good. Gate
    `seeds`: ten times the committee's rank among the seeds."""
    spread: float
    """Population standard deviation over the reviewers' own scores, on the same scale."""
    reason: str
    """In words, with the numbers that decided."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Share of each reviewer's say, summing to 1; all 0 where none has shown that it can tell."""
    votes: Mapping[str, bool] = field(default_factory=dict)
    """What each reviewer that could be read would have made of it alone: True to accept."""
    appeal: bool = False
    """Disputed although its score is below the bar: by the paper's rule it would be rejected unheard."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """The Adjudicator's re-judgement of a disputed version; it overrides the committee."""

    opinion: Opinion
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Preference:
    """Which of two responses a model finds better, asked in both orders without being told which is the new one."""

    model: str
    weight: float
    """How much it counts: by an exam in pairs what its log-odds are worth; without one what it can tell of one text."""
    log_odds: float = 0.0
    """Of the new response, the mean of both orders: above 0 is for it."""
    position: float = 0.0
    """Log-odds of whatever stands first: above 0 favours the first place."""
    failure: str = ""
    """Why it could not be read; then it counts for nothing."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A new response against the one that it may replace. Pairwise, blind, and before any review of the new one."""

    against: int
    """Number of the version that it is compared with."""
    preferences: tuple[Preference, ...]
    log_odds: float
    """Mean of those that could be read, by their weights; 0 where there is none."""
    won: bool
    """True if the new response is preferred. A tie is not enough."""


@dataclass(frozen=True, slots=True)
class Version:
    """One response with everything said about it. Version 0 is the first; revisions follow."""

    number: int
    response: str
    cast: Cast
    """In refinement version 0 is the seed's own response, and its Generator is `SEED`."""
    opinions: tuple[Opinion, ...] = ()
    verdict: Verdict | None = None
    ruling: Ruling | None = None
    settlement: Verdict | None = None
    """How a dispute ended where there is no Adjudicator."""
    comparison: Comparison | None = None
    """With the version that it may replace; None for what replaces nothing. What has lost is not reviewed."""

    @property
    def review_step(self) -> str:
        """Name of the calls that review this version."""
        return f"v{self.number}.review.response"

    @property
    def final(self) -> Verdict | None:
        """The verdict that counts: the ruling's or the settlement's if there is one."""
        return self.ruling.verdict if self.ruling else self.settlement or self.verdict


@dataclass(frozen=True, slots=True)
class Sample:
    """One candidate, from its casting to its end, with all its versions."""

    id: str
    """`r` round `-` number of the candidate in the round, for example `r01-00007`."""
    round: int
    index: int
    domain: str
    cast: Cast
    examples: tuple[str, ...] = ()
    """Ids of the pool entries shown to the Generator."""
    keywords: tuple[str, ...] = ()
    instruction: str = ""
    opinions: tuple[Opinion, ...] = ()
    """Stage 1."""
    verdict: Verdict | None = None
    """Stage 1."""
    versions: tuple[Version, ...] = ()
    status: Status = Status.PASSED
    reason: str = ""
    """Why it ended so, in words."""
    score: float = 0.0
    """Score of the version that counts, 0-10."""
    summary: str = ""
    duplicate_of: str = ""
    similarity: float | None = None
    """Largest cosine to the pool and to better samples of the round, in [-1, 1].

    None where never embedded, and for what is accepted among more than 200,000 vectors.
    """
    source: str = ""
    """The passage that it was made from, as `Passage.source` names it; empty without documents."""
    seed: str = ""
    """Id of the seed that is refined; empty for a sample that was synthesised."""
    notes: Mapping[str, Any] = field(default_factory=dict)
    """What post-processors have to say of it: plain data, in the metadata of exports."""

    @property
    def best(self) -> Version | None:
        """The version that counts: of those that passed the one with the best score, the earlier of equals.

        Where none passed, the last that has a verdict, or the last of all. None if nothing was written.
        """
        passed = [(v.final.score, v) for v in self.versions if v.final and v.final.outcome == "accept"]
        if passed:
            return max(passed, key=lambda pair: pair[0])[1]
        return next((v for v in reversed(self.versions) if v.final), self.versions[-1] if self.versions else None)

    @property
    def response(self) -> str:
        """The response of the version that counts, empty if none was written."""
        return self.best.response if self.best else ""

    @property
    def refined(self) -> bool | None:
        """Of a seed, whether a new response took the place of its own; None for a sample that was synthesised."""
        if not self.seed:
            return None
        return self.best is not None and self.best.cast.generator != SEED
