"""What a run is made from: the user's seeds, documents and labelled answers, read at the start of every attempt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from gra.config.material import ExamConfig
from gra.config.synthesis import SynthesisConfig
from gra.engine.studies import JUDGED, LABELLED, PASSAGES
from gra.errors import SeedError, StoreError
from gra.records import SEED, Passage, Sample, Seed
from gra.store.reader import Reader
from gra.store.run_dir import open_run
from gra.store.verdicts import verdicts
from gra.synthesis.documents import read_documents
from gra.synthesis.exam_material import LONGEST, Answers, Labelled, Row, digest_of, read_labelled, strange_domains
from gra.synthesis.seed_forms import Unfit, text_of
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
    judged: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    """By folder of an earlier run, what people say of it; a run goes on by what they said when it began."""
    problems: tuple[str, ...] = ()


def on_record(reader: Reader) -> Material:
    """The passages and labelled answers that a run was begun with, as its own folder has them, if it has any."""
    document = reader.run.document
    return Material(
        passages=tuple(Passage(**row) for row in reader.fact(PASSAGES) or ()),
        documents_digest=str(document.get("documents", "")),
        labelled=tuple(Labelled(**row) for row in reader.fact(LABELLED) or ()),
        labelled_digest=str(document.get("labelled_answers", "")),
        judged={run: [(row, where) for row, where in rows] for run, rows in (reader.fact(JUDGED) or {}).items()},
    )


def begun_with(folder: Path) -> Material:
    """The same of the run in a folder; nothing where there is none that can be read."""
    try:
        with Reader(open_run(folder)) as reader:
            return on_record(reader)
    except StoreError:
        return Material()


def read_material(config: SynthesisConfig, folder: Path | None = None) -> Material:
    """Read seeds, documents and, where there is an exam, labelled answers.

    Args:
        config: names their files.
        folder: of the run, if it has begun: what it has on record stands for documents and labelled answers whose files
            are gone.

    Raises:
        SeedError: something that is asked for is not there or cannot be used.
    """
    gone = {path for path in _paths(config) if not path.exists()}
    said = config.exam.people if config.exam else ()
    material, before = Material(), begun_with(folder) if folder and (gone or said) else Material()
    if config.seeds:
        seeds = read_seeds(config.seeds, config.random_seed)
        check_domains(seeds.seeds, config.leaves)
        material = replace(material, seeds=seeds.seeds, seeds_digest=seeds.digest, problems=seeds.problems)
    if config.documents and before.passages and config.documents.path in gone:
        material = replace(material, passages=before.passages, documents_digest=before.documents_digest)
    elif config.documents:
        documents = read_documents(config.documents)
        material = replace(
            material,
            passages=documents.passages,
            documents_digest=documents.digest,
            problems=(*material.problems, *documents.problems),
        )
    exam = config.exam if config.examines else None
    if exam and before.labelled and gone & {exam.pairs, exam.graded}:
        return replace(material, labelled=before.labelled, labelled_digest=before.labelled_digest, judged=before.judged)
    if exam:
        judged = {str(run.absolute()): before.judged.get(str(run.absolute())) or _judged(run) for run in exam.people}
        labelled, problems = read_labelled(exam, chain.from_iterable(judged.values()))
        problems = (*material.problems, *(f"labelled answers: {problem}" for problem in problems))
        problems += strange_domains(labelled, (leaf.name for leaf in config.leaves))
        digest = digest_of(labelled)
        return replace(material, labelled=labelled, labelled_digest=digest, judged=judged, problems=problems)
    return material


def labelled_answers(config: ExamConfig) -> Answers:
    """Those of the files, and what people have said of samples of earlier runs.

    Raises:
        SeedError: see `read_labelled`; or nobody has said anything of a run.
        StoreError: a run cannot be read.
    """
    return read_labelled(config, chain.from_iterable(map(_judged, dict.fromkeys(config.people))))


def _judged(folder: Path) -> list[Row]:
    """What people have said of a run's samples, as graded answers; texts that no answer can be are passed over."""
    try:
        run = open_run(folder)
    except StoreError as error:
        raise StoreError(f"`exam.people`: {error}") from None
    with Reader(run) as reader:
        said = sorted(verdicts(reader.run).items())
        judged = [(s, v) for s, v in ((reader.sample(id), v) for id, v in said) if s and v.is_about(s) and _fit(s)]
    if not judged:
        raise SeedError(
            f"`exam.people`: nobody has judged a response of {folder} yet. `gra view {folder}` takes verdicts"
        )
    return [
        (
            {
                "instruction": sample.instruction,
                "response": sample.response,
                "correct": verdict.accept,
                "domain": sample.domain,
                "author": _author(sample),
            },
            f"{folder}, {sample.id}",
        )
        for sample, verdict in judged
    ]


def _author(sample: Sample) -> str:
    """Who wrote the response that counts; empty if it is the seed's own."""
    written = sample.best.cast.generator if sample.best else ""
    return "" if written == SEED else written


def _fit(sample: Sample) -> bool:
    texts = (sample.instruction, sample.response)
    try:
        return all(0 < len(text_of(text or "", "text")) <= LONGEST for text in texts)
    except Unfit:
        return False


def _paths(config: SynthesisConfig) -> list[Path]:
    """Of the files whose content a run keeps."""
    exam = (config.exam.pairs, config.exam.graded) if config.exam else ()
    return [path for path in (config.documents.path if config.documents else None, *exam) if path]
