"""One sample's whole peer review, and the list of samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import RenderableType

from gra.calls import Reply
from gra.cli.views.changes import changes
from gra.cli.views.parts import heading, line, prose, table
from gra.display.safe import one_line
from gra.records import SEED, Comparison, Opinion, Sample, Stage, Verdict, Version
from gra.report.dossier import Dossier
from gra.store.rows import StoredCall

SHORT = {"reasonableness": "reason", "completeness": "compl", "correctness": "correct", "ethicality": "ethical"}
"""Names of criteria that are too long for the head of a column."""
LEGEND: Mapping[str, str] = {
    "probability": "scores are probabilities of the good answer, 0 to 1",
    "written": "scores as written by the reviewer",
    "evidence": "what a verifier measured, as a number from 0 to 1",
}


def sample_view(dossier: Dossier, full_calls: bool = False) -> Iterator[RenderableType]:
    """Everything that is on record of a sample, in the order in which it happened."""
    sample = dossier.sample
    yield heading(f"{sample.id}: {sample.status.value.replace('_', ' ')}, score {sample.score:.2f}")
    yield line(sample.reason or "(no reason on record)", indent=2)
    if dossier.person:
        said = "accepts" if dossier.person.accept else "rejects"
        note = f": {one_line(dossier.person.note, 400)}" if dossier.person.note else ""
        yield line(f"{one_line(dossier.person.who, 40)} {said} it{note}", indent=2, style="bold")
    yield from _duplicate(dossier)
    yield line(f"domain {sample.domain}; generator {sample.cast.generator}; round {sample.round}", indent=2)
    if sample.source:
        yield line(f"made from {sample.source}", indent=2)
    if sample.summary:
        yield line(f"summary: {sample.summary}", indent=2)
    if sample.seed:
        whose = "has a new response" if sample.refined else "keeps its own response"
        yield line(f"{sample.seed}, which {whose}", indent=2)
    for name, note in sample.notes.items():
        yield line(f"{one_line(name, 40)}: {one_line(str(note), 200)}", indent=2)
    yield heading("Keywords")
    yield line(", ".join(sample.keywords) or "(none were written)", indent=2)
    yield from _examples(dossier)
    yield heading("Instruction")
    yield prose(sample.instruction or "(none was written)")
    if sample.opinions:
        yield heading("Review of the instruction")
        yield from review("instruction", sample.opinions, sample.verdict)
    for number, version in enumerate(sample.versions):
        yield from _version(version, sample.versions[number - 1] if number else None)
    yield from (calls_in_full(dossier.calls) if full_calls else calls_table(dossier.calls))


def _duplicate(dossier: Dossier) -> Iterator[RenderableType]:
    sample = dossier.sample
    near = f" (cosine {sample.similarity:.3f})" if sample.similarity is not None else ""
    if sample.duplicate_of:
        yield line(f"too close to {sample.duplicate_of}{near}:", indent=2)
        yield line(one_line(dossier.original, 400) or "(not on record)", indent=4, style="dim")
    elif near:
        yield line(f"nearest in the pool{near}", indent=2)


def _examples(dossier: Dossier) -> Iterator[RenderableType]:
    for id in dossier.sample.examples:
        entry = dossier.known.get(id)
        told = f"{', '.join(entry.keywords)}: {one_line(entry.instruction, 120)}" if entry else "(not in the pool)"
        yield line(f"after {id}  {told}", indent=4, style="dim")


def _compared(comparison: Comparison) -> Iterator[RenderableType]:
    yield heading(f"Side by side with version {comparison.against}, in both orders")
    for said in comparison.preferences:
        told = said.failure or f"log-odds of this one {said.log_odds:+.2f}, of the first place {said.position:+.2f}"
        yield line(f"{said.model} (weight {said.weight:.2f}): {one_line(told, 200)}", indent=2, style="dim")
    end = "preferred" if comparison.won else "not preferred, so it is not reviewed"
    yield line(f"{end} (mean {comparison.log_odds:+.2f})", indent=2, style="bold")


def _version(version: Version, earlier: Version | None) -> Iterator[RenderableType]:
    if earlier is None:
        yield heading("The seed's own response" if version.cast.generator == SEED else "Response")
        yield prose(version.response)
    elif earlier.cast.generator == SEED:  # its writer did not see it: what they have in common is chance
        yield heading("A new response")
        yield prose(version.response)
    else:
        yield heading(f"Version {version.number}, against the one before (- taken out, + put in)")
        yield changes(earlier.response, version.response)
    if version.comparison:
        yield from _compared(version.comparison)
    if version.opinions:
        yield heading("Review of the response" if earlier is None else f"Review of version {version.number}")
        yield from review("response", version.opinions, version.verdict)
    if version.ruling:
        yield heading("Ruling of the Adjudicator")
        yield from review("response", (version.ruling.opinion,), version.ruling.verdict, "adjudicator")
    if version.settlement:
        yield heading("Settled without an Adjudicator")
        yield line(_judged(version.settlement), indent=2, style="bold")


def review(
    stage: Stage, opinions: Sequence[Opinion], verdict: Verdict | None, who: str = "reviewer"
) -> Iterator[RenderableType]:
    """Scores criterion by criterion, comments, and the verdict."""
    criteria = list(dict.fromkeys(criterion for o in opinions for criterion in o.scores))
    weights = verdict.weights if verdict else {}
    rows = [
        (o.model, *(_score(o, c) for c in criteria), f"{weights[o.model]:.2f}" if o.model in weights else "-")
        for o in opinions
    ]
    names = (who, *(SHORT.get(c, c) for c in criteria), "weight")
    yield table(names, rows, numbers=range(1, len(names)))
    readings = sorted({o.reading for o in opinions if o.usable})
    for reading in readings:
        yield line(f"({LEGEND[reading]})", indent=2, style="dim")
    for opinion in opinions:
        if opinion.failure:
            yield line(f"{opinion.model} could not be read: {opinion.failure}", indent=2, style="yellow")
        if opinion.unasked:
            yield line(f"{opinion.model} was not asked: {opinion.unasked}", indent=2, style="dim")
        if opinion.abstained:
            yield line(f"{opinion.model} has nothing to say: {opinion.abstained}", indent=2, style="dim")
        if opinion.comment:
            yield prose(f"{opinion.model}: {opinion.comment}", indent=2)
    yield line(_judged(verdict), indent=2, style="bold")


def _score(opinion: Opinion, criterion: str) -> str:
    value = opinion.scores.get(criterion)
    if value is None:
        return "-"
    return f"{value:g}" if opinion.reading == "written" else f"{value:.2f}"


def _judged(verdict: Verdict | None) -> str:
    if verdict is None:
        return "no verdict: too few reviews could be read"
    return f"{verdict.outcome}: {verdict.reason} (score {verdict.score:.2f}, spread {verdict.spread:.2f})"


def calls_table(calls: Sequence[StoredCall]) -> Iterator[RenderableType]:
    """One line a call."""
    yield heading("Calls (`--calls` prints them in full)" if calls else "Calls: none on record")
    rows: list[tuple[str, ...]] = []
    for stored in calls:
        step = stored.call.step + (f" (repair {stored.call.attempt})" if stored.call.attempt else "")
        if not isinstance(stored.answer, Reply):
            rows.append((step, stored.request.model, "refused", "", "", ""))
            continue
        usage = stored.answer.usage
        numbers = (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens)
        rows.append((step, stored.request.model, *map(str, numbers), f"{stored.answer.seconds:.2f}"))
    if rows:
        yield table(("step", "model", "prompt", "cached", "written", "s"), rows, numbers=(2, 3, 4, 5))


def calls_in_full(calls: Sequence[StoredCall]) -> Iterator[RenderableType]:
    """Every prompt as it was sent, and every reply as it came."""
    for stored in calls:
        repair = f", repair {stored.call.attempt}" if stored.call.attempt else ""
        yield heading(f"{stored.call.step}{repair}: {stored.request.model}, prompt {stored.prompt or 'unnamed'}")
        for message in stored.request.messages:
            yield line(f"[{message.role}]", indent=2, style="dim")
            yield prose(message.content, indent=4)
        yield line("[answer]", indent=2, style="dim")
        yield prose(_answered(stored), indent=4)


def _answered(stored: StoredCall) -> str:
    answer = stored.answer
    if not isinstance(answer, Reply):
        return f"refused: {answer}"
    if stored.request.labels:
        return ", ".join(f"{label} {p:.4f}" for label, p in answer.labels.items()) or "(none of the labels)"
    return answer.text + (" [cut at max_tokens]" if answer.finish == "length" else "")


def sample_list(samples: Sequence[Sample], matching: int, limit: int) -> Iterator[RenderableType]:
    """One line a sample."""
    rows = [
        (s.id, s.status.value.replace("_", " "), f"{s.score:.1f}", s.domain, one_line(s.instruction, 40) or "-")
        for s in samples
    ]
    yield table(("id", "status", "score", "domain", "instruction"), rows, numbers=(2,), whole=3)
    if matching > len(samples):
        yield line(f"{len(samples)} of {matching}; more with --limit (now {limit})", style="dim")
