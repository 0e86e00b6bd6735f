"""One sample's life, from its casting to its verdict. Start reading here.

Everything else in the package exists to call `run_sample` many times, safely. It knows no HTTP, no SQL, no clock:
whether an answer comes from a model or from the ledger is the business of the `Ask` it is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gra.calls import Ask
from gra.config.synthesis import SynthesisConfig
from gra.errors import Refused
from gra.ids import rng, sample_id
from gra.records import Cast, Sample, Status, Version
from gra.synthesis.asking import Unwritten
from gra.synthesis.casting import Casting
from gra.synthesis.decide import Gate, quorum, settled
from gra.synthesis.generate import Generator
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


async def run_sample(study: Study, round_number: int, index: int) -> Sample:
    """Candidate `index` of a round, to its end; accepted ones still have de-duplication before them.

    Raises:
        EndpointError: an endpoint gave up; the candidate is owed, not lost.
    """
    sample = begin(study, round_number, index)
    committee = Committee(study.ask, study.config, study.readings)
    by_id = {entry.id: entry for entry in study.pool.entries}
    examples, passage = [by_id[i] for i in sample.examples], study.agenda.passage(index)
    generator = Generator(study.ask, study.config, sample, examples, passage)
    try:
        # 1) The Generator finds a subject and writes an instruction.
        sample = replace(sample, keywords=await generator.keywords())
        sample = replace(sample, instruction=await generator.instruction(sample.keywords))

        # 2) The Reviewers judge the instruction; the response is written only if it passes.
        matter = Matter("instruction", sample.instruction)
        opinions = await committee.review(matter, sample.cast.reviewers, sample.id, "review.instruction")
        sample = replace(sample, opinions=opinions)
        if not quorum(opinions):
            raise Unwritten("too few reviewers of the instruction could be read")
        sample = replace(sample, verdict=study.gate.judge("instruction", opinions))
        if sample.verdict and sample.verdict.outcome == "reject":
            return end(sample, Status.REJECTED_INSTRUCTION, sample.verdict.reason)

        # 3) The Generator answers; Reviewers, and an Adjudicator where they are in dispute, judge the answer;
        #    what falls short but can be mended goes back with their critique, and before a fresh draw of them.
        response = await generator.response(sample.instruction)
        while True:
            number = len(sample.versions)
            sample = replace(
                sample, versions=(*sample.versions, Version(number, response, cast_of(study, sample, number)))
            )
            sample = with_last(sample, await judged(study, committee, sample))
            version = sample.versions[-1]
            if version.final is None and number == 0:
                raise Unwritten("too few reviewers of the response could be read")
            if not wants_revision(study, version):
                return concluded(sample)
            sample = with_last(sample, await committee.commented(version, response_matter(sample), sample.id))
            response = await revised(generator, sample)
            if response in ("", version.response):
                return concluded(sample)
    except Unwritten as spoiled:
        return end(sample, Status.UNUSABLE, str(spoiled))
    except Refused as refusal:
        return end(sample, Status.FAILED, str(refusal))


def begin(study: Study, round_number: int, index: int) -> Sample:
    """The draws that make a candidate: its domain, its examples, its cast, and its passage if there are documents."""
    config, name = study.config, sample_id(round_number, index)
    domain = study.agenda.domain(index) or study.pool.draw_domain(rng(config.random_seed, name, "domain"))
    examples = study.pool.draw_examples(domain, rng(config.random_seed, name, "examples"), config.examples[1])
    cast = study.casting.draw(rng(config.random_seed, name, "cast"))
    passage = study.agenda.passage(index)
    source = passage.source if passage else ""
    return Sample(name, round_number, index, domain, cast, tuple(e.id for e in examples), source=source)


def cast_of(study: Study, sample: Sample, number: int) -> Cast:
    """The first version's cast is the sample's; a revision comes before a fresh draw."""
    if number == 0:
        return sample.cast
    draw = rng(study.config.random_seed, sample.id, f"cast.v{number}")
    return study.casting.draw(draw, sample.cast.generator)


async def judged(study: Study, committee: Committee, sample: Sample) -> Version:
    """The last version with its reviews, verdict, and the end of a dispute; no verdict without a quorum."""
    version, matter = sample.versions[-1], response_matter(sample)
    opinions = await committee.review(matter, version.cast.reviewers, sample.id, version.review_step)
    version = replace(version, opinions=opinions)
    if not quorum(opinions):
        return version
    version = replace(version, verdict=study.gate.judge("response", opinions))
    if version.verdict is None or version.verdict.outcome != "dispute":
        return version
    if study.config.adjudication != "model":
        return replace(version, settlement=settled(version.verdict, study.config.adjudication))
    version = await committee.commented(version, matter, sample.id)
    return replace(version, ruling=await committee.adjudicate(version, matter, sample.id, study.gate))


async def revised(generator: Generator, sample: Sample) -> str:
    """A new response, or nothing: a revision that fails leaves the verdict that there is."""
    try:
        return await generator.revision(sample)
    except (Unwritten, Refused):
        return ""


def wants_revision(study: Study, version: Version) -> bool:
    """True for a rejected response that is near enough, while revisions are left."""
    if version.final is None or version.final.outcome == "accept":
        return False
    return version.number < study.config.max_revisions and study.gate.mendable(version.final)


def response_matter(sample: Sample) -> Matter:
    """The last version as reviewers see it: without its author, its keywords or its history."""
    return Matter("response", sample.instruction, sample.versions[-1].response)


def with_last(sample: Sample, version: Version) -> Sample:
    """The sample with its last version replaced by what has become of it."""
    return replace(sample, versions=(*sample.versions[:-1], version))


def concluded(sample: Sample) -> Sample:
    """The end that the last verdict gives."""
    version = next(v for v in reversed(sample.versions) if v.final)
    assert version.final is not None
    if version.final.outcome == "accept":
        return end(sample, Status.PASSED, version.final.reason)
    return end(sample, Status.REJECTED_RULING if version.ruling else Status.REJECTED_RESPONSE, version.final.reason)


def end(sample: Sample, status: Status, reason: str) -> Sample:
    """The sample with its end and the score of the verdict that counts."""
    verdicts = [verdict for verdict in (sample.verdict, *(v.final for v in sample.versions)) if verdict]
    return replace(sample, status=status, reason=reason, score=verdicts[-1].score if verdicts else 0.0)
