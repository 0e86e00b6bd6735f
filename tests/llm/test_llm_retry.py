from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gra.errors import EndpointError, KeyRefused, OutOfService, Refused
from gra.llm.retry import Again, Fault, GiveUp, counts, decide, failure, pause_s, plain, retry_after, said

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("fault", [Fault("connection"), Fault("timeout"), Fault("body"), Fault("body", status=200)])
def test_what_may_pass_is_tried_again_until_the_retries_are_used_up(fault: Fault) -> None:
    assert decide(fault, 1, 4, 0.0) == Again(0.0)
    assert decide(fault, 4, 4, 0.0) == Again(0.0)
    assert decide(fault, 5, 4, 0.0) == GiveUp(EndpointError)
    assert decide(fault, 1, 0, 0.0) == GiveUp(EndpointError)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 529])
def test_statuses_that_may_pass_are_tried_again(status: int) -> None:
    assert decide(Fault("status", status=status), 1, 1, 0.0) == Again(0.0)
    assert decide(Fault("status", status=status), 2, 1, 0.0) == GiveUp(EndpointError)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Refused),
        (413, Refused),
        (414, Refused),
        (422, Refused),
        (401, KeyRefused),
        (403, KeyRefused),
        (404, OutOfService),
        (301, OutOfService),
        (307, OutOfService),
        (402, OutOfService),
        (405, OutOfService),
        (501, OutOfService),
    ],
)
def test_statuses_that_stay_end_at_once(status: int, error: type[EndpointError]) -> None:
    assert decide(Fault("status", status=status), 1, 99, 0.5) == GiveUp(error)


def test_a_text_too_long_to_embed_is_refused_though_llama_cpp_calls_it_500() -> None:
    fault = Fault("status", "input (900 tokens) is too large to process", 500)
    assert decide(fault, 1, 4, 0.0) == GiveUp(Refused)


def test_waits_double_up_to_a_bound_and_are_jittered_in_full() -> None:
    waits = [decide(Fault("timeout"), tries, 99, 1.0) for tries in (1, 2, 3, 6, 7, 90)]
    assert waits == [Again(1.0), Again(2.0), Again(4.0), Again(10.0), Again(10.0), Again(10.0)]
    assert decide(Fault("timeout"), 3, 99, 0.25) == Again(1.0)


def test_retry_after_is_heeded_within_a_bound() -> None:
    assert pause_s(Fault("status", status=429, retry_after_s=7.0)) == 7.0
    assert pause_s(Fault("status", status=503, retry_after_s=1e6)) == 120.0
    assert pause_s(Fault("status", status=503)) == 0.0


def test_a_server_that_is_lost_fails_what_meets_its_silence_and_nothing_else() -> None:
    assert decide(Fault("connection"), 0, 4, 0.0, lost=True) == GiveUp(OutOfService)
    assert decide(Fault("status", status=500), 1, 4, 0.0, lost=True) == Again(0.0)


@pytest.mark.parametrize(
    ("fault", "others_answered", "silent", "uses_up_a_try"),
    [
        (Fault("connection"), True, False, True),
        (Fault("connection"), False, False, False),
        (Fault("status", status=503), True, True, False),
        (Fault("status", status=429), False, False, True),
        (Fault("status", status=429), True, False, False),
        (Fault("status", status=500), False, False, True),
        (Fault("body"), True, False, True),
    ],
)
def test_what_is_no_fault_of_the_request_uses_up_no_try(
    fault: Fault, others_answered: bool, silent: bool, uses_up_a_try: bool
) -> None:
    assert counts(fault, 1, others_answered, silent, ever=True) is uses_up_a_try


def test_a_server_that_never_answered_is_not_waited_for() -> None:
    assert counts(Fault("connection"), 1, others_answered=False, silent=False, ever=False)


def test_a_request_larger_than_its_quota_is_not_tried_for_ever() -> None:
    assert not counts(Fault("status", status=429), 49, others_answered=True, silent=False, ever=True)
    assert counts(Fault("status", status=429), 50, others_answered=True, silent=False, ever=True)


def test_tries_that_are_spared_lengthen_the_wait_but_not_the_count() -> None:
    assert decide(Fault("timeout"), 3, 1, 1.0, spared=2) == Again(4.0)
    assert decide(Fault("timeout"), 3, 1, 1.0, spared=1) == GiveUp(EndpointError)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        (" 12 ", 12.0),
        ("1.5", 1.5),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 12:00:30 -0000", 30.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("nan", None),
        ("9" * 400, None),
        ("", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": {"message": "too long", "code": 400}}', "too long"),
        (b'{"error": "model not found"}', "model not found"),
        (b'{"object": "error", "message": "The model does not exist."}', "The model does not exist"),
        (b'{"detail": "Not Found"}', "Not Found"),
        (b'{"detail": [{"loc": ["body"]}]}', '{"detail": [{"loc": ["body"]}]}'),
        (b"<html>\n  <b>502</b>\r\n</html>", "<html> <b>502</b> </html>"),
        (b"\xff\x00", "\N{REPLACEMENT CHARACTER}"),
        (b"[" * 50_000, "[" * 299 + "…"),
        (b"", ""),
    ],
)
def test_what_a_server_said_is_found_in_its_body(body: bytes, words: str) -> None:
    assert said(body) == words


def test_words_from_outside_are_safe_to_print() -> None:
    assert plain("\x1b[31mred\x1b[0m \x1b]0;title\x07bell\x07 \x9b1m a\u202eb\nc") == "red bell 1m a b c"
    assert len(plain("x" * 1000)) == 300


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault("status", "The model `x` does not exist", 404), ["does not know the model", "Set `model`"]),
        (Fault("status", "File Not Found", 404), ["no such address", "`/v1`"]),
        (Fault("status", "", 403), ["API key", "403", "`api_key_env`"]),
        (Fault("status", "slow down", 429), ["429", "slow down", "`concurrency`"]),
        (Fault("status", "", 503), ["503", "log"]),
        (Fault("status", "to http://b/v1", 307), ["redirects", "http://b/v1"]),
        (Fault("status", "", 501), ["cannot do this"]),
        (Fault("status", "", 402), ["402"]),
        (Fault("status", "9 tokens", 400), ["refused", "9 tokens", "context"]),
        (Fault("connection", "refused"), ["no connection", "server runs"]),
        (Fault("timeout", "5 s"), ["in time", "`timeout_s`"]),
        (Fault("body", "it is not JSON"), ["not JSON", "OpenAI-compatible"]),
    ],
)
def test_errors_say_who_where_why_and_what_to_do(fault: Fault, words: list[str]) -> None:
    text = str(failure(EndpointError, fault, "qwen", "http://h/v1/x", 3))
    for expected in ["`qwen`", "http://h/v1/x", "3 tries", *words]:
        assert expected in text
