"""Paired tests: small cases by hand, all signs gone through, and SciPy."""

import json
from itertools import product

import numpy as np
import pytest
from scipy import stats

from nmfamt.exceptions import NmfamtError
from nmfamt.significance import compare, compare_to_best, holm


def test_counted_by_hand():
    # Differences 0.1, 0.3, -0.2, 0.4 have ranks 1, 3, 2, 4; the negative ones sum to 2. Of the 16 ways to give signs
    # three have a sum of at most 2: {}, {1}, {2}. Two-sided: 2 * 3 / 16.
    found = compare([0.5, 0.8, 0.3, 0.9], [0.4, 0.5, 0.5, 0.5])
    assert found.p == 6 / 16
    assert found.smallest_p == 2 / 16
    assert (found.n, found.n_nonzero, found.n_left_out) == (4, 4, 0)
    assert found.median_difference == pytest.approx((0.1 + 0.3) / 2)
    assert found.mean_difference == pytest.approx((0.1 + 0.3 - 0.2 + 0.4) / 4)


def test_ties_counted_by_hand():
    # Differences 0.1, 0.1, -0.1, 0.3 share the ranks 2, 2, 2, 4; the negative one has 2. A sum of at most 2 have
    # {} and each of the three alone: 2 * 4 / 16. In floating point the differences are not quite equal.
    found = compare([0.4, 0.8, 0.3, 0.9], [0.3, 0.7, 0.4, 0.6])
    assert len(set(np.abs(np.array([0.4, 0.8, 0.3, 0.9]) - [0.3, 0.7, 0.4, 0.6]).tolist())) > 2
    assert found.p == 8 / 16


def test_zeros_are_dropped():
    # What is left is 0.1, 0.2, 0.3, 0.4, 0.5, all positive: 2 / 32.
    found = compare([0.5, 0.6, 0.7, 0.8, 0.9, 0.4, 0.4], [0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4])
    assert (found.n, found.n_nonzero, found.p) == (7, 5, 2 / 32)
    assert found.median_difference == pytest.approx(0.2)


@pytest.mark.parametrize("seed", range(10))
def test_all_signs_gone_through(seed):
    rng = np.random.default_rng(seed)
    differences = rng.integers(-4, 6, 9) / 10
    nonzero = differences[differences != 0]
    ranks = stats.rankdata(np.abs(nonzero))
    sums = np.array([ranks @ signs for signs in product((0, 1), repeat=len(nonzero))])
    positive = ranks[nonzero > 0].sum()
    expected = min(1.0, 2 * min((sums <= positive).mean(), (sums >= positive).mean()))
    assert compare(differences, np.zeros(9)).p == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n", [6, 10, 25, 45])
def test_without_ties_it_is_that_of_scipy(n):
    rng = np.random.default_rng(n)
    a, b = rng.uniform(size=(2, n))
    assert compare(a + 0.2, b).p == pytest.approx(stats.wilcoxon(a + 0.2, b, method="exact").pvalue, rel=1e-9)
    swapped = compare(b, a + 0.2)
    assert swapped.p == compare(a + 0.2, b).p
    assert swapped.mean_difference == -compare(a + 0.2, b).mean_difference


def test_many_pieces():
    rng = np.random.default_rng(0)
    a = rng.normal(0.05, 1, 501)
    exact, approximate = compare(a[:500], np.zeros(500)).p, compare(a, np.zeros(501)).p
    assert exact == pytest.approx(stats.wilcoxon(a[:500]).pvalue, rel=0.01)
    assert approximate == pytest.approx(stats.wilcoxon(a).pvalue, rel=1e-9)


def test_equal_systems():
    same = compare([0.3, 0.5, 0.7], [0.3, 0.5, 0.7])
    assert (same.p, same.smallest_p, same.n_nonzero, same.mean_difference) == (1, 1, 0, 0)
    assert (same.low, same.high) == (0, 0)


def test_few_pieces_cannot_show_anything():
    for n, smallest in ((1, 1), (2, 0.5), (5, 0.0625), (6, 0.03125)):
        found = compare(np.arange(n) + 1.0, np.zeros(n))  # as one-sided as can be
        assert found.p == found.smallest_p == smallest
    assert np.isnan(compare([1.0], [0.0]).low)


def test_missing_numbers_are_left_out_and_counted():
    nan = float("nan")
    found = compare([1, nan, 3, 4, nan], [0, 0, nan, 1, nan])
    assert (found.n, found.n_left_out, found.mean_difference) == (2, 3, 2)
    nothing = compare([nan], [1])
    assert (nothing.n, nothing.p, nothing.n_left_out) == (0, 1, 1)
    assert nothing.to_dict()["mean_difference"] is None
    empty = compare([], [])
    assert (empty.n, empty.p) == (0, 1)


def test_the_interval_is_that_of_the_mean_difference():
    rng = np.random.default_rng(1)
    a, b = rng.normal(0.5, 1, 100), rng.normal(0, 1, 100)
    found = compare(a, b)
    half = 1.96 * np.std(a - b, ddof=1) / 10  # the central limit theorem
    assert found.low == pytest.approx(found.mean_difference - half, abs=0.03)
    assert found.high == pytest.approx(found.mean_difference + half, abs=0.03)
    assert found == compare(a, b)
    narrow = compare(a, b, level=0.5)
    assert found.low < narrow.low < narrow.high < found.high
    assert narrow.p == found.p


def test_holm_by_hand():
    # 0.01 * 4, 0.02 * 3 = 0.06, 0.025 * 2 = 0.05 but not below 0.06, 0.6 * 1
    assert holm([0.025, 0.01, 0.6, 0.02]) == pytest.approx([0.06, 0.04, 0.6, 0.06])
    assert holm([0.7, 0.6]).tolist() == [1, 1]
    assert holm([]).shape == (0,)


def test_compare_to_best():
    a = np.linspace(0.5, 0.9, 8)
    table = {"B": a - 0.1, "A": a, "C": a + [0.01, -0.01] * 4}
    ranking = compare_to_best(table)
    assert ranking.best == "A"
    assert ranking.means["B"] == pytest.approx(0.6)
    # B is below A on all eight pieces: 2 / 256, of two comparisons. C is level with it: p = 1.
    assert ranking.p == {"B": 2 * 2 / 256, "C": 1}
    assert ranking.worse() == ["B"]
    assert ranking.smallest_p == 2 * 2 / 256
    assert ranking.comparisons["B"].mean_difference == pytest.approx(0.1)
    errors = compare_to_best(table, higher_is_better=False)
    assert errors.best == "B"
    assert errors.worse() == ["A", "C"]
    json.dumps(ranking.to_dict(), allow_nan=False)


def test_six_pieces_are_too_few_for_two_comparisons():
    a = np.linspace(0.5, 0.9, 6)
    assert compare_to_best({"A": a, "B": a - 0.1}).worse() == ["B"]
    three = compare_to_best({"A": a, "B": a - 0.1, "C": a - 0.2})
    assert three.worse() == []
    assert three.smallest_p == 2 * 2 / 64


def test_only_pieces_that_all_have_are_compared():
    nan = float("nan")
    # C has the best mean of its own pieces, since it failed on the hard one.
    ranking = compare_to_best({"A": [0.9, 0.9, 0.1], "B": [0.8, 0.8, 0.1], "C": [0.85, 0.85, nan], "D": [nan] * 3})
    assert ranking.best == "A"
    assert ranking.means == pytest.approx({"A": 0.9, "B": 0.8, "C": 0.85, "D": nan}, nan_ok=True)
    assert (ranking.n, ranking.n_left_out) == (2, 1)
    assert list(ranking.p) == ["B", "C"]
    json.dumps(ranking.to_dict(), allow_nan=False)


def test_nothing_to_rank():
    nan = float("nan")
    alone = compare_to_best({"A": [0.5, 0.6]})
    assert (alone.best, alone.p, alone.smallest_p) == ("A", {}, 1)
    assert compare_to_best({"A": [1, 2], "B": [1, 2]}).p == {"B": 1}
    assert compare_to_best({"A": [nan, 1], "B": [1, nan]}).best is None
    assert compare_to_best({"A": [nan], "B": [nan]}).best is None
    assert compare_to_best({"A": [], "B": []}).n == 0


def test_wrong_use():
    with pytest.raises(NmfamtError, match=r"shapes \(2,\) and \(3,\)"):
        compare([1, 2], [1, 2, 3])
    with pytest.raises(NmfamtError, match="finite"):
        compare([1, float("inf")], [1, 2])
    with pytest.raises(NmfamtError, match="not 95"):
        compare([1, 2], [1, 2], level=95)
    with pytest.raises(NmfamtError, match="one for each piece"):
        compare_to_best({"A": [1, 2], "B": [1]})
    with pytest.raises(NmfamtError, match="one for each piece"):
        compare_to_best({})
