"""What multiplicative updates are made of."""

import numpy as np
import pytest

from nmfamt.exceptions import NmfamtError
from nmfamt.nmf.divergence import beta_divergence
from nmfamt.nmf.updates import (
    check_magnitudes,
    component_flags,
    divergence,
    drop_negligible,
    multiply,
    negligible,
    rescale,
    weights,
)

each_beta = pytest.mark.parametrize("beta", [0.0, 0.3, 0.5, 1.0, 1.5, 2.0])
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@each_beta
@each_dtype
def test_weights_are_powers_of_the_model(beta, dtype):
    rng = np.random.default_rng(0)
    V, X = rng.random((5, 4)).astype(dtype), rng.uniform(0.1, 1, (5, 4)).astype(dtype)
    R, E = weights(V, X, beta)
    np.testing.assert_allclose(R, V * X ** (beta - 2), rtol=1e-5)
    np.testing.assert_allclose(np.ones_like(X) if E is None else E, X ** (beta - 1), rtol=1e-5)
    assert R.dtype == dtype


@each_beta
@each_dtype
def test_the_divergence_is_that_of_the_definition(beta, dtype):
    rng = np.random.default_rng(0)
    V, X = rng.random((50, 40)).astype(dtype), rng.uniform(0.1, 1, (50, 40)).astype(dtype)
    V[:3] = 0 if beta else V[:3]
    assert divergence(V, X, weights(V, X, beta)[0], beta) == pytest.approx(beta_divergence(V, X, beta=beta), rel=1e-4)


@each_beta
def test_the_update_has_the_exponent_of_the_paper(beta):
    gamma = 1 / (2 - beta) if beta < 1 else 1
    found = multiply(np.array([2.0, 3.0, 5.0]), np.array([3.0, 1.0, 0.0]), np.array([1.0, 4.0, 0.0]), beta)
    np.testing.assert_allclose(found, [2 * 3**gamma, 3 * 0.25**gamma, 5.0])


@each_dtype
def test_negligible_values_multiply_to_normal_numbers_or_nothing(dtype):
    least = negligible(np.dtype(dtype))
    values = np.array([0.9 * least, 1.1 * least, 1.0], dtype=dtype)
    drop_negligible(values)
    assert values[0] == 0
    assert values[1] ** 2 > np.finfo(dtype).tiny


@pytest.mark.parametrize("gain", [2.0**-60, 1.0, 2.0**70])
def test_rescaling_is_exact(gain):
    V = np.random.default_rng(0).random((4, 3)).astype(np.float32)
    data = rescale([np.float32(gain) * V, np.float32(gain) * V[:1]], np.dtype(np.float32))
    assert 0.5 <= data.arrays[0].max() < 1
    np.testing.assert_array_equal(np.ldexp(data.arrays[0], data.exponent), np.float32(gain) * V)
    assert data.arrays[1].shape == (1, 3)


def test_the_first_bad_value_is_named():
    V = np.ones((3, 4))
    V[1, 2] = np.nan
    with pytest.raises(NmfamtError, match=r"V has the value nan at \[1, 2\]: magnitudes are finite.*nan_to_num"):
        check_magnitudes("V", V)
    V[0, 3] = -2
    with pytest.raises(NmfamtError, match=r"V has the value -2\.0 at \[0, 3\]"):
        check_magnitudes("V", V)


@pytest.mark.parametrize("fixed", [1, [0, 1], [True], "yes"])
def test_flags_are_bool(fixed):
    with pytest.raises(NmfamtError, match="must be bool, one value or 2"):
        component_flags(fixed, 2)
