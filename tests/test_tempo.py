"""The tempo of click tracks, whose tempo is known."""

import numpy as np
import pytest
import soundfile

from nmfamt.exceptions import NmfamtWarning
from nmfamt.tempo import estimate_tempo

SR = 22050


def write_clicks(path, bpm, seconds, first=0.3):
    y = np.zeros(round(seconds * SR))
    click = np.sin(2 * np.pi * 1000 * np.arange(1000) / SR) * np.exp(-np.arange(1000) / 200)
    for onset in np.arange(first, seconds - 0.1, 60 / bpm):
        y[round(onset * SR) :][:1000] += 0.5 * click
    soundfile.write(path, y, SR)


@pytest.mark.parametrize("bpm", [72.0, 97.3, 120.0, 141.0])
def test_click_tracks(tmp_path, bpm):
    write_clicks(tmp_path / "clicks.wav", bpm, 30)
    assert estimate_tempo(tmp_path / "clicks.wav") == pytest.approx(bpm, rel=3e-3)


def test_only_the_part_that_is_asked_for_counts(tmp_path):
    write_clicks(tmp_path / "slow.wav", 80.0, 20)
    write_clicks(tmp_path / "fast.wav", 130.0, 20)
    halves = [soundfile.read(tmp_path / name)[0] for name in ("slow.wav", "fast.wav")]
    soundfile.write(tmp_path / "both.wav", np.concatenate(halves), SR)
    assert estimate_tempo(tmp_path / "both.wav", end=20.0) == pytest.approx(80, rel=3e-3)
    assert estimate_tempo(tmp_path / "both.wav", start=20.0) == pytest.approx(130, rel=3e-3)
    assert estimate_tempo(tmp_path / "both.wav", max_seconds=20.0) == pytest.approx(80, rel=3e-3)


@pytest.mark.parametrize("n_samples", [1, SR // 2, 5 * SR])
def test_silence_has_no_tempo(tmp_path, n_samples):
    soundfile.write(tmp_path / "silence.wav", np.zeros(n_samples), SR)
    with pytest.warns(NmfamtWarning, match=r"No beat is heard in .*silence\.wav': 120 beats"):
        assert estimate_tempo(tmp_path / "silence.wav") == 120.0
