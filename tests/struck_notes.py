"""Notes that are struck and die away, whose pitch, onset and rate of decay are known."""

import numpy as np

from nmfamt import STFT

SR = 8000
SMALL = STFT(sr=SR, hop_length=160, n_fft=750, power=1.0)
RATE = 2.5  # per second, that is 0.05 per frame


def struck(pitch, seconds=1.5, cents=0.0):
    """Return a note of six partials after a click."""
    t = np.arange(round(seconds * SR)) / SR
    hz = 440 * 2 ** ((pitch - 69 + cents / 100) / 12)
    tone = sum(np.sin(2 * np.pi * k * hz * t + k) / k for k in range(1, 7) if k * hz < 3800)
    click = np.random.default_rng(round(pitch)).normal(size=len(t)) * np.exp(-t / 0.01)
    return 0.2 * (tone + click) * np.exp(-RATE * t) * np.clip(t / 0.003, 0, 1)


def play(*notes, seconds=None, cents=0.0):
    """Return the sound of notes, each an onset in seconds and a pitch."""
    y = np.zeros(round((seconds or max(onset for onset, _ in notes) + 1.5) * SR))
    for onset, pitch in notes:
        sound = struck(pitch, cents=cents)[: max(0, len(y) - round(onset * SR))]
        y[round(onset * SR) :][: len(sound)] += sound
    return y
