"""The most probable courses of hidden Markov models."""

import numpy as np
import pytest
from hmmlearn.base import BaseHMM

from nmfamt.tracking.viterbi import most_probable_states


class KnownEmissions(BaseHMM):
    """A model of hmmlearn's own, which takes the logarithms of emissions for observations."""

    def __init__(self, start, transitions):
        super().__init__(n_components=len(start), init_params="", params="")
        self.startprob_, self.transmat_ = start, transitions

    def _compute_log_likelihood(self, X):
        return X


def random_model(rng, n_states):
    """Return start and transitions, some of which are impossible."""
    transitions = rng.dirichlet(np.ones(n_states), size=n_states) * rng.integers(0, 2, (n_states, n_states))
    transitions += np.eye(n_states) * 0.1
    return rng.dirichlet(np.ones(n_states)), transitions / transitions.sum(axis=1, keepdims=True)


def test_the_course_is_the_most_probable_of_all():
    rng = np.random.default_rng(0)
    start, transitions = rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(3), size=3)
    likelihoods = rng.normal(size=(6, 3))
    courses = np.stack(np.meshgrid(*[np.arange(3)] * 6, indexing="ij"), axis=-1).reshape(-1, 6)
    score = np.log(start)[courses[:, 0]] + likelihoods[np.arange(6), courses].sum(axis=1)
    score += np.log(transitions)[courses[:, :-1], courses[:, 1:]].sum(axis=1)
    np.testing.assert_array_equal(most_probable_states(start, transitions, likelihoods, [6]), courses[score.argmax()])


@pytest.mark.parametrize("seed", range(20))
def test_the_course_is_that_of_a_model_of_hmmlearn(seed):
    """What is called has no public name: as long as the public class does the same, nothing has changed there."""
    rng = np.random.default_rng(seed)
    start, transitions = random_model(rng, 4)
    lengths = [1, 2, *rng.integers(3, 60, 20).tolist()]
    emissions = rng.normal(0, 3, (sum(lengths), 4))
    _, expected = KnownEmissions(start, transitions).decode(emissions, lengths)
    np.testing.assert_array_equal(most_probable_states(start, transitions, emissions, lengths), expected)


def test_sequences_do_not_know_of_each_other():
    rng = np.random.default_rng(0)
    start, transitions = random_model(rng, 3)
    lengths = [1, 5, 1, 40, 2]
    emissions = rng.normal(size=(sum(lengths), 3))
    parts = np.split(emissions, np.cumsum(lengths)[:-1])
    alone = [most_probable_states(start, transitions, part, [len(part)]) for part in parts]
    np.testing.assert_array_equal(most_probable_states(start, transitions, emissions, lengths), np.concatenate(alone))


def test_single_precision_will_do():
    rng = np.random.default_rng(1)
    emissions = rng.normal(size=(30, 3)).astype(np.float32)
    model = random_model(rng, 3)
    single, double = (most_probable_states(*model, emissions.astype(kind), [30]) for kind in (np.float32, np.float64))
    np.testing.assert_array_equal(single, double)
