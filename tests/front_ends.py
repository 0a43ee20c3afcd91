"""What the tests of front ends share: a tone whose pitch is known, and what every front end keeps to."""

from itertools import pairwise

import numpy as np

from nmfamt import PitchActivation, Survey

SR = 22050


def tone(pitch, seconds=0.4, *, n_partials=12, cents=0.0, inharmonicity=0.0, sr=SR, first=1):
    """Return a harmonic tone with phases of its own."""
    t = np.arange(round(seconds * sr)) / sr
    f0 = 440 * 2 ** ((pitch - 69 + cents / 100) / 12)
    k = np.arange(first, n_partials + 1)[:, None]
    f = k * f0 * np.sqrt(1 + inharmonicity * k**2)
    phases = np.random.default_rng(pitch).uniform(0, 2 * np.pi, (len(k), 1))
    return (np.where(f < sr / 2, 1 / k, 0) * np.sin(2 * np.pi * f * t + phases)).sum(axis=0)


def assert_cutting_makes_no_difference(front_end, spectrogram):
    """Cut a stream near its ends and its blocks, into short pieces, and into frames: the same bits are found."""
    n_frames = spectrogram.n_frames
    assert n_frames > 513
    whole = front_end(spectrogram)
    fitted = front_end.fitted(Survey.of([spectrogram]))
    few = sorted({0, 1, 3, 511, 512, min(700, n_frames), n_frames})
    for edges in (few, [*range(0, n_frames, 7), n_frames], range(n_frames + 1)):
        parts = [spectrogram.frames(*edge) for edge in pairwise(edges)]
        found = PitchActivation.concatenate(list(fitted.blocks(parts, level=whole.level)))
        for name in ("values", "onsets", "times"):
            np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))
