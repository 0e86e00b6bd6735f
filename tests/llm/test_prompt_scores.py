"""How probable a reply is to a real small model that gra serves itself."""

from __future__ import annotations

import ctypes
import math
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gra.calls import SCORED, Message, Request, Sampling
from gra.errors import Refused
from gra.llm import Endpoint, LocalServer, Server, probe
from gra.llm import prompt_scores as scores

pytest_plugins = ["llm_fixtures"]


def words(*leading: int) -> Any:
    return (ctypes.c_int32 * 16)(*leading)


def test_the_layout_that_is_expected_is_taken() -> None:
    scores._check(words(512, 2048, 512, 1, 0, 0, 4, 4))


@pytest.mark.parametrize(
    "leading",
    [(0,) * 8, (2048, 512, 512, 1, 0, 0, 4, 4), (512, 2048, 512, 1, 4, 4, 0, 0), (512, 2048, 512, 1, 0, 0, 0, 0)],
)
def test_another_layout_is_refused_and_not_misread(leading: tuple[int, ...]) -> None:
    with pytest.raises(scores.Unsupported, match="another layout"):
        scores._check(words(*leading))


@pytest.mark.models
async def test_an_embedded_model_says_how_probable_a_reply_is(
    smollm2: Path, tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    server = LocalServer("m", smollm2, tmp_path / "log", context=512, slots=1, scoring=True)
    async with server:
        shared = Server(4)
        endpoint = Endpoint("m", server.base_url, session, shared, model="m", key=server.key)
        endpoint.scorer = Endpoint("m", server.scoring_url, session, shared, model="m", key=server.key)
        assert (await probe(endpoint, scoring=True)).prompt_logprobs
        assert endpoint.scorer.scoring == "own"

        async def mean(question: str, reply: str) -> float:
            turns = (Message("user", question),) if question else ()
            request = Request("m", turns, Sampling(0.0, 1.0, 1, 0), scored=reply)
            return math.log((await endpoint.complete(request)).labels[SCORED])

        asked = "What is the capital of France?"
        whole = await mean(asked, "The capital of France is Paris.")
        assert whole == await mean(asked, "The capital of France is Paris."), "the same twice"
        assert whole > await mean(asked, "Paris France capital the is of.") > -20
        assert whole > await mean("", "The capital of France is Paris.")
        assert whole > await mean(asked, "The capital of"), "it breaks off"
        with pytest.raises(Refused, match="context"):
            await mean(asked, "Paris is large. " * 400)
        async with session.post(f"{server.scoring_url}/score", json={"scored": "x", "messages": []}) as answer:
            assert answer.status == 401


@pytest.mark.models
def test_blocks_follow_on_one_another(smollm2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = scores.PromptScores(smollm2, 256, 1)
    tokens = model.tokens("The river flows to the sea, and the sea is wide and blue and deep.")
    whole = model.scores(tokens)
    assert len(whole) == len(tokens) - 1
    assert model.scores(tokens, 5) == pytest.approx(whole[4:], abs=1e-3)
    monkeypatch.setattr(model, "_batch", 7)
    assert model.scores(tokens) == pytest.approx(whole, abs=0.1)
    assert model.scores(tokens, 9) == pytest.approx(whole[8:], abs=0.1)
