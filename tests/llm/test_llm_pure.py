from __future__ import annotations

import asyncio
import math
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from gra.calls import Message
from gra.errors import ConfigError
from gra.llm import ApiKey, key_from_env, threads_for
from gra.llm.base_format import STOP, render
from gra.llm.labels import first_token, probabilities
from gra.llm.limits import Limit
from gra.llm.local import control_groups, granted_cores
from gra.llm.wire import Malformed, greeting, read_completion, read_embeddings, read_models, read_usage


def logs(**tokens: float) -> list[tuple[str, float]]:
    return [(token, math.log(p)) for token, p in tokens.items()]


def test_a_label_gets_all_its_spellings_and_nothing_is_renormalised() -> None:
    tokens = [("Yes", math.log(0.4)), (" yes", math.log(0.2)), ("▁YES", math.log(0.1)), ("No", math.log(0.1))]
    assert probabilities(("Yes", "No"), tokens) == pytest.approx({"Yes": 0.7, "No": 0.1})


def test_a_label_that_was_seen_whole_gains_nothing_from_its_beginnings() -> None:
    found = probabilities(("Yes", "No"), logs(Yes=0.5, N=0.2, No=0.1, Y=0.1))
    assert found == pytest.approx({"Yes": 0.5, "No": 0.1})


def test_a_label_in_pieces_is_known_by_a_beginning_of_its_own() -> None:
    found = probabilities(("Unreasonable", "Reasonable"), logs(Un=0.5, Reason=0.25, The=0.1))
    assert found == pytest.approx({"Unreasonable": 0.5, "Reasonable": 0.25})
    assert probabilities(("10", "1x"), logs(**{"1": 0.5})) == {"10": 0.0, "1x": 0.0}


def test_digits_are_not_mixed_up() -> None:
    labels = tuple(str(n) for n in range(1, 11))
    found = probabilities(labels, logs(**{"1": 0.5, "9": 0.25}))
    assert (found["1"], found["9"], found["10"]) == (0.5, 0.25, 0.0)


def test_an_impossible_or_overcertain_token_stays_within_bounds() -> None:
    assert probabilities(("Yes", "No"), [("Yes", 0.0005), ("No", -math.inf)]) == {"Yes": 1.0, "No": 0.0}


@pytest.mark.parametrize(
    "logprobs",
    [
        {"content": [{"token": "a", "top_logprobs": [{"token": "a", "logprob": -1.0}, {"token": 5}, None]}]},
        {"top_logprobs": [{"a": -1.0, "b": "x", "c": 3.0, "d": True}]},
    ],
)
def test_both_shapes_of_logprobs_are_read_and_nonsense_is_left_out(logprobs: dict[str, Any]) -> None:
    assert first_token(logprobs) == [("a", -1.0)]


@pytest.mark.parametrize("logprobs", [None, [], {}, {"content": []}, {"content": [None]}, {"top_logprobs": [None]}])
def test_no_logprobs_are_no_tokens(logprobs: Any) -> None:
    assert first_token(logprobs) == []


def test_a_conversation_becomes_a_pattern_to_complete() -> None:
    messages = (
        Message("system", "Be brief.\n"),
        Message("user", "Name a fruit."),
        Message("assistant", "Apple"),
        Message("user", "Another."),
    )
    assert render(messages) == (
        "Be brief.\n\n### Instruction:\nName a fruit.\n\n### Response:\nApple\n\n"
        "### Instruction:\nAnother.\n\n### Response:\n"
    )
    assert STOP in render(messages)


def test_a_reply_already_begun_is_continued() -> None:
    assert render((Message("user", "Count."), Message("assistant", "1, 2,"))).endswith("### Response:\n1, 2,")


@pytest.mark.parametrize(
    "choice",
    [
        {"message": {"content": None}},
        {"message": {"content": 5}},
        {"message": None},
        {},
        "text",
    ],
)
def test_a_choice_without_text_is_malformed(choice: Any) -> None:
    with pytest.raises(Malformed):
        read_completion({"choices": [choice]}, 0.0, "chat", ())
    with pytest.raises(Malformed):
        read_completion({"choices": [choice]}, 0.0, "base", ())


def test_a_refusal_and_a_silence_are_replies() -> None:
    refusal = {"choices": [{"message": {"content": None, "refusal": "I will not."}}]}
    assert read_completion(refusal, 0.0, "chat", ()).text == "I will not."
    thinking = {"choices": [{"message": {"content": None, "reasoning_content": "hm"}, "finish_reason": "length"}]}
    reply = read_completion(thinking, 0.0, "chat", ())
    assert (reply.text, reply.finish) == ("", "length")


def test_lone_surrogates_are_replaced_and_pairs_are_kept() -> None:
    body = {"choices": [{"text": "a\ud83d\ude00b\ud800c"}]}
    assert read_completion(body, 0.0, "base", ()).text == "a😀b\N{REPLACEMENT CHARACTER}c"


@pytest.mark.parametrize(
    ("body", "cached"),
    [
        ({"usage": {"prompt_tokens_details": {"cached_tokens": 7}}, "timings": {"cache_n": 9}}, 7),
        ({"usage": {"prompt_tokens_details": None}, "timings": {"cache_n": 9}}, 9),
        ({"usage": None}, 0),
        ({"usage": {"prompt_tokens_details": {"cached_tokens": -1}}}, 0),
        ({"usage": {"prompt_tokens_details": {"cached_tokens": "7"}}}, 0),
    ],
)
def test_cached_tokens_are_found_where_servers_put_them(body: dict[str, Any], cached: int) -> None:
    assert read_usage(body).cached_tokens == cached


@pytest.mark.parametrize(
    ("body", "least"),
    [
        (None, None),
        ({"model": "m", "input": ["a", "b"]}, {"model": "m", "input": ["."]}),
        ({"model": "m", "prompt": "x", "id_slot": 2}, {"model": "m", "prompt": "Hello", "id_slot": 2, "max_tokens": 1}),
        (
            {"model": "m", "messages": [], "response_format": {}, "logprobs": True},
            {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1},
        ),
    ],
)
def test_a_greeting_has_nothing_of_the_request_but_whom_it_asks(body: Any, least: Any) -> None:
    assert greeting(body) == least


def test_embeddings_come_in_order_and_at_length_one() -> None:
    body = {"data": [{"index": 1, "embedding": [0, 2]}, {"index": 0, "embedding": [3.0, 4.0]}]}
    assert read_embeddings(body, 2) == [[0.6, 0.8], [0.0, 1.0]]


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        [{"embedding": [1.0]}] * 3,
        [{"embedding": [1.0]}, {"embedding": [1.0, 2.0]}],
        [{"embedding": [0.0]}, {"embedding": [1.0]}],
        [{"embedding": [math.nan]}, {"embedding": [1.0]}],
        [{"embedding": ["1"]}, {"embedding": [1.0]}],
        [{"embedding": "AAAA"}, None],
    ],
)
def test_what_is_no_embedding_is_malformed(data: Any) -> None:
    with pytest.raises(Malformed):
        read_embeddings({"data": data}, 2)


def test_models_are_listed_with_their_context() -> None:
    data = [
        {"id": "a", "max_model_len": 8192},
        {"id": "b", "meta": {"n_ctx": 1024}},
        {"id": "c", "context_length": 10, "meta": None},
        {"id": "d"},
        {"id": 5},
        None,
    ]
    assert read_models({"data": data}) == {"a": 8192, "b": 1024, "c": 10, "d": None}
    with pytest.raises(Malformed):
        read_models({})


def test_a_key_comes_from_the_environment_and_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINY_KEY", " sk-secret\n")
    key = key_from_env("TINY_KEY")
    assert key.headers() == {"Authorization": "Bearer sk-secret"}
    assert "sk-secret" not in f"{key} {key!r} {vars(ApiKey)}"
    assert key.hide_in("bad key sk-secret!") == "bad key …!"
    with pytest.raises(TypeError):
        pickle.dumps(key)


@pytest.mark.parametrize("value", [None, "", "  ", "two words", "line\nbreak", "schlüssel"])
def test_a_missing_or_impossible_key_is_a_clear_error(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("TINY_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("TINY_KEY", value)
    with pytest.raises(ConfigError, match="TINY_KEY") as caught:
        key_from_env("TINY_KEY")
    assert not value or not value.strip() or value not in str(caught.value)


async def test_urgent_requests_go_first_and_equal_ones_in_their_order() -> None:
    limit, order = Limit(1), list[str]()

    async def work(name: str, urgency: int) -> None:
        async with limit.place(urgency):
            order.append(name)
            await asyncio.sleep(0)

    await asyncio.gather(*(work(n, u) for n, u in [("first", 0), ("b", 0), ("c", 0), ("urgent", 5), ("d", 0)]))
    assert order == ["first", "urgent", "b", "c", "d"]
    assert limit.taken == 0


async def test_a_cancelled_waiter_loses_no_place() -> None:
    limit = Limit(1)
    entered = asyncio.Event()

    async def hold() -> None:
        async with limit.place():
            entered.set()
            await asyncio.Event().wait()

    holder = asyncio.create_task(hold())
    await entered.wait()
    waiter = asyncio.create_task(hold())
    handed = asyncio.create_task(hold())
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.sleep(0)
    holder.cancel()  # hands its place to `handed` ...
    await asyncio.sleep(0)
    handed.cancel()  # ... which is cancelled as it gets it
    await asyncio.gather(holder, waiter, handed, return_exceptions=True)
    assert limit.taken == 0
    async with limit.place():
        assert limit.taken == 1


def test_servers_do_not_crowd_the_cores() -> None:
    assert [threads_for(cores) for cores in (1, 2, 3, 4, 16)] == [1, 2, 3, 4, 4]
    assert 1 <= threads_for() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, math.inf),
        ({"cpu.max": "max 100000\n"}, math.inf),
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, math.inf),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4.0),
        ({"cpu.max": "nonsense"}, math.inf),
    ],
)
def test_a_container_s_share_of_the_cores_is_known(tmp_path: Path, files: dict[str, str], cores: float) -> None:
    (tmp_path / "cpu").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert granted_cores(tmp_path) == cores


def test_the_share_of_a_service_is_found_in_its_own_group_or_above(tmp_path: Path) -> None:
    own = tmp_path / "system.slice" / "gra.service"
    own.mkdir(parents=True)
    (own.parent / "cpu.max").write_text("200000 100000\n")
    (tmp_path / "listed").write_text("1:name=systemd:/x\n0::/system.slice/gra.service\n")
    groups = control_groups(tmp_path, tmp_path / "listed")
    assert groups == [own, own.parent, tmp_path]
    assert [granted_cores(group) for group in groups] == [math.inf, 2.0, math.inf]
    assert control_groups(tmp_path, tmp_path / "nothing") == [tmp_path]
