"""The map: principal components, the same every time."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gra.inspector.projection import project


def cloud() -> NDArray[np.float32]:
    draw = np.random.default_rng(3)
    flat = draw.standard_normal((200, 2)) * (5.0, 2.0)
    turned = np.linalg.qr(draw.standard_normal((16, 16)))[0][:2]
    vectors: NDArray[np.float32] = (flat @ turned + 0.01 * draw.standard_normal((200, 16)) + 3.0).astype(np.float32)
    return vectors


def test_a_plane_in_many_dimensions_is_found() -> None:
    vectors = cloud()
    places, explained = project(vectors)
    assert explained > 0.999
    assert np.abs(places).max() == pytest.approx(1.0)
    # Distances on the map are those between the vectors, but for the scale.
    there = np.linalg.norm(vectors[0] - vectors[1:], axis=1)
    here = np.linalg.norm(places[0] - places[1:], axis=1)
    assert np.corrcoef(there, here)[0, 1] > 0.999


def test_the_order_of_the_vectors_changes_nothing() -> None:
    vectors = cloud()
    places = project(vectors).places
    assert np.allclose(project(vectors[::-1]).places[::-1], places, atol=1e-4)


@pytest.mark.parametrize("shape", [(0, 4), (1, 4), (2, 4), (5, 1)])
def test_few_vectors_have_a_map_too(shape: tuple[int, int]) -> None:
    vectors = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    assert project(vectors).places.shape == (shape[0], 2)


def test_equal_vectors_lie_on_one_place() -> None:
    places, explained = project(np.ones((4, 3), np.float32))
    assert np.allclose(places, 0)
    assert explained == 1.0
