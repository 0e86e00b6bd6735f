"""What a run is made from: the user's seeds, documents and labelled answers, read at the start of every attempt."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gra.config.synthesis import SynthesisConfig
from gra.records import Passage, Seed
from gra.synthesis.documents import read_documents
from gra.synthesis.exam_material import Labelled, digest_of, read_labelled
from gra.synthesis.seeds import check_domains, read_seeds


@dataclass(frozen=True, slots=True)
class Material:
    """What the user gave to make samples from; all of it may be empty."""

    seeds: tuple[Seed, ...] = ()
    seeds_digest: str = ""
    passages: tuple[Passage, ...] = ()
    documents_digest: str = ""
    labelled: tuple[Labelled, ...] = ()
    """For the exam."""
    labelled_digest: str = ""
    problems: tuple[str, ...] = ()


def read_material(config: SynthesisConfig) -> Material:
    """Read seeds, documents and, where there is an exam, labelled answers.

    Raises:
        SeedError: something that is asked for is not there or cannot be used.
    """
    material = Material()
    if config.seeds:
        seeds = read_seeds(config.seeds, config.random_seed)
        check_domains(seeds.seeds, config.leaves)
        material = replace(material, seeds=seeds.seeds, seeds_digest=seeds.digest, problems=seeds.problems)
    if config.documents:
        documents = read_documents(config.documents)
        material = replace(
            material,
            passages=documents.passages,
            documents_digest=documents.digest,
            problems=(*material.problems, *documents.problems),
        )
    if config.exam and config.examines:
        labelled, problems = read_labelled(config.exam)
        problems = (*material.problems, *(f"labelled answers: {problem}" for problem in problems))
        material = replace(material, labelled=labelled, labelled_digest=digest_of(labelled), problems=problems)
    return material
