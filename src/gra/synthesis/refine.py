"""Refinement: a seed keeps its instruction, and gets a new response if that is better (in the paper: GRA-Refine).

The paper has the Generator rewrite every response and the committee curate what came of it. Here the seed's own
response comes before the same committee first, as blind as any other, and stays unless the new one scores higher.
"""

from __future__ import annotations

from gra.errors import Refused
from gra.records import SEED, Sample, Status
from gra.synthesis.asking import Unwritten
from gra.synthesis.generate import Generator
from gra.synthesis.review import Committee
from gra.synthesis.sample import (
    Study,
    begin,
    concluded,
    critiqued,
    drawn_examples,
    end,
    reviewed,
    tried,
    wants_revision,
)


async def refine_sample(study: Study, round_number: int, index: int) -> Sample:
    """Candidate `index`, which is the seed with that number, to its end.

    Raises:
        EndpointError: an endpoint gave up; the candidate is owed, not lost.
    """
    sample = begin(study, round_number, index)
    committee = Committee(study.ask, study.config, study.readings)
    examples = drawn_examples(study, sample.id, sample.domain, but=index)
    generator = Generator(study.ask, study.config, sample, examples)
    try:
        # 1) The committee judges the seed's own response. Without a committee there is nothing to compare.
        if study.config.review != "none":
            sample = await reviewed(study, committee, sample, study.pool.seed(index).response, author=SEED)
            if sample.versions[0].final is None:
                return concluded(sample)

        # 2) The Generator answers the instruction without having seen that response, and the same committee judges.
        writing = generator.response(sample.instruction, len(sample.versions))
        response = await (tried(writing) if sample.versions else writing)

        # 3) While nothing has passed, the new response goes back with the critique, as in synthesis.
        while response and response not in (version.response for version in sample.versions):
            sample = await reviewed(study, committee, sample, response)
            if not wants_revision(study, sample):
                break
            sample = await critiqued(committee, sample)
            response = await tried(generator.revision(sample))

        # 4) The better of those that passed is kept; of equals the seed's own.
        return concluded(sample)
    except Unwritten as spoiled:
        return end(sample, Status.UNUSABLE, str(spoiled))
    except Refused as refusal:
        return end(sample, Status.FAILED, str(refusal))
