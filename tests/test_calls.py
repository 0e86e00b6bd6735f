"""A request's name in the ledger."""

import hashlib
import json
from dataclasses import asdict

from hypothesis import given
from hypothesis import strategies as st

from gra.calls import Message, Request, Sampling

TEXTS = st.text(st.characters(exclude_categories=[]), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
REQUESTS = st.builds(
    Request,
    TEXTS,
    st.lists(st.builds(Message, st.sampled_from(["system", "user", "assistant"]), TEXTS), max_size=4).map(tuple),
    st.builds(Sampling, st.floats(0, 2), st.floats(0, 1), st.integers(1, 9999), st.integers(0, 2**31)),
    st.none() | st.dictionaries(TEXTS, VALUES, max_size=3),
    st.lists(TEXTS, max_size=2).map(tuple),
    TEXTS,
    st.lists(TEXTS, max_size=2).map(tuple),
    TEXTS,
    st.none() | st.integers(0, 64),
)


@given(REQUESTS, TEXTS)
def test_the_digest_is_that_of_ledgers_written_before(request: Request, identity: str) -> None:
    parts = asdict(request)
    del parts["slot"]  # where it is worked on is no part of what is asked
    if not parts["scored"]:
        del parts["scored"]  # nobody could ask for it then
    body = json.dumps([identity, parts], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert request.digest(identity) == "sha256:" + hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()
