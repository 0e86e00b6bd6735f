from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gra.config.material import SeedsConfig
from gra.errors import SeedError
from gra.records import Seed
from gra.synthesis.seed_forms import INSTANCES_NOTE, SYSTEM_NOTE, TURNS_NOTE
from gra.synthesis.seeds import SHOWN, SeedReport, draw_seeds, read_seeds


def read(folder: Path, *records: Any) -> SeedReport:
    path = folder / "seeds.json"
    path.write_text(json.dumps(records), encoding="utf-8")
    return read_seeds(SeedsConfig(path=path))


def raw(folder: Path, content: bytes) -> SeedReport:
    path = folder / "seeds.any"
    path.write_bytes(content)
    return read_seeds(SeedsConfig(path=path))


def turn(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


@pytest.mark.parametrize(
    ("record", "form"),
    [
        ({"instruction": "Sort.", "input": "2, 1", "output": "1, 2"}, "alpaca"),
        ({"instruction": "Sort.\n\n2, 1", "response": "1, 2"}, "plain"),
        ({"instruction": "Sort.", "instances": [{"input": "2, 1", "output": "1, 2"}]}, "self-instruct"),
        ({"messages": [turn("user", "Sort.\n\n2, 1"), turn("assistant", "1, 2")]}, "messages"),
    ],
)
def test_every_form_gives_the_same_seed(tmp_path: Path, record: dict[str, Any], form: str) -> None:
    report = read(tmp_path, record)
    assert report.form == form
    assert report.seeds == (Seed(id="seed-00000", instruction="Sort.\n\n2, 1", response="1, 2"),)


@pytest.mark.parametrize(
    "nothing", ["", " ", None, "<noinput>", "`<noinput>`", "< noinput >", "No input.", "NoInput", "nan", float("nan")]
)
def test_words_for_no_input_are_no_input(tmp_path: Path, nothing: object) -> None:
    assert read(tmp_path, {"instruction": "Go.", "input": nothing, "output": "ok"}).seeds[0].instruction == "Go."


def test_an_input_that_only_begins_like_none_is_kept(tmp_path: Path) -> None:
    report = read(tmp_path, {"instruction": "Go.", "input": "No input was given", "output": "ok"})
    assert report.seeds[0].instruction == "Go.\n\nNo input was given"


def test_a_system_turn_goes_before_the_question_and_only_the_first_turn_is_used(tmp_path: Path) -> None:
    record = {
        "messages": [
            turn("system", "Be a pirate."),
            turn("user", "Hello?"),
            turn("assistant", "Arr."),
            turn("user", "Bye."),
            turn("assistant", "Arr!"),
        ]
    }
    report = read(tmp_path, record)
    assert report.seeds[0].instruction == "Be a pirate.\n\nHello?"
    assert report.seeds[0].response == "Arr."
    assert report.problems == (f"1 record: {SYSTEM_NOTE}", f"1 record: {TURNS_NOTE}")


def test_of_several_instances_the_first_is_used_and_that_is_said(tmp_path: Path) -> None:
    instances = [{"input": "", "output": "1"}, {"input": "", "output": "2"}]
    report = read(tmp_path, {"instruction": "Go.", "instances": instances})
    assert report.seeds[0].response == "1"
    assert report.problems == (f"1 record: {INSTANCES_NOTE}",)


def test_what_the_file_says_of_a_seed_is_taken_along(tmp_path: Path) -> None:
    record = {"instruction": "a", "response": "b", "domain": "Math", "keywords": ["x", "", "y"], "summary": "s"}
    seed = read(tmp_path, record).seeds[0]
    assert (seed.domain, seed.keywords, seed.summary) == ("Math", ("x", "y"), "s")
    other = read(tmp_path, {"instruction": "a", "response": "b", "domain": 7, "keywords": "x, y"}).seeds[0]
    assert (other.domain, other.keywords, other.summary) == (None, ("x", "y"), "")


def test_unusable_records_are_counted_and_named_and_the_counts_add_up(tmp_path: Path) -> None:
    good = {"instruction": "A  question", "output": "An answer"}
    report = read(
        tmp_path,
        good,
        {"instruction": "a question", "output": "an  ANSWER"},
        {"instruction": " ", "output": "x"},
        {"instruction": "x", "output": ""},
        {"instruction": "x", "output": True},
        {"query": "x"},
        "text",
        {"instruction": "x" * 100_001, "output": "x"},
        {"instruction": "\ud800", "output": "x"},
        {"messages": [turn("user", "x")]},
        {"messages": [turn("assistant", "x")]},
        {"messages": [turn("user", [{"type": "text"}]), turn("assistant", "x")]},
        {"messages": "x"},
        {"instruction": "x", "instances": []},
        {"instruction": "x", "instances": ["y"]},
    )
    assert (report.duplicates, report.empty, report.malformed) == (1, 3, 10)
    assert report.records == 15 == len(report.seeds) + report.duplicates + report.empty + report.malformed
    assert report.problems[:3] == (
        "record 2: the same as record 1",
        "record 3: the instruction is empty",
        "record 4: the response is empty",
    )
    assert "record 6: of no known form; its fields are `query`" in report.problems


def test_json_lines_are_named_by_their_line(tmp_path: Path) -> None:
    good = b'{"instruction": "a", "response": "b"}'
    report = raw(tmp_path, b"\xef\xbb\xbf" + good + b"\r\n\n{broken\n" + b'{"instruction": "\xff", "response": "c"}\n')
    assert len(report.seeds) == 1
    assert report.problems[0] == "line 3: not JSON"
    assert report.problems[1].startswith("line 4: `instruction` is not valid UTF-8 text; if it is in another encoding")


def test_a_first_line_that_is_broken_does_not_hide_the_others(tmp_path: Path) -> None:
    report = raw(tmp_path, b'{"instruction": \n{"instruction": "a", "response": "b"}\n')
    assert (len(report.seeds), report.malformed) == (1, 1)


def test_one_record_over_several_lines_is_one_record(tmp_path: Path) -> None:
    assert len(raw(tmp_path, b'{\n "instruction": "a",\n "response": "b"\n}\n').seeds) == 1


def test_many_problems_are_bounded(tmp_path: Path) -> None:
    report = read(tmp_path, {"instruction": "a", "output": "b"}, *[{}] * 50)
    assert len(report.problems) == SHOWN + 1
    assert report.problems[-1] == "and 30 records more, skipped"


def test_the_digest_is_of_the_usable_seeds_not_of_the_file(tmp_path: Path) -> None:
    records = [{"instruction": "a", "response": "b"}, {"instruction": "c", "response": "d"}]
    as_list = read(tmp_path, *records)
    as_lines = raw(tmp_path, "\n\n".join(map(json.dumps, records)).encode())
    assert as_list.seeds == as_lines.seeds
    assert as_list.digest == as_lines.digest
    assert as_list.digest.startswith("sha256:")
    assert read(tmp_path, *records[:1]).digest != as_list.digest


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "there is no record in it"),
        (b"[]", "there is no record in it"),
        (b"just text\n", "none of its 1 record can be used as a seed (1 malformed)"),
        (b'[{"instruction": "a",}]', "record 1: the JSON list breaks here"),
        (b'[{"prompt": "a"}]', "record 1: of no known form; its fields are `prompt`"),
        (b"[" * 100_000, "brackets too deep"),
        (b"[" + b"9" * 5000 + b"]", "a number is too long"),
    ],
)
def test_nothing_usable_names_the_file_what_was_found_and_the_forms(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    with pytest.raises(SeedError) as caught:
        raw(tmp_path, content)
    message = str(caught.value)
    assert str(tmp_path) in message
    assert expected in message
    assert 'alpaca: {"instruction"' in message


def test_a_missing_file_and_a_folder_are_seed_errors(tmp_path: Path) -> None:
    with pytest.raises(SeedError, match="no such seed file"):
        read_seeds(SeedsConfig(path=tmp_path / "none.json"))
    with pytest.raises(SeedError, match="no seed file in this folder"):
        read_seeds(SeedsConfig(path=tmp_path))
    with pytest.raises(SeedError, match=r"no such seed file|cannot be read"):
        read_seeds(SeedsConfig(path=Path("a\0b")))


SEEDS = tuple(Seed(id=f"seed-{n:05d}", instruction=f"i{n}", response="r") for n in range(30))


@given(limit=st.integers(1, 40), random_seed=st.integers(0, 5))
@settings(deadline=None)
def test_drawing_is_deterministic_in_order_and_a_larger_limit_keeps_the_smaller(limit: int, random_seed: int) -> None:
    drawn = draw_seeds(SEEDS, limit, random_seed)
    assert len(drawn) == min(limit, len(SEEDS))
    assert drawn == draw_seeds(SEEDS, limit, random_seed)
    assert list(drawn) == sorted(drawn, key=lambda seed: seed.id)
    assert set(drawn) <= set(draw_seeds(SEEDS, limit + 1, random_seed))


def test_without_a_limit_all_are_used_and_another_run_draws_others() -> None:
    assert draw_seeds(SEEDS, None, 0) == SEEDS
    assert draw_seeds(SEEDS, 5, 0) != draw_seeds(SEEDS, 5, 1)


scraps = st.sampled_from(
    [
        *(
            b"{",
            b"}",
            b"[",
            b"]",
            b'"',
            b":",
            b",",
            b"\n",
            b"\\ud800",
            b"\xff",
            b"NaN",
            b"null",
            b"1e999",
            b"\xef\xbb\xbf",
        ),
        *(b'"instruction"', b'"output"', b'"messages"', b'"instances"', b'"role":"user"', b'"content":"x"', b'{"a":1}'),
    ]
)
any_json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["instruction", "input", "output", "messages", "instances", "role"]), inner)
    ),
    max_leaves=12,
)
contents = (
    st.binary(max_size=300)
    | st.lists(scraps, max_size=30).map(b"".join)
    | any_json.map(lambda value: json.dumps(value).encode())
)


@given(content=contents)
@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_bytes_only_a_seed_error_is_raised(tmp_path: Path, content: bytes) -> None:
    try:
        report = raw(tmp_path, content)
    except SeedError as error:
        str(error).encode()
        return
    assert report.seeds
    assert report.records == len(report.seeds) + report.empty + report.duplicates + report.malformed
    "\n".join(report.problems).encode()
