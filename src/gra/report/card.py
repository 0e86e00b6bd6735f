"""The dataset card of an export, for the hub: what the data is, how it was made, and what it is not.

Everything in it is from the runs. Nothing that a model wrote stands in it unescaped, and no sample at all.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gra.export.filters.chosen import export_config
from gra.records import Status
from gra.report.glance import glance_of
from gra.report.licences import terms_of
from gra.report.survey import LOOKED_AT, Report, report_on

if TYPE_CHECKING:
    from gra.export.files import DataFile
    from gra.export.source import Screening, Source
    from gra.store.reader import Reader

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
"""What the hub calls how many rows there are; more is `1M<n<10M`."""
CODES = {
    "arabic": "ar", "chinese": "zh", "czech": "cs", "danish": "da", "deutsch": "de", "dutch": "nl", "english": "en",
    "español": "es", "finnish": "fi", "français": "fr", "french": "fr", "german": "de", "greek": "el", "hindi": "hi",
    "italian": "it", "japanese": "ja", "korean": "ko", "norwegian": "no", "polish": "pl", "portuguese": "pt",
    "russian": "ru", "spanish": "es", "swedish": "sv", "turkish": "tr", "ukrainian": "uk", "vietnamese": "vi",
}  # fmt: skip
"""ISO 639-1 codes of what `language` may say."""
SHOWN = 12
CITATION = """\
```bibtex
@article{gra2025,
  title={A Strategic Coordination Framework of Small LLMs Matches Large LLMs in Data Synthesis},
  author={Gao, Xin and Pei, Qizhi and Tang, Zinan and Li, Yu and Lin, Honglin and Wu, Jiang and Wu, Lijun and He, Conghui},
  journal={arXiv preprint arXiv:2504.12322},
  year={2025}
}
```"""  # noqa: E501


def card_of(source: Source, screening: Screening, configs: list[dict[str, Any]], files: Sequence[DataFile]) -> str:
    """The text of `README.md`.

    Args:
        source: what was exported.
        screening: what it was held to.
        configs: the forms, and where their rows are, as `datasets` wants it.
        files: the data files.
    """
    import yaml  # not for the help page

    runs = [(name, reader, reader.run.config) for name, reader in source.runs]
    front = _front([config for *_, config in runs], runs[0][1], configs, files)
    parts = [
        f"# {plain(runs[0][0])}",
        "Instruction data that several small language models wrote and reviewed together, made with "
        "[gra](https://pypi.org/project/gra-synth/) after the method GRA (Generator, Reviewer, Adjudicator; "
        "[arXiv 2504.12322](https://arxiv.org/abs/2504.12322)). No person has looked at every row.",
        _forms(configs, files),
        *(part for name, reader, config in runs for part in _run(name, reader, config, several=len(runs) > 1)),
        "## Estimated quality\n\n" + "\n\n".join(_quality(source)),
        "## What was left out\n\n" + "\n".join(_left_out(source, screening)),
        "## Licences\n\n" + "\n\n".join(_licences(runs)),
        "## Limitations\n\n" + "\n".join(_limitations(runs, screening)),
        "## Make it again\n\n" + _again(runs),
        "## Citation\n\n" + CITATION,
    ]
    return f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---\n\n" + "\n\n".join(parts) + "\n"


def plain(text: object, longest: int = 100) -> str:
    """A text on one line that Markdown and HTML show as it is."""
    shown = "".join(c if c.isprintable() else " " for c in str(text))
    shown = " ".join(shown.split())
    shown = shown if len(shown) <= longest else shown[: longest - 3] + "..."
    return re.sub(r"([\\`*_{}\[\]()#!|~$:@])", r"\\\1", html.escape(shown, quote=False))


def _front(
    written: Sequence[Mapping[str, Any]], first: Reader, configs: list[dict[str, Any]], files: Sequence[DataFile]
) -> dict[str, Any]:
    rows = max(Counter(_by_form(files)).values(), default=0)
    codes = {CODES.get(str(config.get("language", "English")).strip().casefold()) for config in written}
    tags = ["synthetic", "gra", "instruction-tuning"]
    tags += ["preference"] if any("preference" in config["config_name"] for config in configs) else []
    licence = export_config(first.run.document, first.run.path).licence
    return {
        "license": licence or "unknown",
        **({"language": sorted(code for code in codes if code)} if codes - {None} else {}),
        "size_categories": [next((name for below, name in SIZES if rows < below), "1M<n<10M")],
        "task_categories": ["text-generation"],
        "tags": tags,
        "configs": configs,
    }


def _by_form(files: Sequence[DataFile]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for file in files:
        if file.stem.startswith("data/"):
            found[file.stem.strip("/").rpartition("/")[2]] += file.rows
    return dict(found)


def _forms(configs: list[dict[str, Any]], files: Sequence[DataFile]) -> str:
    rows = _by_form(files)
    lines = [(f"`{c['config_name']}`", f"{rows[c['config_name']]:,}", _splits(c)) for c in configs]
    load = f'load_dataset("path/of/this/folder", "{configs[0]["config_name"]}")'
    return f"{_table(('form', 'rows', 'splits'), lines)}\n\n```python\nfrom datasets import load_dataset\n\n{load}\n```"


def _splits(config: dict[str, Any]) -> str:
    return ", ".join(f"`{file['split']}`" for file in config["data_files"])


def _run(name: str, reader: Reader, config: Mapping[str, Any], several: bool) -> Iterator[str]:
    report = report_on(reader)
    title = f" of {plain(name)}" if several else ""
    yield f"## Method{title}\n\n" + _table(
        ("what", "how"), [each for each in _method(config, reader) if each[1].strip(" ,\\:")]
    )
    yield f"## Figures{title}\n\n" + "\n\n".join(_figures(report, reader))


def _method(config: Mapping[str, Any], reader: Reader) -> Iterator[tuple[str, str]]:
    gate = dict(config.get("gate") or {})
    kind = gate.pop("type", "")
    yield "task", plain(config.get("task", ""))
    yield "made from", plain(" and ".join(k for k in ("seeds", "documents") if config.get(k)) or "domains alone")
    yield "reviewers of each text", plain(config.get("reviewers", ""))
    yield "review, disputes", f"{plain(config.get('review', ''))}, {plain(config.get('adjudication', ''))}"
    yield "gate", plain(f"{kind}: " + ", ".join(f"{k} {v}" for k, v in gate.items()), 300)
    yield "revisions at most", plain(config.get("max_revisions", ""))
    yield "rounds", plain(len(reader.rounds()))
    yield "duplicates above a cosine of", plain(config.get("dedup_below", ""))
    yield "language", plain(config.get("language", ""))
    yield "seed of all draws", plain(config.get("random_seed", ""))
    yield "fingerprint", f"`{re.sub(r'[^A-Za-z0-9:._-]', '', reader.run.fingerprint)}`"


def _figures(report: Report, reader: Reader) -> Iterator[str]:
    steps = report.funnel.steps()
    first = max(1, steps[0].count) if steps else 1
    yield _table(("stage", "samples", "of all"), [(s.stage, f"{s.count:,}", f"{s.count / first:.1%}") for s in steps])
    scores = [sample.score for sample in reader.iter_samples(Status.ACCEPTED)]
    told = []
    if scores:
        ordered = sorted(scores)
        middle = ordered[len(ordered) // 2]
        told.append(f"Scores of accepted samples, 0 to 10: {ordered[0]:.1f} to {ordered[-1]:.1f}, median {middle:.1f}.")
    agreed = glance_of(reader, LOOKED_AT).figures.agreement()
    for row in (row for row in agreed if (row.by, row.stage) == ("all", "response") and row.scores is not None):
        told.append(
            f"Krippendorff's alpha of the reviewers' scores of {row.texts:,} responses: {row.scores:.2f} "
            "(1 is full agreement, 0 is chance)."
        )
    spent = report.totals.all
    told.append(f"{spent.calls:,} calls; {spent.prompt_tokens:,} tokens read and {spent.completion_tokens:,} written.")
    if report.money is not None and report.charged:
        told.append(f"Cost: {report.money:.2f} {plain(report.currency)}.")
    if not report.energy.empty:
        energy = report.energy
        told.append(f"Energy: {energy.measured_wh:,.1f} Wh measured, {energy.estimated_wh:,.1f} Wh estimated.")
    yield " ".join(told)
    rows = sorted(report.domains, key=lambda d: (-d.accepted, d.domain))
    if rows:
        more = f"\n\nAnd {len(rows) - SHOWN} more domains." if len(rows) > SHOWN else ""
        listed = [(plain(d.domain), f"{d.accepted:,}") for d in rows[:SHOWN]]
        yield _table(("domain", "accepted"), listed) + more


def _quality(source: Source) -> Iterator[str]:
    """What the gate expects of the rows, and what people have said."""
    told = source.quality.plain()
    if of := told["estimated"]:
        between = "" if of["low"] is None else f", 95% interval {of['low']:.0%} to {of['high']:.0%}"
        yield (
            f"Of the {of['rows']:,} rows with a probability, an estimated {of['precision']:.1%} are good{between}. "
            "This is the mean of the probabilities by which the reviewers' gate accepted them, which were learned from "
            "an exam of good answers and broken ones: it holds as far as these rows are like those, and the interval "
            "knows of luck and of the shortness of the exam alone."
        )
    else:
        yield "Not estimated: only the gate `calibrated` gives probabilities."
    if of := told["people"]:
        foretold = "" if of["foretold"] is None else f"; of the same the gate expected {of['foretold']:.1%}"
        yield (
            f"People have judged {of['samples']:,} samples that the run accepted, and found {of['precision']:.1%} of "
            f"them good (95% interval {of['low']:.0%} to {of['high']:.0%}{foretold}). They chose which to look at, and "
            "what they rejected was left out."
        )


def _left_out(source: Source, screening: Screening) -> Iterator[str]:
    told = screening.told
    yield f"Filters: {', '.join(f'`{name}`' for name in told.get('filters', ())) or 'none'}."
    benchmarks = ", ".join(plain(name) for name in told.get("contamination", ()))
    by = f", and by meaning from a cosine of {told['contamination_cosine']:g}" if "contamination_cosine" in told else ""
    yield (f"Benchmarks looked for: {benchmarks} (runs of 13 words{by})." if benchmarks else "No benchmark.")
    if languages := told.get("languages"):
        yield f"Languages kept: {', '.join(plain(code) for code in languages)}."
    counts = sorted(source.left_out.counts.items())
    yield ""
    rows = [(plain(kind), f"{count:,}") for kind, count in counts]
    yield _table(("reason", "rows"), rows) if rows else "No accepted row was left out."


def _licences(runs: Sequence[tuple[str, Reader, Mapping[str, Any]]]) -> Iterator[str]:
    first = export_config(runs[0][1].run.document, runs[0][1].run.path)
    yield (
        f"The licence of this dataset is stated as {plain(first.licence)} by who made it."
        if first.licence
        else "Who made this dataset has stated no licence for it."
    )
    yield "Models that wrote or judged, and what their licences ask of what they wrote, as far as gra knows (this is no legal advice):"  # noqa: E501
    terms = {each: None for *_, config in runs for each in terms_of(config)}
    rows = [
        (plain(t.name), plain(t.model), f"[{plain(t.licence)}]({t.url})" if t.url else plain(t.licence), t.asks)
        for t in terms
    ]
    yield _table(("name", "model", "licence", "what it asks"), rows)
    for name, reader, config in runs:
        material = " and ".join(key for key in ("seeds", "documents") if config.get(key))
        if not material:
            continue
        stated = export_config(reader.run.document, reader.run.path).seeds_licence
        said = f"stated as {plain(stated)}" if stated else "not stated; what is made from them may have to follow it"
        of = f" of {plain(name)}" if len(runs) > 1 else ""
        yield f"Licence of the {material}{of}: {said}."


def _limitations(runs: Sequence[tuple[str, Reader, Mapping[str, Any]]], screening: Screening) -> Iterator[str]:
    yield "- Models wrote everything. Answers may be wrong, and reviewers are small models: their scores rank, they prove nothing."  # noqa: E501
    yield "- What the models cannot do, and what they are biased towards, is in the data, as are their licences' conditions."  # noqa: E501
    yield "- Filters find what they look for and nothing else: known shapes of keys and personal data, phrases of four languages, words of the benchmarks named above."  # noqa: E501
    if not screening.told.get("contamination"):
        yield "- It was not compared with any benchmark. Do so before results on one are reported."
    if any(config.get("review") == "none" for *_, config in runs):
        yield "- Nothing was reviewed in at least one of the runs."


def _again(runs: Sequence[tuple[str, Reader, Mapping[str, Any]]]) -> str:
    version = next((reader.run.made_by for _, reader, _ in runs if reader.run.made_by), "")
    of = f" {plain(version)}" if version else ""
    return (
        f"With gra{of}: `gra replay RUN` makes the same samples again from the run's own ledger, without any model; "
        "`gra run CONFIG` with the configuration in `run.json` asks the models again, and gets other texts where their "
        "servers give other ones. `manifest.json` has the fingerprint of each run, the options of this export, and the "
        "digest of every file."
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])
