"""Four states of a note: silence, attack, decay and release, for each pitch by itself.

T. Cheng, S. Dixon & M. Mauch, "Improving piano note tracking by HMM smoothing", EUSIPCO 2015: a hidden Markov model
with a state for each stage of a piano note finds its most probable course through the activations of a pitch. Silence
weighs more for low pitches, short notes are dropped, and a note that decays may be struck again. On hmmlearn.

Conventions: what a state makes likely are three numbers a frame: the activation as a share of the level of the
recording, its change over 40 ms, both as decimal logarithms, and the share of it that attack templates have. A note
begins with its attack and ends with its release.

Departures:

1. The densities of the states are mixtures of three Gaussians, and they and the transitions were counted once on
   labelled music of seven software pianos (MAPS), with the shipped piano; the paper learns from isolated notes.
2. The templates are those of a dictionary, equalized to the recording by `nmfamt.methods.cheng`.
3. An attack is what attack templates explain; a dictionary has no templates for a release, which is known by its fall.
4. Frames must be 8 to 12.5 ms apart, since the densities are of 10 ms.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmfamt.activation import PitchActivation
from nmfamt.exceptions import NmfamtError
from nmfamt.notes import Notes
from nmfamt.tracking.rows import notes_of_rows
from nmfamt.tracking.stream_tracker import StreamTracker
from nmfamt.tracking.viterbi import most_probable_states
from nmfamt.windows import windows

__all__ = ["STATES", "NoteStages", "stage_features"]

STATES = ("silence", "attack", "decay", "release")

FloatArray = NDArray[np.floating[Any]]

_SILENCE, _ATTACK, _DECAY, _RELEASE = range(len(STATES))
_CHUNK_FRAMES, _CONTEXT = 1024, 150
_HOPS = (0.008, 0.0125)
_FLOOR = 1e-3  # share of the level below which all is silence
_LAG = 2  # frames on either side of a change
_EVEN = 0.05  # share of the level; a note with such a peak has the confidence 0.5
_EARLY = 0.008  # seconds by which an attack begins, for windows that feel it coming, before the sound does
_ROUNDING = 1e-9

# Of each state three Gaussians: weights; means and deviations of height, change and share of attack
_WEIGHTS = np.array([[0.172, 0.614, 0.214], [0.091, 0.413, 0.496], [0.134, 0.221, 0.645], [0.225, 0.32, 0.455]])
_MEANS = np.array(
    [
        [[-2.834, -0.01, 0.358], [-2.323, -0.016, 0.345], [-1.908, 0.077, 0.265]],
        [[-1.403, 0.291, 0.524], [-0.949, 0.1, 0.032], [-0.7, 0.018, 0.586]],
        [[-1.78, -0.078, 0.33], [-1.423, -0.061, 0.044], [-0.943, -0.04, 0.018]],
        [[-1.81, -0.041, 0.397], [-1.439, -0.15, 0.069], [-1.02, -0.082, 0.026]],
    ]
)
_DEVIATIONS = np.array(
    [
        [[0.165, 0.141, 0.164], [0.206, 0.174, 0.078], [0.443, 0.421, 0.225]],
        [[0.511, 0.533, 0.319], [0.219, 0.169, 0.043], [0.19, 0.189, 0.251]],
        [[0.712, 0.339, 0.219], [0.311, 0.15, 0.047], [0.213, 0.068, 0.039]],
        [[0.555, 0.414, 0.233], [0.212, 0.248, 0.051], [0.193, 0.102, 0.04]],
    ]
)

_START = np.eye(len(STATES))[_SILENCE]
# From each state to each; a note that decays may be struck again.
_TRANSITIONS = np.array(
    [
        [0.9991, 0.0009, 0.0, 0.0],
        [0.0, 0.8333, 0.1661, 0.0006],
        [0.0, 0.0042, 0.9533, 0.0425],
        [0.0699, 0.0162, 0.0, 0.9139],
    ]
)


@dataclass(frozen=True)
class NoteStages(StreamTracker):
    """Tracker: a hidden Markov model of silence, attack, decay and release.

    Parameters
    ----------
    silence : float
        Weight of silence at middle C and above: the natural logarithm of odds, a frame. Greater finds fewer notes.
    bass : float
        What is added to it for each octave below.
    min_duration : float
        Shorter notes are dropped, in seconds.
    action_delay : float
        Seconds from the onset as labels have it, where a key goes down, to its sound, which is subtracted.

    Examples
    --------
    >>> from nmfamt import Factorization, load_dictionary
    >>> piano = load_dictionary("piano")
    >>> silence = piano.settings(np.zeros(16000), sr=16000)
    >>> len(NoteStages()(Factorization(piano)(silence)))
    0
    """

    silence: float = 4.0
    bass: float = 0.5
    min_duration: float = 0.05
    action_delay: float = 0.015

    def __post_init__(self) -> None:
        for name in ("silence", "bass", "action_delay"):
            if not abs(getattr(self, name)) < np.inf:
                raise NmfamtError(f"{name}={getattr(self, name)} must be a finite number, such as 0.")
        if not 0 <= self.min_duration < np.inf:
            raise NmfamtError(f"min_duration={self.min_duration} must be a number of seconds, 0 or more.")

    def blocks(self, activations: Iterable[PitchActivation]) -> Iterator[Notes]:
        """Trace the notes of a stream of activations; a note is yielded when it has ended."""
        sounding: dict[int, _Note] = {}
        before: NDArray[np.int8] | None = None
        begin, part, hop = 0.0, None, 0.01
        for window, start, stop in windows(activations, _CHUNK_FRAMES, before=_CONTEXT, after=_CONTEXT):
            if len(window.times) > 1:
                hop = window.hop
                self.check_hop(hop)
            part = window.frames(start, stop)
            states = self._states(window)[:, start:stop]
            if before is None:
                before, begin = np.zeros(len(states), dtype=np.int8), float(part.times[0])
            yield self._notes(self._followed(states, before, part, sounding), part, begin)
            before = states[:, -1]
        if part is not None:
            end = float(part.times[-1]) + hop
            yield self._notes([note._replace(offset=end) for note in sounding.values()], part, begin)

    def check_hop(self, hop: float) -> None:
        """Raise `NmfamtError` unless frames `hop` seconds apart can be tracked."""
        if not 0.99 * _HOPS[0] <= hop <= 1.01 * _HOPS[1]:
            raise NmfamtError(
                f"The frames are {1000 * hop:.1f} ms apart, the tracker needs 8 to 12.5 ms: choose "
                "hop_length = sr / 100."
            )

    @property
    def info(self) -> dict[str, Any]:
        """What identifies this tracker in an output."""
        return {"tracker": "NoteStages", **asdict(self)}

    def _states(self, window: PitchActivation) -> NDArray[np.int8]:
        """Return the most probable state of every pitch in every frame, shape (n_rows, n_frames)."""
        states = np.zeros(window.values.shape, dtype=np.int8)
        features = stage_features(window)
        heard = np.flatnonzero((features[:, :, 0] > np.log10(2 * _FLOOR)).any(axis=1))
        if not len(heard):
            return states
        emissions = _log_densities(features[heard])
        weight = self.silence + self.bass * np.maximum(60 - window.pitches[heard], 0) / 12
        emissions[:, :, _SILENCE] += weight[:, None]
        lengths = np.full(len(heard), len(window.times))
        found = most_probable_states(_START, _TRANSITIONS, emissions.reshape(-1, len(STATES)), lengths)
        states[heard] = found.reshape(len(heard), -1)
        return states

    def _followed(
        self, states: NDArray[np.int8], before: NDArray[np.int8], part: PitchActivation, sounding: "dict[int, _Note]"
    ) -> "list[_Note]":
        """Follow the notes through a part; return those that have ended in it, `sounding` keeps the others."""
        previous = np.concatenate([before[:, None], states[:, :-1]], axis=1)
        begins = (states == _ATTACK) & (previous != _ATTACK)
        # A window may know of a note that the one before did not.
        begins |= (states == _DECAY) & (previous == _SILENCE)
        ends = ((states == _RELEASE) | (states == _SILENCE)) & ((previous == _ATTACK) | (previous == _DECAY))
        share = part.values / (part.level if part.level > 0 else 1.0)
        ended = []
        for row in np.flatnonzero((states > 0).any(axis=1) | np.isin(np.arange(len(states)), list(sounding))).tolist():
            first = 0
            for frame in np.flatnonzero(begins[row] | ends[row]).tolist():
                note = sounding.pop(row, None)
                if note is not None:
                    peak = max(note.peak, float(share[row, first:frame].max(initial=0)))
                    ended.append(note._replace(offset=float(part.times[frame]), peak=peak))
                if begins[row, frame]:
                    sounding[row] = _Note(row, float(part.times[frame]), np.inf, 0.0)
                first = frame
            if row in sounding:
                peak = max(sounding[row].peak, float(share[row, first:].max(initial=0)))
                sounding[row] = sounding[row]._replace(peak=peak)
        return ended

    def _notes(self, ended: "list[_Note]", part: PitchActivation, begin: float) -> Notes:
        """Make notes of what has ended; loudness and confidence come from the peak."""
        ended = [note for note in ended if note.offset - note.onset >= self.min_duration - _ROUNDING]
        if not ended:
            return Notes.empty()
        rows = np.array([note.row for note in ended])
        peaks = np.array([max(note.peak, _FLOOR) for note in ended])
        intervals = np.array([(note.onset, note.offset) for note in ended]) + _EARLY - self.action_delay
        return notes_of_rows(part, rows, intervals, peaks, begin=begin, even=_EVEN)


def stage_features(activation: PitchActivation) -> FloatArray:
    """Return what the states are told apart by, shape (n_rows, n_frames, 3).

    Parameters
    ----------
    activation : PitchActivation
        Of a front end whose ``onsets`` are the activations of attack templates.

    Returns
    -------
    ndarray
        Decimal logarithm of the share of the level, its change from 20 ms before to 20 ms after, and the share of
        attack templates.
    """
    level = activation.level if activation.level > 0 else np.inf
    share = np.asarray(activation.values, dtype=np.float64) / level
    height = np.log10(np.maximum(share, _FLOOR))
    padded = np.pad(height, ((0, 0), (_LAG, _LAG)), mode="edge")
    change = padded[:, 2 * _LAG :] - padded[:, : -2 * _LAG]
    attack = np.divide(activation.onsets, activation.values, out=np.zeros_like(share), where=activation.values > 0)
    return np.stack([height, change, attack], axis=-1)


def _log_densities(features: FloatArray) -> FloatArray:
    """Return the logarithm of the density of each state, shape (n_rows, n_frames, n_states)."""
    found = np.empty((*features.shape[:-1], len(STATES)))
    for state, (weights, means, deviations) in enumerate(zip(_WEIGHTS, _MEANS, _DEVIATIONS, strict=True)):
        terms = [
            np.log(weight) - np.log(deviation).sum() - 0.5 * (((features - mean) / deviation) ** 2).sum(axis=-1)
            for weight, mean, deviation in zip(weights, means, deviations, strict=True)
        ]
        found[..., state] = np.logaddexp.reduce(terms)
    return found


class _Note(NamedTuple):
    """A note that sounds, or has ended."""

    row: int
    onset: float
    offset: float
    peak: float
