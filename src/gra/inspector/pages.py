"""What each page says, as plain data: its `.json` twin is this data, its HTML is a template over it.

A page looks at a run as it is at that moment (`Sight`). Knows no HTML and no HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from gra.errors import GraError
from gra.inspector.index import Index, reading_index
from gra.inspector.indexing import Indexer
from gra.inspector.listing import SORTS, STANCES, Judged, Wanted, neighbours, page_of, searchable
from gra.records import Sample
from gra.report.dossier import Dossier, dossier_of, plain_call, plain_dossier
from gra.report.opening import state_of
from gra.store.counting import STAGES
from gra.store.reader import Reader
from gra.store.verdicts import PersonalVerdict, verdicts
from gra.synthesis.agreement import Pair

PERSON = "@person"
"""Stands for the person where reviewers are named; no model can be called so."""
DISPUTED = 5
"""Samples named where a person and a reviewer are apart."""


class NotThere(GraError):
    """A page is asked for that the run does not have."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A run at the moment of a request."""

    indexer: Indexer
    reader: Reader
    index: Index
    said: Mapping[str, PersonalVerdict]
    """The verdicts of people that are about samples as they are now, by the sample's id."""

    @property
    def judged(self) -> Judged:
        """The same as lists need it."""
        accepted = [id for id, verdict in self.said.items() if verdict.accept]
        return Judged(accepted, [id for id in self.said if id not in set(accepted)])


@contextmanager
def looking(indexer: Indexer) -> Iterator[Sight]:
    """Look at a run.

    Raises:
        StoreError: it cannot be read.
    """
    with Reader(indexer.run) as reader, reading_index(indexer.file) as index:
        said = verdicts(indexer.run)
        if said:
            query = "SELECT id, judged FROM samples WHERE id IN (SELECT value FROM json_each(?))"
            known: dict[str, str] = dict(index.rows(query, [json.dumps([*said])]))
            said = {id: verdict for id, verdict in said.items() if known.get(id) == verdict.text}
        yield Sight(indexer, reader, index, said)


def common(sight: Sight) -> dict[str, Any]:
    """What every page says of its run."""
    report = sight.index.digest("report")
    progress = sight.index.digest("progress") or {"indexed": 0, "of": 0}
    return {
        "run": str(sight.indexer.run.path),
        "name": sight.indexer.run.path.resolve().name,
        "state": state_of(sight.reader, report["accepted"], report["target"]) if report else "",
        "indexed": progress["indexed"],
        "samples": max(progress["of"], progress["indexed"]),
        "ready": report is not None,
        "problem": sight.indexer.problem,
    }


def state(sight: Sight) -> dict[str, Any]:
    """A page's script asks for this every other second: something else is another state of the run."""
    report = sight.index.digest("report") or {}
    calls = report.get("calls", {}).get("all", {}).get("calls", 0)
    return {**common(sight), "accepted": report.get("accepted", 0), "calls": calls}


def overview(sight: Sight) -> dict[str, Any]:
    """How far the run has come and what it has taken."""
    told = common(sight)
    report = sight.index.digest("report")
    return {
        **told,
        "report": {**report, "state": told["state"]} if report else None,  # whether somebody works on it is seen now
        "live": (sight.index.digest("live") or {}) if told["state"] == "working" else {},
        "rounds": sight.index.digest("rounds") or [],
        "scores": sight.index.digest("scores"),
        "stages": STAGES,
        "person": {"accepted": len(sight.judged.accepted), "rejected": len(sight.judged.rejected)},
    }


def samples(sight: Sight, query: Mapping[str, str]) -> dict[str, Any]:
    """A page of the list of samples.

    Raises:
        BadQuestion: what is asked for cannot be understood.
    """
    wanted = Wanted.read(query)
    page = page_of(sight.index, wanted, sight.judged)
    for row in page.rows:
        row["person"] = sight.said[row["id"]].accept if row["id"] in sight.said else None
    return {
        **common(sight),
        "wanted": asdict(wanted),
        **asdict(page),
        "facets": sight.index.digest("facets") or {},
        "sorts": list(SORTS),
        "stances": list(STANCES),
        "searchable": searchable(),
    }


def sample(sight: Sight, id: str, query: Mapping[str, str]) -> dict[str, Any]:
    """One sample's life.

    Raises:
        NotThere: it is not stored.
    """
    dossier = _dossier(sight, id)
    wanted = Wanted.read(query)
    before, behind = neighbours(sight.index, wanted, sight.judged, id)
    duplicates = sight.index.rows(
        "SELECT id, title, similarity FROM samples WHERE duplicate_of = ? ORDER BY similarity DESC, n LIMIT 20", (id,)
    )
    return {
        **common(sight),
        **plain_dossier(dossier, full_calls=False),
        "best": dossier.sample.best.number if dossier.sample.best else None,
        "response": dossier.sample.response,
        "answers": [_short(plain_call(call, full=True)) for call in dossier.calls],
        "duplicates": [dict(zip(("id", "title", "similarity"), row, strict=True)) for row in duplicates],
        "before": before,
        "behind": behind,
        "wanted": wanted.query(),
    }


def call(sight: Sight, id: str, place: int) -> dict[str, Any]:
    """One call of a sample: what was asked, and what came back.

    Raises:
        NotThere: the sample has no such call.
    """
    calls = sight.reader.calls_of(id)
    if not 0 <= place < len(calls):
        raise NotThere(f"{id} has no call {place}; it has {len(calls)}")
    told = {**common(sight), "id": id, "place": place, "calls": len(calls)}
    return {**told, "call": plain_call(calls[place], full=True)}


def text(sight: Sight, id: str, part: str) -> str:
    """A whole text of a sample, by the name that `texts_of` gives it.

    Raises:
        NotThere: there is no such text.
    """
    texts = texts_of(_dossier(sight, id).sample)
    if part not in texts:
        raise NotThere(f"{id} has no text `{part}`; it has: {', '.join(texts)}")
    return texts[part]


def call_text(sight: Sight, id: str, place: int, part: str) -> str:
    """A whole message or reply of a call.

    Raises:
        NotThere: there is no such text.
    """
    told = call(sight, id, place)["call"]
    texts = {f"message.{n}": str(m["content"]) for n, m in enumerate(told["request"]["messages"])}
    texts["reply"] = str(told.get("text", told.get("refused", "")))
    if part not in texts:
        raise NotThere(f"the call has no text `{part}`; it has: {', '.join(texts)}")
    return texts[part]


def texts_of(sample: Sample) -> dict[str, str]:
    """All long texts of a sample by name."""
    found = {"instruction": sample.instruction, "reason": sample.reason, "summary": sample.summary}
    found |= {f"comment.instruction.{opinion.model}": opinion.comment for opinion in sample.opinions}
    for version in sample.versions:
        found[f"response.{version.number}"] = version.response
        found |= {f"comment.{version.number}.{opinion.model}": opinion.comment for opinion in version.opinions}
        if version.ruling:
            found[f"ruling.{version.number}"] = version.ruling.opinion.comment
    return {name: text for name, text in found.items() if text}


def reviewers(sight: Sight) -> dict[str, Any]:
    """Who said what of whom, who agreed with whom, and what each had shown in its exam."""
    nothing: dict[str, Any] = {"table": [], "matrix": [], "pairs": [], "alpha": {}}
    digest = sight.index.digest("reviewers") or {**nothing, "alpha_by_domain": [], "alpha_by_round": []}
    report = sight.index.digest("report") or {}
    keys = ("a", "b", "both_yes", "only_a", "only_b", "both_no")
    paired = [(row["stage"], Pair(*(row[key] for key in keys))) for row in digest["pairs"]]
    person, examples, committee = _person(sight)
    told = [{"stage": stage, **asdict(p), "n": p.n, "agreement": p.agreement, "kappa": p.kappa} for stage, p in paired]
    return {
        **common(sight),
        **digest,
        "pairs": told,
        "exam": report.get("exam", []),
        "person": [{**asdict(p), "n": p.n, "agreement": p.agreement, "kappa": p.kappa} for p in person],
        "person_and_result": {**asdict(committee), "n": committee.n, "agreement": committee.agreement},
        "apart_ids": examples,
    }


def _person(sight: Sight) -> tuple[list[Pair], dict[str, list[str]], Pair]:
    """The person against each reviewer on the version that counts, where they are apart, and against the result."""
    if not sight.said:
        return [], {}, Pair(PERSON, "result")
    ids = "id IN (SELECT value FROM json_each(?))"
    values = [json.dumps([*sight.said])]
    rows = sight.index.rows(
        "SELECT reviewer, id, vote FROM opinions JOIN samples USING (n) WHERE role = 'reviewer' AND counts "  # noqa: S608
        f"AND vote IS NOT NULL AND {ids} ORDER BY reviewer, n",
        values,
    )
    statuses = sight.index.rows(f"SELECT id, status = 'accepted' FROM samples WHERE {ids}", values)  # noqa: S608
    counts: dict[str, dict[tuple[bool, bool], int]] = {}
    apart: dict[str, list[str]] = {}
    for reviewer, id, vote in [*rows, *(("result", *row) for row in statuses)]:
        votes = bool(sight.said[id].accept), bool(vote)
        of = counts.setdefault(reviewer, {})
        of[votes] = of.get(votes, 0) + 1
        if votes[0] != votes[1] and len(apart.setdefault(reviewer, [])) < DISPUTED:
            apart[reviewer].append(id)
    order = ((True, True), (True, False), (False, True), (False, False))
    found = {r: Pair(PERSON, r, *(of.get(votes, 0) for votes in order)) for r, of in counts.items()}
    result = found.pop("result", Pair(PERSON, "result"))
    return list(found.values()), {r: ids for r, ids in apart.items() if r != "result"}, result


def _dossier(sight: Sight, id: str) -> Dossier:
    found = sight.reader.sample(id)
    if found is None:
        raise NotThere(f"there is no sample {id}, or it has not ended yet")
    return dossier_of(sight.reader, found)


def _short(call: Mapping[str, Any]) -> str:
    """What a call came to, on a line."""
    if "refused" in call:
        return f"refused: {call['refused'][:120]}"
    if call["request"]["labels"]:
        return ", ".join(f"{label} {p:.3f}" for label, p in call["labels"].items()) or "none of the labels"
    return str(" ".join(call["text"][:480].split())[:120])
