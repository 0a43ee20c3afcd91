"""The equalizer: a gain that is known is found, and what it must not do."""

import numpy as np
import pytest

from nmfamt import Factorization, load_dictionary
from nmfamt.equalization import equalized, estimate_gain, gain_in_db
from nmfamt.exceptions import NmfamtError
from nmfamt.nmf import beta_divergence
from nmfamt.spectrogram import Spectrogram
from nmfamt.survey import Survey

PIANO = load_dictionary("piano")
FREQS = PIANO.settings.freqs


def music(n_frames=400, *, seed=0):
    """Return spectra of random chords on the templates of the piano."""
    rng = np.random.default_rng(seed)
    H = rng.gamma(1.0, size=(PIANO.W.shape[1], n_frames)) * (rng.random((PIANO.W.shape[1], n_frames)) < 0.02)
    return (PIANO.W @ H).astype(np.float32)


def tilt(db):
    """Return a gain that falls by so many dB over the whole range, as straight as smoothing leaves it."""
    octaves = np.log2(FREQS / FREQS[0])
    return 10 ** (-db / 20 * octaves / octaves[-1])


def spectrogram(S):
    return Spectrogram(S, FREQS, np.arange(S.shape[1]) / 100, PIANO.settings)


@pytest.mark.parametrize("db", [-12.0, 6.0, 12.0])
def test_most_of_a_smooth_gain_is_found(db):
    """In two rounds; what is loud in no frame, and what other notes can explain as well, keeps some of it."""
    inside = (FREQS > 60) & (FREQS < 4000)
    gain = estimate_gain(tilt(db)[:, None] * music(), PIANO.W, FREQS, PIANO.pitches)
    left, all_of_it = (np.std(20 * np.log10(g)[inside]) for g in (gain / tilt(db), tilt(db)))
    assert left < 0.6 * all_of_it


def test_the_same_recording_needs_none():
    gain = estimate_gain(music(), PIANO.W, FREQS, PIANO.pitches)
    assert np.ptp(20 * np.log10(gain)) < 1.0


def test_it_lowers_the_divergence():
    from nmfamt.nmf import activations

    V = (tilt(12.0)[:, None] * music()).astype(np.float32)

    def divergence(W):
        W = W.astype(np.float32)
        return beta_divergence(V, W @ activations(V, W).H + 1e-9, beta=1)

    assert divergence(equalized(PIANO.W, estimate_gain(V, PIANO.W, FREQS, PIANO.pitches))) < 0.5 * divergence(PIANO.W)


def test_a_missing_note_is_not_explained_away():
    """A gain that follows single partials could turn one note into another; a smooth one cannot."""
    few = [PIANO.W[:, np.isin(PIANO.pitches, np.arange(30, 90, 3) + above)] for above in (0, 1)]
    gain = estimate_gain(np.repeat(few[0], 5, axis=1), few[1], FREQS, np.repeat(np.arange(20.0), 3))
    assert np.abs(np.diff(20 * np.log10(gain))).max() < 6  # dB from bin to bin; the templates themselves: 20 and more


@pytest.mark.parametrize(("n_pitches", "share"), [(1, 0.01), (4, 0.4), (30, 0.9)])
def test_few_pitches_have_little_say(n_pitches, share):
    rng = np.random.default_rng(0)
    W = PIANO.W[:, np.isin(PIANO.pitches, np.linspace(40, 80, n_pitches).round())]
    V = tilt(12.0)[:, None] * (W @ rng.gamma(1.0, size=(W.shape[1], 200)))
    pitches = np.repeat(np.arange(float(n_pitches)), 3)
    gain = 20 * np.log10(estimate_gain(V, W, FREQS, pitches))
    inside = (FREQS > 100) & (FREQS < 2000)
    slope = np.polyfit(np.log2(FREQS[inside]), gain[inside], 1)[0]
    whole = -12.0 / np.log2(FREQS[-1] / FREQS[0])
    assert (slope / whole < share) if n_pitches < 30 else (slope / whole > 0.5)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_loudness_does_not_matter(scale):
    V = tilt(6.0)[:, None].astype(np.float32) * music(100)
    np.testing.assert_allclose(
        estimate_gain(V * np.float32(scale), PIANO.W, FREQS, PIANO.pitches),
        estimate_gain(V, PIANO.W, FREQS, PIANO.pitches),
        rtol=1e-3,
    )


def test_silence_and_nothing_at_all():
    for n_frames in (0, 1, 10):
        assert (estimate_gain(np.zeros((len(FREQS), n_frames), np.float32), PIANO.W, FREQS, PIANO.pitches) == 1).all()


def test_linear_bins_from_zero_hertz():
    rng = np.random.default_rng(0)
    gain = estimate_gain(
        rng.random((257, 30)), rng.dirichlet(np.ones(257), 5).T, np.linspace(0, 8000, 257), np.arange(5.0)
    )
    assert np.isfinite(gain).all()


def test_equalized_templates_have_unit_sums_and_empty_ones_stay_empty():
    W = np.array([[0.5, 0.0], [0.5, 0.0]])
    moved = equalized(W, np.array([3.0, 1.0]))
    np.testing.assert_allclose(moved, [[0.75, 0.0], [0.25, 0.0]])


def test_decibels_undo_the_compression():
    gain = 10 ** (0.7 * np.array([0.0, 6.0, 12.0]) / 20)
    shown = gain_in_db(gain, np.array([125.0, 250.0, 500.0]), 0.7)
    assert shown == {"125": -6.0, "250": 0.0, "500": 6.0}


# In the front end


def test_a_muffled_recording_is_explained_as_the_clear_one():
    clear, muffled = music(300), (tilt(24.0)[:, None] * music(300)).astype(np.float32)
    plain, fitted = Factorization(PIANO), Factorization(PIANO, equalizer="auto")
    truth = plain(spectrogram(clear)).values

    def likeness(activation):
        values = activation.values
        return float((values * truth).sum() / np.linalg.norm(values) / np.linalg.norm(truth))

    assert likeness(fitted(spectrogram(muffled))) > likeness(plain(spectrogram(muffled))) + 0.02


def test_a_gain_can_be_given_and_the_notes_say_which():
    gain = tilt(6.0)
    activation = Factorization(PIANO, equalizer=gain)(spectrogram(music(20)))
    assert activation.info["equalizer"] == gain_in_db(gain, FREQS, PIANO.settings.power)
    assert Factorization(PIANO)(spectrogram(music(20))).info["equalizer"] is None


def test_the_survey_decides_not_the_block():
    front_end = Factorization(PIANO, equalizer="auto")
    whole = spectrogram((tilt(6.0)[:, None] * music(600)).astype(np.float32))
    fitted = front_end.fitted(Survey.of([whole]))
    parts = [spectrogram(whole.S[:, :256]), spectrogram(whole.S[:, 256:])]  # where chunks of the solver begin anyway
    found = np.concatenate([a.values for a in fitted.blocks(parts, level=1.0)], axis=1)
    np.testing.assert_allclose(found, front_end(whole, level=1.0).values, rtol=1e-4)
    with pytest.raises(NmfamtError, match="equalizer='auto' needs the whole recording"):
        next(front_end.blocks(parts, level=1.0))


@pytest.mark.parametrize(
    ("equalizer", "message"),
    [
        ("loud", "equalizer='loud' must be 'auto', None, or a gain"),
        (np.ones(3), r"equalizer=of shape \(3,\) must be 'auto', None, or a gain for each of"),
        (np.zeros(len(FREQS)), "gains that are not positive"),
        (np.full(len(FREQS), np.nan), "gains that are not positive"),
    ],
)
def test_impossible_equalizers(equalizer, message):
    with pytest.raises(NmfamtError, match=message):
        Factorization(PIANO, equalizer=equalizer)
