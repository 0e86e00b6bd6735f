"""The rater model against scikit-learn's Gaussian mixture, and what it adds to one: silence, priors, errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.mixture import GaussianMixture

from gra.synthesis.rater_model import Array, Prior, Raters, fit, good_given, log_posterior

SHARE = 0.35
TRUTH = Raters(
    SHARE,
    np.array([0.1, 0.05, 0.2]),
    np.array([2.2, 1.5, 1.4]),
    np.array([[1.0, 0.3, 0.0], [0.3, 1.5, 0.2], [0.0, 0.2, 0.7]]),
)
NOTHING = Prior(0.5, 0, np.zeros(3), np.zeros((3, 3)), np.full(3, 2.0), np.full(3, np.inf), np.eye(3), 0, False)
"""Knows nothing before; EM begins at two units apart."""
KNOWN = Prior(0.5, 20, np.zeros(3), 4 * np.eye(3), np.full(3, 1.8), np.full(3, 0.5), np.eye(3), 30)


def said(texts: int, seed: int = 0, raters: Raters = TRUTH) -> tuple[Array, NDArray[np.bool_]]:
    """What is said of so many texts, and which are good."""
    draw = np.random.default_rng(seed)
    good = draw.random(texts) < raters.share
    noise = draw.normal(size=(texts, len(raters.middle))) @ np.linalg.cholesky(raters.within).T
    return noise + np.where(good[:, None], *raters.means()), good


def test_without_a_prior_it_is_a_gaussian_mixture_with_one_covariance() -> None:
    words, _ = said(600)
    found = fit(words, 1.0, NOTHING).raters
    mixture = GaussianMixture(
        2, covariance_type="tied", tol=1e-10, max_iter=5000, reg_covar=0, means_init=[[1.0] * 3, [-1.0] * 3]
    ).fit(words)
    assert found.share == pytest.approx(mixture.weights_[0], abs=1e-3)
    assert np.array(found.means()) == pytest.approx(mixture.means_, abs=1e-3)
    assert found.within == pytest.approx(mixture.covariances_, abs=1e-3)
    assert good_given(found, words) == pytest.approx(mixture.predict_proba(words)[:, 0], abs=1e-3)
    assert log_posterior(found, words, 1.0, NOTHING) == pytest.approx(600 * mixture.score(words), abs=1e-3)


def test_what_it_finds_is_a_mode_of_the_posterior() -> None:
    words, _ = said(300)
    words[np.random.default_rng(1).random(words.shape) < 0.3] = np.nan
    found = fit(words, 0.2, KNOWN).raters
    best = log_posterior(found, words, 0.2, KNOWN)
    draw = np.random.default_rng(2)
    for _ in range(40):
        tilt = draw.normal(size=(3, 3)) * 0.01
        other = Raters(
            found.share + draw.normal() * 0.01,
            found.middle + draw.normal(size=3) * 0.01,
            np.minimum(found.separation + draw.normal(size=3) * 0.01, KNOWN.separation),
            found.within + tilt @ tilt.T + (tilt + tilt.T) * 0.3,
        )
        assert log_posterior(other, words, 0.2, KNOWN) <= best + 1e-6


def test_the_truth_is_found_though_raters_are_silent_where_others_have_settled_it() -> None:
    words, _ = said(4000)
    words[words[:, 0] < -0.5, 2] = np.nan  # as where an economy asks the third only if the first is not against it
    found = fit(words, 1.0, replace(NOTHING, share=0.4)).raters
    assert found.share == pytest.approx(SHARE, abs=0.06)
    assert found.middle == pytest.approx(TRUTH.middle, abs=0.15)
    assert found.separation == pytest.approx(TRUTH.separation, abs=0.2)


def test_errors_are_those_of_repeated_samples() -> None:
    fits = [fit(said(800, seed)[0], 1.0, replace(KNOWN, capped=False)) for seed in range(24)]
    told = np.mean([f.middle_error for f in fits], axis=0)
    seen = np.std([f.raters.middle for f in fits], axis=0)
    # The covariance within is taken as known, and the prior holds estimates together: right to about a half.
    assert np.all(told > seen / 2) and np.all(told < seen * 2)


def test_a_rater_of_whom_nothing_is_heard_stays_as_it_was_before() -> None:
    words, _ = said(200)
    words[:, 1] = np.nan
    found = fit(words, 0.1, KNOWN)
    assert found.raters.middle[1] == pytest.approx(0, abs=0.02)
    assert found.raters.separation[1] == pytest.approx(1.8, abs=0.02)
    assert found.middle_error[1] == pytest.approx(0.5, abs=0.02)


def test_agreement_raises_no_separation_above_what_was_known() -> None:
    raters = Raters(0.5, np.zeros(3), np.array([3.0, 3.0, 3.0]), np.eye(3))
    found = fit(said(500, raters=raters)[0], 0.5, KNOWN).raters
    assert np.all(found.separation <= KNOWN.separation + 1e-9)


def test_texts_of_little_weight_move_little() -> None:
    words, _ = said(500)
    near, far = (fit(words, weight, KNOWN).raters for weight in (0.002, 1.0))
    assert abs(near.share - 0.5) < abs(far.share - 0.5)
    assert np.all(np.abs(near.separation - 1.8) <= np.abs(far.separation - 1.8) + 1e-9)
