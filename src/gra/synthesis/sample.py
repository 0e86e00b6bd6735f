"""One sample's life, from its casting to its verdict. Start reading here.

Everything else in the package exists to call `run_sample` many times, safely. It knows no HTTP, no SQL, no clock:
whether an answer comes from a model or from the ledger is the business of the `Ask` it is given.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field, replace

from gra.calls import Ask
from gra.config.synthesis import SynthesisConfig
from gra.errors import Refused
from gra.ids import rng, sample_id
from gra.records import SEED, Cast, Entry, Sample, Status, Version
from gra.synthesis.asking import Unwritten
from gra.synthesis.casting import Casting
from gra.synthesis.decide import Gate, quorum, rules_blind, say, settled
from gra.synthesis.domains import in_domain
from gra.synthesis.generate import Generator
from gra.synthesis.mending import Mending
from gra.synthesis.plugged import PostProcessor
from gra.synthesis.pool import Pool
from gra.synthesis.reading import Matter, Reading
from gra.synthesis.review import Committee
from gra.synthesis.topics import Agenda


@dataclass(frozen=True, slots=True)
class Study:
    """What all samples of a round have in common."""

    config: SynthesisConfig
    pool: Pool
    readings: Mapping[str, Reading]
    casting: Casting
    gate: Gate
    ask: Ask
    agenda: Agenda = field(default_factory=Agenda)
    processors: tuple[PostProcessor, ...] = ()
    castings: Mapping[str, Casting] = field(default_factory=dict)
    """Of the domains that are not cast as all others are."""
    pairs: Mapping[str, float] | None = None
    """What each model's word on which of two responses is better counts, by its exam in pairs; None without one."""
    mending: Mending = field(default_factory=Mending)
    """Which rejected responses are worth a revision."""

    def casting_in(self, domain: str) -> Casting:
        """Who is drawn for samples of a domain."""
        return self.castings.get(domain, self.casting)

    def gate_in(self, domain: str) -> Gate:
        """Who decides about samples of a domain."""
        return in_domain(self.gate, domain)

    def compares(self, cast: Cast, domain: str) -> dict[str, float]:
        """Who of a cast is asked which of two responses is better, by how much each counts."""
        gate, pairs = self.gate_in(domain), self.pairs
        names = [name for name in (*cast.reviewers, cast.adjudicator) if name]
        if pairs is None:
            return {name: say(gate, name) for name in names}
        return {n: 0.0 if gate is not self.gate and not say(gate, n) else pairs.get(n, 0.0) for n in names}


async def run_sample(study: Study, round_number: int, index: int) -> Sample:
    """Candidate `index` of a round, to its end; accepted ones still have de-duplication before them.

    Raises:
        EndpointError: an endpoint gave up; the candidate is owed, not lost.
    """
    sample = begin(study, round_number, index)
    committee, gate = Committee(study.ask, study.config, study.readings), study.gate_in(sample.domain)
    examples, passage = drawn_examples(study, sample.id, sample.domain), study.agenda.passage(index)
    generator = Generator(study.ask, study.config, sample, examples, passage)
    try:
        # 1) The Generator finds a subject and writes an instruction.
        sample = replace(sample, keywords=await generator.keywords())
        sample = replace(sample, instruction=await generator.instruction(sample.keywords))

        # 2) The Reviewers judge the instruction; the response is written only if it passes.
        matter = Matter("instruction", sample.instruction)
        opinions = await committee.review(matter, sample.cast.reviewers, sample.id, "review.instruction", gate)
        sample = replace(sample, opinions=opinions)
        if not quorum(opinions):
            raise Unwritten("too few reviewers of the instruction could be read")
        sample = replace(sample, verdict=gate.judge("instruction", opinions))
        if sample.verdict and sample.verdict.outcome == "reject":
            return end(sample, Status.REJECTED_INSTRUCTION, sample.verdict.reason)

        # 3) The Generator answers; Reviewers, and an Adjudicator where they are in dispute, judge the answer;
        #    what falls short but can be mended goes back with their critique, and before a fresh draw of them.
        response = await generator.response(sample.instruction)
        while True:
            sample = await reviewed(study, committee, sample, response)
            if not wants_revision(study, sample):
                return concluded(sample)
            sample = await critiqued(committee, sample)
            response = await tried(generator.revision(sample))
            if response in ("", sample.versions[-1].response):
                return concluded(sample)
    except Unwritten as spoiled:
        return end(sample, Status.UNUSABLE, str(spoiled))
    except Refused as refusal:
        return end(sample, Status.FAILED, str(refusal))


def begin(study: Study, round_number: int, index: int) -> Sample:
    """The draws that make a candidate: its domain, its examples, its cast, and its passage if there are documents.

    In refinement nothing but examples and cast is drawn: candidate i is seed i.
    """
    config, name = study.config, sample_id(round_number, index)
    draw = rng(config.random_seed, name, "cast")
    if config.task == "refine":
        seed = study.pool.seed(index)
        cast = study.casting_in(seed.domain).draw(draw)
        examples = drawn_examples(study, name, seed.domain, but=index)
        blank = Sample(name, round_number, index, seed.domain, cast, tuple(e.id for e in examples), seed=seed.id)
        return replace(blank, keywords=seed.keywords, summary=seed.summary, instruction=seed.instruction)
    domain = study.agenda.domain(index) or study.pool.draw_domain(rng(config.random_seed, name, "domain"))
    cast = study.casting_in(domain).draw(draw)
    examples = drawn_examples(study, name, domain)
    passage = study.agenda.passage(index)
    source = passage.source if passage else ""
    return Sample(name, round_number, index, domain, cast, tuple(e.id for e in examples), source=source)


def drawn_examples(study: Study, name: str, domain: str, but: int = -1) -> tuple[Entry, ...]:
    """What the Generator of a sample is shown: the same entries whenever they are drawn; not seed number `but`."""
    draw = rng(study.config.random_seed, name, "examples")
    return study.pool.draw_examples(domain, draw, study.config.examples[1], but)


async def reviewed(
    study: Study, committee: Committee, sample: Sample, response: str, author: str | None = None
) -> Sample:
    """The sample with one more version, judged, if it is better than the one before. The author is told to nobody."""
    cast = cast_of(study, sample)
    version = Version(len(sample.versions), response, replace(cast, generator=author or cast.generator))
    before, sample = sample.versions, replace(sample, versions=(*sample.versions, version))
    if before and study.config.revision.accept == "pairwise":
        judges = study.compares(version.cast, sample.domain)
        # Where nobody can tell, what has passed stays, and what was rejected gives way to what the review accepts.
        if any(judges.values()) or passed(before[-1]):
            comparison = await committee.compare(response_matter(sample), before[-1], judges, sample.id)
            sample = with_last(sample, replace(version, comparison=comparison))
            if not comparison.won:
                return sample
    return with_last(sample, await judged(study, committee, sample))


def cast_of(study: Study, sample: Sample) -> Cast:
    """The cast of the next version: the sample's own; a revision comes before a fresh draw."""
    if not written(sample):
        return sample.cast
    draw = rng(study.config.random_seed, sample.id, f"cast.v{len(sample.versions)}")
    return study.casting_in(sample.domain).draw(draw, sample.cast.generator)


async def judged(study: Study, committee: Committee, sample: Sample) -> Version:
    """The last version with its reviews, verdict, and the end of a dispute; no verdict without a quorum."""
    version, matter = sample.versions[-1], response_matter(sample)
    step, mendable, gate = version.review_step, revisable(study, sample), study.gate_in(sample.domain)
    opinions = await committee.review(matter, version.cast.reviewers, sample.id, step, gate, mendable)
    version = replace(version, opinions=opinions)
    if not quorum(opinions):
        return version
    version = replace(version, verdict=gate.judge("response", opinions))
    if version.verdict is None or version.verdict.outcome != "dispute":
        return version
    if study.config.adjudication != "model":
        return replace(version, settlement=settled(version.verdict, study.config.adjudication))
    if not rules_blind(gate, version.cast.adjudicator):
        version = await committee.commented(version, matter, sample.id)
    return replace(version, ruling=await committee.adjudicate(version, matter, sample.id, gate))


async def critiqued(committee: Committee, sample: Sample) -> Sample:
    """The sample with what its reviewers have to say of the last version."""
    version = await committee.commented(sample.versions[-1], response_matter(sample), sample.id)
    return with_last(sample, version)


async def tried(writing: Awaitable[str]) -> str:
    """A new response, or nothing: one that fails leaves the verdict that there is."""
    try:
        return await writing
    except (Unwritten, Refused):
        return ""


def wants_revision(study: Study, sample: Sample) -> bool:
    """True where nothing has passed and the last response is worth one, while revisions are left."""
    version = sample.versions[-1]
    if version.final is None or not revisable(study, sample) or not study.gate.mendable(version.final):
        return False
    draw = rng(study.config.random_seed, sample.id, f"revise.v{version.number}")
    return study.mending.pays(version.final.score, draw)


def revisable(study: Study, sample: Sample) -> bool:
    """True if a revision of the last version is open: nothing has passed, and revisions are left."""
    if any(passed(version) for version in sample.versions):
        return False
    return sample.versions[-1].cast.generator != SEED and written(sample) <= study.config.max_revisions


def passed(version: Version) -> bool:
    """True if the verdict that counts accepts it."""
    return version.final is not None and version.final.outcome == "accept"


def written(sample: Sample) -> int:
    """How many versions the Generator has written."""
    return sum(version.cast.generator != SEED for version in sample.versions)


def response_matter(sample: Sample) -> Matter:
    """The last version as reviewers see it: without its keywords or its history. Its author is for verifiers alone."""
    version = sample.versions[-1]
    return Matter("response", sample.instruction, version.response, domain=sample.domain, author=version.cast.generator)


def with_last(sample: Sample, version: Version) -> Sample:
    """The sample with its last version replaced by what has become of it."""
    return replace(sample, versions=(*sample.versions[:-1], version))


def concluded(sample: Sample) -> Sample:
    """The end that the verdict on the version that counts gives."""
    version = sample.best
    if version is None or version.final is None:
        return end(sample, Status.UNUSABLE, "too few reviewers of the response could be read")
    reason = version.final.reason
    if (last := sample.versions[-1].comparison) and not last.won and not sample.seed:
        reason = f"{reason}; a revision was no better"
    if sample.versions[0].cast.generator == SEED:
        reason = f"{compared(sample)}: {reason}"
    if version.final.outcome == "accept":
        return end(sample, Status.PASSED, reason)
    return end(sample, Status.REJECTED_RULING if version.ruling else Status.REJECTED_RESPONSE, reason)


def compared(sample: Sample) -> str:
    """Which response a seed has in the end, and what the versions scored."""
    own, *new = [_scored(version) for version in sample.versions]
    counts = "the new response" if sample.refined else "the seed's own response"
    return f"{counts} (its own scores {own}, the new {', revised '.join(new)})" if new else f"{counts}, without another"


def _scored(version: Version) -> str:
    if version.comparison and not version.comparison.won:
        return "no better side by side"
    return f"{version.final.score:.2f}" if version.final else "unread"


def end(sample: Sample, status: Status, reason: str) -> Sample:
    """The sample with its end and the score of the verdict that counts."""
    verdict = (sample.best and sample.best.final) or sample.verdict
    return replace(sample, status=status, reason=reason, score=verdict.score if verdict else 0.0)
