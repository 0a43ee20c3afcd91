"""The polynomials that the tracker learns."""

import json

import numpy as np
import pytest

from nmfamt.exceptions import NmfamtError
from nmfamt.tracking.polynomial import Polynomial, rounded


def polynomial(*, n_features=5, interacting=(1, 3, 4), n_outputs=2, seed=0):
    rng = np.random.default_rng(seed)
    names = tuple(f"x{i}" for i in range(n_features))
    k = len(interacting)
    return Polynomial(
        names=names,
        mean=rng.standard_normal(n_features),
        scale=rng.random(n_features) + 0.5,
        intercept=rng.standard_normal(n_outputs),
        weights=rng.standard_normal((n_features, n_outputs)),
        interacting=tuple(names[i] for i in interacting),
        products=np.triu(np.ones((k, k)))[:, :, None] * rng.standard_normal((k, k, n_outputs)),
    )


def samples(n_samples=40, n_features=5, seed=1):
    return 3 * np.random.default_rng(seed).standard_normal((n_samples, n_features)).astype(np.float32)


def slowly(p, X):
    """Evaluate a polynomial one number after the other."""
    result = np.zeros((len(X), len(p.intercept)))
    for s, x in enumerate(X):
        z = [(x[i] - p.mean[i]) / p.scale[i] for i in range(len(x))]
        k = [min(max(z[p.names.index(name)], -3), 3) for name in p.interacting]
        for o in range(len(p.intercept)):
            result[s, o] = p.intercept[o] + sum(p.weights[i, o] * z[i] for i in range(len(z)))
            result[s, o] += sum(p.products[i, j, o] * k[i] * k[j] for i in range(len(k)) for j in range(i, len(k)))
    return result


# Independent truths


def test_a_product_of_two_features():
    # 1 + 2 z1 - z2 + 4 z1 z2 at z = (1, 2), having z = (x - 1) / 2.
    products = np.zeros((2, 2, 1))
    products[0, 1] = 4.0
    p = Polynomial(("a", "b"), np.ones(2), np.full(2, 2.0), np.ones(1), np.array([[2.0], [-1.0]]), ("a", "b"), products)
    assert p(np.array([[3.0, 5.0]]))[0, 0] == 1 + 2 - 2 + 8


def test_products_do_not_grow_beyond_three_standard_deviations():
    square = Polynomial(("a",), np.zeros(1), np.ones(1), np.zeros(1), np.zeros((1, 1)), ("a",), np.ones((1, 1, 1)))
    np.testing.assert_array_equal(square(np.array([[-100.0], [-3], [1], [3], [100]]))[:, 0], [9, 9, 1, 9, 9])


def test_terms_are_named_and_the_heaviest_comes_first():
    p = Polynomial(
        names=("a", "b"),
        mean=np.zeros(2),
        scale=np.ones(2),
        intercept=np.zeros(2),
        weights=np.array([[0.1, 7.0], [-3.0, 0.0]]),
        interacting=("b", "a"),
        products=np.array([[[2.0, 0.0], [0.5, 8.0]], [[0.0, 0.0], [-1.0, 0.0]]]),
    )
    assert p.terms() == [("b", -3.0), ("b * b", 2.0), ("a * a", -1.0), ("b * a", 0.5), ("a", 0.1)]
    assert p.terms(1)[:2] == [("b * a", 8.0), ("a", 7.0)]


# Naive oracle


@pytest.mark.parametrize("interacting", [(), (2,), (1, 3, 4), (4, 0, 2, 1, 3)])
def test_the_definition(interacting):
    p = polynomial(interacting=interacting)
    np.testing.assert_allclose(p(samples()), slowly(p, samples()), rtol=1e-4, atol=1e-4)


# Properties


@pytest.mark.parametrize("interacting", [(), (1, 3, 4)])
def test_the_design_times_the_terms_is_the_value(interacting):
    p, X = polynomial(interacting=interacting), samples()
    design = p.design(X)
    k = len(interacting)
    terms = np.concatenate([p.weights, p.products[np.triu_indices(k)]])
    assert design.shape == (len(X), 5 + k * (k + 1) // 2)
    assert design.dtype == np.float32
    np.testing.assert_allclose(design @ terms + p.intercept, p(X), rtol=1e-4, atol=1e-4)
    assert sorted(weight for _, weight in p.terms(1)) == pytest.approx(sorted(terms[:, 1]))


def test_other_terms_make_another_polynomial():
    p, X = polynomial(n_outputs=1), samples()
    terms = np.random.default_rng(2).standard_normal((p.design(X).shape[1], 3))
    changed = p.with_terms(np.arange(3.0), terms)
    np.testing.assert_allclose(changed(X), p.design(X) @ terms + np.arange(3), rtol=1e-4, atol=1e-4)
    assert (changed.names, changed.interacting) == (p.names, p.interacting)
    assert p.products.shape == (3, 3, 1)


def test_features_side_by_side():
    p, X = polynomial(), samples()
    np.testing.assert_allclose(p(X[:, :2], X[:, 2:2], X[:, 2:]), p(X), rtol=1e-5, atol=1e-5)


def test_no_samples():
    assert polynomial()(samples(0)).shape == (0, 2)


@pytest.mark.parametrize("interacting", [(), (1, 3)])
def test_through_json_and_back(interacting):
    p = polynomial(interacting=interacting)
    same = Polynomial.from_dict(json.loads(json.dumps(p.to_dict())))
    assert (same.names, same.interacting) == (p.names, p.interacting)
    for name in ("mean", "scale", "intercept", "weights", "products"):
        np.testing.assert_allclose(getattr(same, name), getattr(p, name), rtol=1e-5, err_msg=name)
    assert same.to_dict() == p.to_dict()  # what is rounded stays as it is


def test_six_digits_are_kept():
    assert rounded(np.array([[1 / 3, -1e-9], [123456.789, 0.0]])) == [[0.333333, -1e-9], [123457.0, 0.0]]


# Errors


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": np.zeros(4)}, r"mean has shape \(4,\), but 5 features and 3 interacting make \(5,\)"),
        ({"scale": np.ones((5, 1))}, r"scale has shape \(5, 1\)"),
        ({"weights": np.zeros((5, 3))}, r"weights has shape \(5, 3\)"),
        ({"products": np.zeros((3, 3, 1))}, r"products has shape \(3, 3, 1\)"),
        ({"scale": np.array([1.0, 1, 0, 1, 1])}, "scale holds numbers that are not positive"),
        ({"mean": np.array([0, 0, np.nan, 0, 0])}, "mean holds numbers that are not finite"),
        ({"intercept": np.array([0, np.inf])}, "intercept holds numbers that are not finite"),
        ({"interacting": ("x1", "y", "z")}, "products of y, z, which are no features"),
    ],
)
def test_what_is_no_polynomial(changes, message):
    p = polynomial()
    fields = {name: getattr(p, name) for name in (*p.__dataclass_fields__,)}
    with pytest.raises(NmfamtError, match=message):
        Polynomial(**{**fields, **changes})
