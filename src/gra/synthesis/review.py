"""The committee: blind reviews in parallel, and what the reviewers say in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gra.calls import Ask, CallId
from gra.config.synthesis import SynthesisConfig
from gra.ids import rng
from gra.records import Comparison, Opinion, Ruling, Verdict, Version
from gra.synthesis.comparison import compare
from gra.synthesis.decide import Gate, Monotone, rules_blind
from gra.synthesis.economy import Economy
from gra.synthesis.evidence.verifier import EvidenceReading
from gra.synthesis.preferring import read_preference
from gra.synthesis.reading import Matter, Reading, read_comment, read_opinion
from gra.together import together


@dataclass(frozen=True, slots=True)
class Committee:
    """Asks the members of a cast for their opinions, each by the reading that suits it."""

    ask: Ask
    config: SynthesisConfig
    readings: Mapping[str, Reading]

    async def review(
        self, matter: Matter, reviewers: Sequence[str], sample: str, step: str, gate: Gate, revisable: bool = False
    ) -> tuple[Opinion, ...]:
        """One opinion for each reviewer, in order, and of a response one for each verifier after them.

        None sees another's; who could change nothing is not asked.

        If `revisable`, the response may go back to its Generator with what is said of it.
        """
        verifiers = {name: r for name, r in self.readings.items() if isinstance(r, EvidenceReading)}
        members = (*reviewers, *(verifiers if matter.stage == "response" else ()))
        readings = {model: self.readings[model].kind for model in members}
        economy = Economy(gate, matter.stage, members, readings, self.config.criteria, revisable)
        known: dict[str, Opinion] = {}
        for name, reading in verifiers.items():  # cheap ones first, one by one: they share what they ask
            if name in members and reading.cheap and self._heard(economy, name):
                known[name] = await self._review(matter, name, sample, step)
        while asked := self._asked(economy, known):
            said = await together(self._review(matter, model, sample, step) for model in asked)
            known |= dict(zip(asked, said, strict=True))
        return economy.complete(known)

    def _asked(self, economy: Economy, known: Mapping[str, Opinion]) -> tuple[str, ...]:
        if self.config.opinions == "when_needed":
            return economy.needed(known)
        return tuple(m for m in economy.reviewers if m not in known)

    def _heard(self, economy: Economy, name: str) -> bool:
        """Whether a verifier has a say at all, as far as that is known."""
        gate = economy.gate
        return self.config.opinions == "always" or not isinstance(gate, Monotone) or gate.weigh(economy.stage, name) > 0

    async def _review(self, matter: Matter, model: str, sample: str, step: str) -> Opinion:
        opinion = await read_opinion(self.readings[model], self.ask, model, matter, CallId(sample, f"{step}.{model}"))
        if matter.stage == "response" and self.config.comments == "always":
            return await self.with_comment(opinion, matter, sample, step)
        return opinion

    async def with_comment(self, opinion: Opinion, matter: Matter, sample: str, step: str) -> Opinion:
        """The opinion with a comment, asked for if it has none yet."""
        if opinion.comment or not opinion.usable or opinion.reading == "evidence":
            return opinion
        call = CallId(sample, f"{step}.{opinion.model}.comment")
        comment = await read_comment(self.ask, opinion.model, matter, call, self.config)
        return replace(opinion, comment=comment)

    async def commented(self, version: Version, matter: Matter, sample: str) -> Version:
        """The version with a comment from everybody whose say counted, for somebody who is about to read them."""
        step, ruling = version.review_step, version.ruling
        heard = [o for o in version.opinions if _counts(version.verdict, o)]
        said = {o.model: o for o in await together(self.with_comment(o, matter, sample, step) for o in heard)}
        version = replace(version, opinions=tuple(said.get(o.model, o) for o in version.opinions))
        if ruling is None or not _counts(ruling.verdict, ruling.opinion):
            return version
        opinion = await self.with_comment(ruling.opinion, matter, sample, f"v{version.number}.adjudicate")
        return replace(version, ruling=replace(ruling, opinion=opinion))

    async def compare(self, matter: Matter, old: Version, judges: Mapping[str, float], sample: str) -> Comparison:
        """A new response against the version that it may replace.

        Args:
            matter: the new response.
            old: that version.
            judges: who is asked, by how much each counts; nobody else's preference is looked at.
            sample: its id.
        """
        step = f"v{old.number + 1}.compare"
        asked = [(model, weight) for model, weight in judges.items() if weight > 0]
        pair, config, readings = (matter, old.response), self.config, self.readings
        found = await together(
            read_preference(readings[m], self.ask, m, weight, pair, CallId(sample, f"{step}.{m}"), config)
            for m, weight in asked
        )
        return compare(old.number, found)

    async def adjudicate(self, version: Version, matter: Matter, sample: str, gate: Gate) -> Ruling:
        """The Adjudicator's own judgement of a disputed version, the reviews before it (as in the paper).

        Where nobody whose say counts had anything to say, or it has shown that it cannot tell with reviews before it,
        it is asked as a reviewer is: its opinion is weighed by an exam of those questions, and asked about reviews that
        are not there it says something else (docs/lab_notes.md).
        """
        model = version.cast.adjudicator
        step = f"v{version.number}.adjudicate.{model}"
        said = "" if rules_blind(gate, model) else comments_text(version, self.config.random_seed, sample)
        seen = replace(matter, reviews=said)
        opinion = await read_opinion(self.readings[model], self.ask, model, seen, CallId(sample, step))
        return Ruling(opinion, gate.rule(opinion, version.opinions))


def comments_text(version: Version, run_seed: int, sample: str) -> str:
    """What was said of a version by those whose say counted; empty if that is nothing.

    Without names and in random order, so that nobody is followed for who it is. Who cannot tell good from broken is
    not quoted: its comments are about something else, and a Generator follows them (docs/lab_notes.md).
    """
    opinions = [o for o in version.opinions if _counts(version.verdict, o)]
    if version.ruling and _counts(version.ruling.verdict, version.ruling.opinion):
        opinions.append(version.ruling.opinion)
    said = [o.comment for o in opinions if o.comment]
    rng(run_seed, sample, f"v{version.number}.order").shuffle(said)
    return "\n".join(f"- {comment}" for comment in said)


def _counts(verdict: Verdict | None, opinion: Opinion) -> bool:
    return verdict is not None and verdict.weights.get(opinion.model, 0.0) > 0
