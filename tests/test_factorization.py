"""The NMF front end."""

import numpy as np
import pytest

from nmfamt.activation import N_PARTIALS, PitchActivation
from nmfamt.background import background_bands
from nmfamt.dictionary import Dictionary
from nmfamt.dictionary_mixing import combine_dictionaries
from nmfamt.exceptions import NmfamtError
from nmfamt.log_frequency import LogFrequency
from nmfamt.multipitch import Factorization
from nmfamt.nmf import activations, beta_divergence
from nmfamt.pitch import pitch_to_hz
from nmfamt.spectrogram import CHUNK_FRAMES, Spectrogram
from nmfamt.whitening import whitening_weights

SHAPE = {"fmin": 60.0, "fmax": 7000.0, "bins_per_octave": 24, "splits": (500.0,), "windows": (0.12, 0.06)}
SETTINGS = LogFrequency(**SHAPE)
SR = SETTINGS.sr


def harmonic(pitch, seconds=0.5, *, n_partials=12):
    """Return a tone whose partials fall off as 1 / k."""
    time = np.arange(round(seconds * SR)) / SR
    hz = pitch_to_hz(pitch) * np.arange(1, n_partials + 1)
    return sum(np.sin(2 * np.pi * f * time + k) / (k + 1) for k, f in enumerate(hz) if f < SR / 2)


def click(seconds=0.5):
    y = np.zeros(round(seconds * SR))
    y[len(y) // 2] = 3.0
    return y


def dictionary(pitches=(48, 55, 60, 67), instrument="organ"):
    """Return an attack template (a tone with a click) and a sustain template of every pitch."""
    columns = []
    for pitch in pitches:
        for y in (harmonic(pitch) + 20 * click(), harmonic(pitch)):
            columns.append(SETTINGS(y, sr=SR).S[:, 25])
    n = len(columns)
    return Dictionary(
        W=np.stack(columns, axis=1),
        pitches=np.repeat(np.array(pitches, dtype=float), 2),
        stages=np.tile(["attack", "sustain"], len(pitches)),
        instruments=np.full(n, instrument),
        settings=SETTINGS,
        info={"name": instrument, "latency": 0.013},
    )


def spectrogram_of(S, settings=SETTINGS):
    times = np.arange(S.shape[1]) * settings.hop_length / settings.sr
    return Spectrogram(S, settings.freqs, times, settings)


def some_spectrogram(n_frames=20, *, seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    W = dictionary().W
    H = rng.gamma(1.0, 1.0, (W.shape[1], n_frames)) * (rng.random((W.shape[1], n_frames)) < 0.3)
    return spectrogram_of((W @ H + 1e-3 * rng.random((len(W), n_frames))).astype(dtype))


def assert_same(one, other):
    np.testing.assert_array_equal(one.times, other.times)
    np.testing.assert_array_equal(one.values, other.values)
    np.testing.assert_array_equal(one.onsets, other.onsets)
    for name, array in one.evidence.items():
        np.testing.assert_array_equal(array, other.evidence[name], err_msg=name)


# Independent truths


def test_a_chord_is_its_notes():
    y = harmonic(48) + harmonic(67)
    found = Factorization(dictionary())(SETTINGS(y, sr=SR)).values[:, 25]
    assert set(np.argsort(found)[-2:]) == {0, 3}
    assert found[[1, 2]].max() < 0.1 * found[[0, 3]].min()


def test_an_attack_is_an_onset_and_a_held_note_is_not():
    found = Factorization(dictionary())(SETTINGS(harmonic(60) + 20 * click(), sr=SR))
    share = found.onsets[2] / found.values[2]
    assert share[25] > 0.8
    assert share[[12, 38]].max() < 0.2


def test_exact_mixtures_are_taken_apart():
    W = dictionary().W
    H = np.zeros((W.shape[1], 3), dtype=np.float32)
    H[1, 0], H[2, 1], H[[5, 7], 2] = 2.0, 3.0, (1.0, 0.5)
    found = Factorization(dictionary(), tol=1e-5)(spectrogram_of(W @ H))
    expected = [[2.0, 0, 0], [0, 3.0, 0], [0, 0, 1.0], [0, 0, 0.5]]
    np.testing.assert_allclose(found.values, expected, atol=0.05)
    np.testing.assert_allclose(found.onsets[1], [0, 3.0, 0], atol=0.05)


def test_partials_are_read_at_multiples_of_the_fundamental():
    freqs = SETTINGS.freqs
    S = np.zeros((len(freqs), 1), dtype=np.float32)
    for k in range(1, N_PARTIALS + 1):
        S[np.abs(np.log(freqs / (k * pitch_to_hz(48)))).argmin()] = k
    evidence = Factorization(dictionary())(spectrogram_of(S + 1e-9)).evidence
    assert [float(evidence[f"partial_{k}"][0, 0].round(6)) for k in range(1, 7)] == [1, 2, 3, 4, 5, 6]


def test_partials_beyond_the_spectrogram_are_zero():
    high = dictionary(pitches=(103,))
    evidence = Factorization(high)(spectrogram_of(np.ones_like(some_spectrogram().S))).evidence
    assert (evidence["partial_2"] == 1).all()
    assert not evidence["partial_3"].any()


# Naive oracle


def weights_of(front_end):
    """Return how much each bin counts, as a column."""
    book = front_end.dictionary
    return whitening_weights(book.W, book.settings.freqs, front_end.whitening)[:, None]


def columns_of(front_end):
    """Return the templates and, after them, the background, as the divergence sees them."""
    book = front_end.dictionary
    bands = background_bands(book.settings.freqs, front_end.background)
    return weights_of(front_end) * np.concatenate([book.W, bands], axis=1)


def activations_of(front_end, spectrogram):
    V = (weights_of(front_end) * spectrogram.S).astype(spectrogram.S.dtype)
    return activations(V, columns_of(front_end).astype(V.dtype), beta=front_end.beta, certify=False).H


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_rows_are_sums_of_activations(beta):
    book, spectrogram = dictionary(), some_spectrogram(dtype=np.float64)
    front_end = Factorization(book, beta=beta, fading=0)
    H = activations_of(front_end, spectrogram)
    found = front_end(spectrogram)
    np.testing.assert_allclose(found.values, H[:8:2] + H[1:8:2], rtol=1e-9)
    np.testing.assert_allclose(found.onsets, H[:8:2], rtol=1e-9)


@pytest.mark.kernel
def test_loss_is_what_the_divergence_rises_by_without_a_row():
    book, spectrogram = dictionary(), some_spectrogram(n_frames=6, dtype=np.float64)
    front_end = Factorization(book)
    H, W = activations_of(front_end, spectrogram), columns_of(front_end)
    V, X = weights_of(front_end) * spectrogram.S, W @ H
    loss = front_end(spectrogram).evidence["loss"]
    for row in range(4):
        without = np.maximum(X - W[:, 2 * row : 2 * row + 2] @ H[2 * row : 2 * row + 2], 1e-3 * X)
        rise = beta_divergence(V, without, beta=1, axis=0) - beta_divergence(V, X, beta=1, axis=0)
        asked = H[2 * row : 2 * row + 2].sum(axis=0) > 2e-3 * H.sum(axis=0)
        np.testing.assert_allclose(loss[row, asked], np.maximum(rise, 0)[asked], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_every_pitch_has_a_share_that_fades(beta):
    book, spectrogram = dictionary(), some_spectrogram(dtype=np.float64)
    front_end = Factorization(book, beta=beta, fading=4)
    H, W, V = activations_of(front_end, spectrogram), columns_of(front_end), weights_of(front_end) * spectrogram.S
    X = W @ H + 1e-8 * V.sum(axis=0)
    ratio = ((W.T @ (V * X ** (beta - 2))) / (W.T @ X ** (beta - 1)))[:8]
    dense = H[:8] + 0.012 / 2 * spectrogram.S.sum(axis=0) * np.minimum(ratio, 1) ** 4  # two templates a pitch
    found = front_end(spectrogram)
    np.testing.assert_allclose(found.values, dense[::2] + dense[1::2], rtol=1e-6)
    np.testing.assert_allclose(found.onsets, dense[::2], rtol=1e-6)


def test_a_pitch_has_no_greater_share_in_more_instruments():
    one, spectrogram = dictionary(), some_spectrogram()
    many = combine_dictionaries([dictionary(instrument=name) for name in ("flute", "oboe", "organ")])
    n_pitches = len(np.unique(one.pitches))
    exactly = {"tol": 1e-6, "certify": True}
    shares = [
        Factorization(book, fading=8, **exactly)(spectrogram).values
        - Factorization(book, fading=0, **exactly)(spectrogram).values
        for book in (one, many)
    ]
    np.testing.assert_allclose(shares[1].reshape(3, n_pitches, -1).sum(axis=0), shares[0], rtol=0.05, atol=1e-4)


def test_a_batch_is_each_of_its_spectrograms():
    front_end = Factorization(dictionary(), tol=1e-6, certify=True)
    parts = [some_spectrogram(), some_spectrogram(n_frames=7)]
    for one, other in zip(front_end.batch(parts), map(front_end, parts), strict=True):
        np.testing.assert_allclose(one.values, other.values, rtol=1e-2, atol=1e-3)
        assert one.level == other.level
        np.testing.assert_array_equal(one.times, other.times)


# Properties


@pytest.mark.parametrize("seed", range(2))
def test_permuting_templates_changes_nothing(seed):
    book, spectrogram = dictionary(), some_spectrogram(dtype=np.float64)
    order = np.random.default_rng(seed).permutation(len(book.pitches))
    shuffled = Dictionary(book.W[:, order], book.pitches[order], book.stages[order], book.instruments[order], SETTINGS)
    one, other = (Factorization(b, tol=1e-9, certify=True)(spectrogram) for b in (book, shuffled))
    np.testing.assert_array_equal(other.pitches, one.pitches)
    np.testing.assert_allclose(other.values, one.values, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(other.onsets, one.onsets, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gain_scales_the_activation_and_its_level(dtype):
    spectrogram = some_spectrogram(dtype=dtype)
    one = Factorization(dictionary())(spectrogram)
    other = Factorization(dictionary())(spectrogram_of(8 * spectrogram.S))
    np.testing.assert_allclose(other.values, 8 * one.values, rtol=1e-5)
    np.testing.assert_allclose(other.evidence["loss"], 8 * one.evidence["loss"], rtol=1e-3, atol=1e-4)
    assert other.level == pytest.approx(8 * one.level, rel=0.01)
    assert {array.dtype for array in (one.values, one.onsets, *one.evidence.values())} == {np.dtype(dtype)}


def test_rows_are_sorted_by_instrument_then_pitch():
    duo = combine_dictionaries([dictionary((60, 48), "organ"), dictionary((55, 50), "flute")])
    found = Factorization(duo)(some_spectrogram())
    assert found.instruments.tolist() == ["flute", "flute", "organ", "organ"]
    assert found.pitches.tolist() == [50, 55, 48, 60]
    assert duo.rows == list(zip(found.instruments.tolist(), found.pitches.tolist(), strict=True))


def test_blocks_give_the_same_bits_as_the_whole():
    y = np.concatenate([harmonic(pitch, 2.2) for pitch in (48, 60, 55, 67, 48)])
    front_end = Factorization(dictionary())
    whole = SETTINGS(y, sr=SR)
    assert whole.n_frames > 2 * CHUNK_FRAMES
    blocks = list(front_end.blocks(SETTINGS.blocks(np.array_split(y, 7)), level=2.0))
    assert len(blocks) == 3
    assert_same(PitchActivation.concatenate(blocks), front_end(whole, level=2.0))
    assert {block.level for block in blocks} == {2.0}


def test_silence_gives_nothing():
    found = Factorization(dictionary())(SETTINGS(np.zeros(SR // 4), sr=SR))
    assert not found.values.any()
    assert not found.onsets.any()
    assert not any(array.any() for array in found.evidence.values())
    assert found.level == 0.0


def test_one_frame_and_none():
    S = some_spectrogram().S
    assert Factorization(dictionary())(spectrogram_of(S[:, :1])).values.shape == (4, 1)
    assert Factorization(dictionary())(spectrogram_of(S[:, :0])).values.shape == (4, 0)


def test_bins_above_the_bandwidth_of_a_recording_are_not_silence():
    y = harmonic(60, n_partials=3)  # nothing above 800 Hz
    full = SETTINGS(y, sr=SR)
    narrow = Spectrogram(full.S, full.freqs, full.times, SETTINGS, bandwidth=800.0)
    book = dictionary()
    # Told that the recording ends at 800 Hz, the missing partials are no evidence against the note.
    silent, left_out = (Factorization(book)(s).values[2, 25] for s in (full, narrow))
    assert left_out > 1.05 * silent


def test_latency_and_provenance_are_handed_on():
    found = Factorization(dictionary(), beta=0.5)(some_spectrogram())
    assert found.latency == 0.013
    assert found.info["dictionary"] == "organ"
    assert found.info["dictionary_hash"] == dictionary().hash
    assert (found.info["front_end"], found.info["beta"]) == ("Factorization", 0.5)
    assert found.info["settings"] == SETTINGS.to_dict()


# Errors


def test_another_spectrogram_is_refused():
    other = LogFrequency(**{**SHAPE, "bins_per_octave": 12})
    with pytest.raises(NmfamtError, match=r"'organ' was learned on .*compute it with dictionary\.settings"):
        Factorization(dictionary())(other(harmonic(60), sr=SR))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta": -0.5}, r"beta=-0.5 must lie in \[0, 2\]"),
        ({"beta": float("nan")}, r"beta=nan must lie in \[0, 2\]"),
        ({"max_iter": 0}, "max_iter=0 must be at least 1"),
        ({"solver": "magic"}, "solver='magic' is unknown"),
        ({"fading": 3}, "fading=3 must be 0 or a power of two"),
        ({"background": 0.1}, "background=0.1 must be 0 or at least 0.25 octaves"),
        ({"whitening": -0.1}, r"whitening=-0.1 must lie in \[0, 1\]"),
        ({"whitening": float("nan")}, r"whitening=nan must lie in \[0, 1\]"),
        ({"background": float("nan")}, "background=nan must be 0 or at least 0.25 octaves"),
    ],
)
def test_impossible_options(options, message):
    with pytest.raises(NmfamtError, match=message):
        Factorization(dictionary(), **options)


def test_values_that_are_no_magnitudes():
    S = some_spectrogram().S.copy()
    S[0, 0] = np.nan
    with pytest.raises(NmfamtError, match="V has negative, NaN or infinite values"):
        Factorization(dictionary())(spectrogram_of(S))
