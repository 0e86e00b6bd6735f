"""Benchmarks and duplicates among rows, and the filters of a configuration held to an export.

`gsm8k_excerpt.jsonl` and `humaneval_excerpt.jsonl` are the first items of openai/grade-school-math's test split and of
openai/human-eval, MIT, see NOTICE.
"""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_builders import CAST, rejected, run_of, sample, task, version

from gra.config.export import ExportConfig
from gra.config.filter_names import FILTERS
from gra.config.synthesis import SynthesisConfig
from gra.errors import ConfigError
from gra.export import Row, Wanted, write_dataset, write_folder
from gra.export.filters.chosen import chosen
from gra.export.filters.contamination import Contamination, Item, Paraphrases, read_benchmark, telling
from gra.export.filters.duplicates import Duplicates
from gra.export.filters.processor import Filtered
from gra.export.filters.words import words
from gra.records import Sample, Status
from gra.report.filtering import filters_for
from gra.store.reader import Reader
from gra.store.run_dir import open_run

HERE = Path(__file__).parent / "benchmarks"
GSM8K, HUMANEVAL = HERE / "gsm8k_excerpt.jsonl", HERE / "humaneval_excerpt.jsonl"
KEY = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
LOOP = "The Nile flows north. " * 9


def row(instruction: str, response: str = "It is four.", index: int = 0) -> Row:
    return Row(sample(index, instruction=instruction, versions=(version(response=response),)), "run")


def questions(path: Path, key: str) -> list[str]:
    return [json.loads(line)[key] for line in path.read_text("utf-8").splitlines()]


# --- benchmarks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "key"), [(GSM8K, "question"), (HUMANEVAL, "prompt")])
def test_every_planted_item_is_found_however_it_is_dressed_up(path: Path, key: str) -> None:
    says = Contamination([*read_benchmark(path)])
    for number, question in enumerate(questions(path, key), 1):
        bare = re.sub(r"[^\w\s]", " ", question.upper())
        dressed = row("What is it?", f"Let us see: {question} So."), row(f"Solve. {bare}")
        for planted in (row(question), row(bare), *dressed):
            why = says(planted)
            assert why and why.kind == "contaminated" and f"{path.name}:{number}" in why.reason
    assert says(row("How many eggs does Janet need for a cake that serves four people?")) is None
    assert says(row(task(1), "def add(numbers):\n    return sum(numbers)")) is None


def test_answers_of_a_benchmark_are_looked_for_too(tmp_path: Path) -> None:
    path = tmp_path / "bench.jsonl"
    answer = "She sells the remaining eggs at the market, so every day she earns eighteen dollars in all."
    path.write_text(json.dumps({"id": "7", "question": "What does she make?", "answer": [{"text": answer}]}) + "\n")
    assert Contamination([*read_benchmark(path)])(row("What is it?", f"Well. {answer}"))


def test_a_short_item_must_be_there_whole_and_what_says_nothing_is_not_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "short.txt"
    path.write_text("Which northern river carries the most water today\n0 0 0 0 0 0 0 0 0 0 0 0 0 0\nYes\n")
    says = Contamination([*read_benchmark(path)])
    assert says(row("Tell me: which northern river carries the most water, today?"))
    assert says(row("Which northern river carries the most fish today?")) is None
    assert says(row("Zeros", "[" + "0, " * 30 + "]")) is None
    assert not telling(words("for i in range(2, n): if n % i == 0: return False"))


@pytest.mark.parametrize("suffix", [".json", ".csv", ".jsonl"])
def test_a_benchmark_may_be_kept_in_other_ways(tmp_path: Path, suffix: str) -> None:
    import csv

    asked = questions(GSM8K, "question")
    path = tmp_path / f"bench{suffix}"
    with path.open("w", encoding="utf-8", newline="") as stream:
        if suffix == ".json":
            json.dump([{"q": text, "choices": ["a", "b"]} for text in asked], stream)
        elif suffix == ".csv":
            csv.writer(stream).writerows([["q", "a"], *([text, "4"] for text in asked)])
        else:
            stream.writelines(json.dumps({"data": {"q": text}}) + "\n" for text in asked)
    says = Contamination([*read_benchmark(path)])
    assert all(says(row(text)) for text in asked)


@pytest.mark.parametrize("content", [b"", b'{"a": "too short"}\n', b"\x00\x01\x02\x03"])
def test_a_benchmark_that_finds_nothing_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bench.jsonl"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"bench\.jsonl"):
        list(read_benchmark(path))
    with pytest.raises(ConfigError, match="missing"):
        chosen(ExportConfig(contamination=(tmp_path / "missing.jsonl",)))


def test_by_meaning_the_nearest_item_is_named() -> None:
    items = [Item("bench:1", ("one",)), Item("bench:2", ("two",))]
    vectors = np.eye(2, dtype=np.float32)
    near = {"a": np.array([0.6, 0.8], np.float32), "b": np.array([0.7, 0.7], np.float32)}
    says = Paraphrases(items, vectors, 0.75, lambda each: near.get(each.sample.instruction))
    why = says(row("a"))
    assert why and why.kind == "contaminated" and "bench:2" in why.reason and "0.80" in why.reason
    assert says(row("b")) is None and says(row("c")) is None


# --- duplicates -------------------------------------------------------------------------------------------------------

LONG = (
    "The Nile is a river in Africa that flows north through eleven countries into the sea, and floods every summer. "
    "Farmers have lived along it for thousands of years, because what the floods leave behind feeds the fields well. "
    "Two of its branches, one white and one blue, meet at the city of Khartoum, and the blue one brings most water."
)
GERMAN = "Der Nil ist einer der längsten Flüsse der Welt und fließt nach Norden ins Meer."


def test_the_first_of_two_alike_rows_stays() -> None:
    says = Duplicates()
    assert says(row("Describe the Nile.", LONG)) is None
    exact = says(row("describe   the NILE", "Something else.", 1))
    assert exact and exact.kind == "exact duplicate" and "run/r01-00000" in exact.reason
    near = says(row("Describe the Nile please.", LONG.replace("summer", "year"), 2))
    assert near and near.kind == "near duplicate" and "run/r01-00000" in near.reason
    other = "It is a river in South America that carries the most water of all."
    assert says(row("Describe the Amazon.", other, 3)) is None


def test_signs_that_make_another_task_are_no_punctuation() -> None:
    says = Duplicates()
    assert says(row("What is 7 + 3?", "10")) is None
    assert says(row("What is 7 - 3?", "4", 1)) is None
    assert says(row("What is 7 * 3?", "21", 2)) is None


# --- an export --------------------------------------------------------------------------------------------------------


def planted() -> list[Sample]:
    return [
        sample(0),
        sample(1, instruction=f"Use {KEY} to log in."),
        sample(2, versions=(version(response="Write to anna.keller84@gmail.com."),)),
        sample(3, versions=(version(response="I'm sorry, but I cannot help with that."),)),
        sample(4, versions=(version(response="As an AI language model, I see no colours."),)),
        sample(5, versions=(version(response=LOOP),)),
        sample(6, instruction=task(0).upper() + "!"),
        sample(7, instruction=questions(GSM8K, "question")[0]),
        sample(8, summary=f"log in with {KEY}"),
        sample(9, versions=(version(response=GERMAN),)),
        sample(10),
        rejected(11, "Log in.", f"Use {KEY} for that."),
        rejected(12, "Go round.", LOOP),
    ]  # fmt: skip


COUNTS = {
    "secret": 2,
    "personal data": 1,
    "refusal": 1,
    "boilerplate": 1,
    "repetition": 1,
    "exact duplicate": 1,
    "contaminated": 1,
    "language": 1,
}


def test_every_reason_is_counted_told_and_beside_the_data(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", planted())
    with Reader(open_run(run)) as reader:
        screening = filters_for([reader], {"contamination": [GSM8K], "languages": ["en"]})
        done = write_folder([reader], Wanted(("messages", "unpaired-preference"), rejected=True), None, screening)
    assert done.manifest["left_out"] == COUNTS == dict(done.left_out.counts)
    assert done.manifest["options"]["filters"] == list(FILTERS)
    assert done.manifest["options"]["contamination"] == [GSM8K.name]
    told = [json.loads(line) for line in (done.path / "left_out.jsonl").read_text("utf-8").splitlines()]
    assert {(each["id"], each["kind"]) for each in told} == {
        ("r01-00001", "secret"), ("r01-00002", "personal data"), ("r01-00003", "refusal"), ("r01-00004", "boilerplate"),
        ("r01-00005", "repetition"), ("r01-00006", "exact duplicate"), ("r01-00007", "contaminated"),
        ("r01-00008", "secret"), ("r01-00009", "language"),
    }  # fmt: skip
    assert all(each["reason"] for each in told)
    kept = [json.loads(line) for line in (done.path / "messages.jsonl").read_text("utf-8").splitlines()]
    assert [each["messages"][0]["content"] for each in kept] == [task(0), task(10)]
    judged = (done.path / "unpaired-preference.jsonl").read_text("utf-8")
    assert LOOP in judged, "what goes round in circles is a good bad example"
    for path in done.path.rglob("*"):
        if path.is_file():
            assert KEY not in path.read_text("utf-8"), f"{path.name} gives the key away"
            assert "anna.keller84" not in path.read_text("utf-8"), path.name
    withheld = [json.loads(line) for line in (done.path / "rejected.jsonl").read_text("utf-8").splitlines()]
    assert withheld[0]["response"] is None and "GitHub token" in withheld[0]["withheld"]


def test_the_runs_own_configuration_counts_and_options_take_its_place(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", planted())
    with Reader(open_run(run)) as reader:
        assert write_dataset(reader)[1] == 4, "the defaults: all but benchmarks and languages"
        assert write_dataset(reader, status=Status.REJECTED_RESPONSE)[1] == 1, "keys never leave, whatever the status"
        document = reader.run.document
        assert isinstance(document, dict)
        document["config"]["export"] = {"filters": ["refusals"], "contamination": [str(GSM8K)]}
        assert write_dataset(reader)[1] == 9
        screening = filters_for([reader], {"filters": []})
        assert screening.told == {"filters": [], "contamination": [GSM8K.name], "languages": []}
        with pytest.raises(ConfigError, match="there are: secrets"):
            filters_for([reader], {"filters": ["toxicity"]})
        with pytest.raises(ConfigError, match="--contamination"):
            document["config"]["export"] = {}
            filters_for([reader], {}, cosine=0.9)


def test_a_post_processor_of_the_same_filters_lets_the_run_go_on_for_more() -> None:
    config = SynthesisConfig.model_validate(
        {"models": [{"name": f"m{n}", "base_url": "http://127.0.0.1:1/v1"} for n in range(4)], "target": 1}
    )
    says = Filtered(config, contamination=(str(GSM8K),))
    passed = [says(Sample(**{**_fields(each), "status": Status.PASSED})) for each in planted()[:9]]
    assert [each.status.value for each in passed] == ["passed", *["filtered"] * 5, "passed", "filtered", "filtered"]
    assert passed[3].reason == "refusal: its response says `sorry, but I cannot help`"
    with pytest.raises(ConfigError, match="duplicates"):
        Filtered(config, filters=("duplicates",))
    with pytest.raises(ConfigError, match="toxicity"):
        Filtered(config, filters=("toxicity",))


def _fields(each: Sample) -> dict[str, Any]:
    return {name: getattr(each, name) for name in Sample.__dataclass_fields__}


def test_the_filters_look_at_what_counts() -> None:
    assert CAST.generator == "writer"
    two = sample(0, versions=(version(response=LOOP, score=3.0, outcome="reject"), version(1, "The Nile.")))
    screening = chosen(ExportConfig())
    assert all(says(Row(two, "run")) is None for says in (*screening.screens, *screening.filters))
