"""Domains within domains: their names, their shares, and what a taxonomy may not be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gra.config.load import load_config
from gra.config.synthesis import PaperGate, SeedsGate, SynthesisConfig
from gra.config.taxonomy import PAPER_DOMAINS, Domain, leaves, taxonomy_problem
from gra.errors import ConfigError

NAMES = st.sampled_from("abcdefgh")
TREES = st.recursive(
    st.builds(lambda n, s: {"name": n, "description": "d", "share": s}, NAMES, st.none() | st.floats(0.01, 100)),
    lambda inner: st.builds(
        lambda n, s, d: {"name": n, "share": s, "domains": d},
        NAMES,
        st.none() | st.floats(0.01, 100),
        st.lists(inner, min_size=1, max_size=3, unique_by=lambda d: d["name"]),
    ),
    max_leaves=12,
)


def domain(plain: dict[str, Any]) -> Domain:
    return Domain.model_validate(plain, strict=False)


@given(st.lists(TREES, min_size=1, max_size=4, unique_by=lambda d: str(d["name"])))
def test_leaves_have_names_of_their_own_and_shares_that_sum_to_one(plain: list[dict[str, Any]]) -> None:
    found = list(leaves([domain(d) for d in plain]))
    assert len({leaf.name for leaf in found}) == len(found)
    assert sum(leaf.share for leaf in found) == pytest.approx(1)
    assert all(leaf.description for leaf in found)


def test_a_leaf_is_named_by_its_path_and_a_share_is_divided_among_those_within() -> None:
    coding = {"name": "Coding", "share": 3, "domains": [{"name": "Python", "description": "p"}, {"name": "C"}]}
    coding["domains"][1] |= {"description": "c", "share": 2}  # type: ignore[index]
    found = list(leaves([domain(coding), domain({"name": "Math", "description": "m"})]))
    assert [(leaf.name, leaf.share) for leaf in found] == [("Coding/Python", 0.25), ("Coding/C", 0.5), ("Math", 0.25)]


def test_the_papers_domains_keep_their_names() -> None:
    assert [leaf.name for leaf in leaves(PAPER_DOMAINS)] == [d.name for d in PAPER_DOMAINS]


def nested(depth: int) -> Domain:
    if depth == 1:
        return Domain(name="d", description="d")
    return Domain(name="d", domains=(nested(depth - 1),))


def test_what_cannot_be_a_taxonomy_is_said() -> None:
    one, twin = Domain(name="a/b", description="x"), Domain(name="a", domains=(Domain(name="b", description="x"),))
    assert "at least one" in taxonomy_problem([])
    assert "given twice: a/b" in taxonomy_problem([one, twin])
    assert "4 levels" in taxonomy_problem([nested(5)])
    assert taxonomy_problem([nested(4)]) == ""
    none = Domain(name="a", domains=(Domain(name="b", description="x", share=0),))
    assert "about b" in taxonomy_problem([none])


# --- seeds, gate and allocation belong together -----------------------------------------------------------------------


def config(folder: Path, text: str) -> SynthesisConfig:
    path = folder / "run.yaml"
    path.write_text(f"target: 4\nmodels: [a, b, c, d]\n{text}\n")
    return load_config(path).synthesis


def test_the_defaults_follow_from_what_there_is(tmp_path: Path) -> None:
    seeded, bare = config(tmp_path, "seeds: s.json"), config(tmp_path, "documents: d")
    assert (seeded.gate, seeded.allocation) == (SeedsGate(), "seeds")
    assert (bare.gate, bare.allocation) == (PaperGate(), "quota")
    assert config(tmp_path, "gate: {tau: 5}").gate == PaperGate(tau=5)
    shared = config(tmp_path, "seeds: s.json\ndomains: [{name: a, domains: [{name: b, description: c, share: 2}]}]")
    assert (shared.gate, shared.allocation) == (SeedsGate(), "quota")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("allocation: seeds", "`allocation: seeds` needs `seeds`"),
        ("task: refine", "`task: refine` works on your own seeds, and there are none. Give `seeds`"),
        ("task: refine\nseeds: s.json\ndocuments: d", "it has no use for `documents`"),
    ],
)
def test_what_needs_seeds_says_so(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        config(tmp_path, text)
    assert words in str(refused.value)
