"""Automatic music transcription by classical, interpretable means.

A spectrum is explained as a sum of learned notes, and a small probabilistic model decides which of those notes were
played::

    notes = nmfamt.transcribe("nocturne.wav")
    notes.write("nocturne.mid")

Every step is a public call; the names below are loaded when they are first used.
"""

from importlib import import_module
from os.path import dirname, isdir, join
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# In the sources the package `nmfamt.templates` lies beside this one; and Python prefers them to what is installed when
# it is started in their folder, as after the first steps of the README.
if not isdir(join(dirname(__file__), "templates")):
    __path__.append(dirname(dirname(__file__)))

_HOMES = {
    "activation": ("PitchActivation",),
    "adaptation": ("adapt_dictionary",),
    "dictionary": ("Dictionary", "list_dictionaries", "load_dictionary"),
    "dictionary_mixing": ("average_dictionaries", "combine_dictionaries"),
    "datasets": ("open_dataset",),
    "evaluation": ("average_precision", "classify_errors", "evaluate", "evaluate_streams"),
    "exceptions": ("NmfamtError", "NmfamtWarning"),
    "learning": ("learn_dictionary",),
    "learning_music": ("learn_dictionary_from_music",),
    "learning_patterns": ("learn_attack_decay_templates", "learn_patterns"),
    "log_frequency": ("LogFrequency",),
    "multipitch": (
        "AttackDecay",
        "BandwiseF0",
        "BestDictionary",
        "CombinedFrequencyPeriodicity",
        "ConvolutiveFactorization",
        "Factorization",
        "HarmonicNMF",
        "IterativeF0",
        "JointCombinations",
        "JointLikelihood",
        "JointSalience",
        "MonophonicPitch",
        "PLCA",
        "Salience",
        "UnsupervisedNMF",
    ),
    "notes": ("Notes",),
    "patterns": ("AttackDecayTemplates", "NotePatterns"),
    "spectrogram": ("Spectrogram",),
    "spectrogram_librosa": ("CQT", "STFT", "VQT", "Mel"),
    "summary": ("summarize",),
    "survey": ("Survey",),
    "tracking": (
        "HMMTracker",
        "NoteStages",
        "PeakTracker",
        "Threshold",
    ),
    "transcriber": ("Transcriber",),
    "transcription": ("activate", "track", "transcribe"),
}

_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = ["__version__", *_HOME_OF]

if TYPE_CHECKING:
    from nmfamt.activation import PitchActivation as PitchActivation
    from nmfamt.adaptation import adapt_dictionary as adapt_dictionary
    from nmfamt.datasets import open_dataset as open_dataset
    from nmfamt.dictionary import Dictionary as Dictionary
    from nmfamt.dictionary import list_dictionaries as list_dictionaries
    from nmfamt.dictionary import load_dictionary as load_dictionary
    from nmfamt.dictionary_mixing import average_dictionaries as average_dictionaries
    from nmfamt.dictionary_mixing import combine_dictionaries as combine_dictionaries
    from nmfamt.evaluation import average_precision as average_precision
    from nmfamt.evaluation import classify_errors as classify_errors
    from nmfamt.evaluation import evaluate as evaluate
    from nmfamt.evaluation import evaluate_streams as evaluate_streams
    from nmfamt.exceptions import NmfamtError as NmfamtError
    from nmfamt.exceptions import NmfamtWarning as NmfamtWarning
    from nmfamt.learning import learn_dictionary as learn_dictionary
    from nmfamt.learning_music import learn_dictionary_from_music as learn_dictionary_from_music
    from nmfamt.learning_patterns import learn_attack_decay_templates as learn_attack_decay_templates
    from nmfamt.learning_patterns import learn_patterns as learn_patterns
    from nmfamt.log_frequency import LogFrequency as LogFrequency
    from nmfamt.multipitch import PLCA as PLCA
    from nmfamt.multipitch import AttackDecay as AttackDecay
    from nmfamt.multipitch import BandwiseF0 as BandwiseF0
    from nmfamt.multipitch import BestDictionary as BestDictionary
    from nmfamt.multipitch import CombinedFrequencyPeriodicity as CombinedFrequencyPeriodicity
    from nmfamt.multipitch import ConvolutiveFactorization as ConvolutiveFactorization
    from nmfamt.multipitch import Factorization as Factorization
    from nmfamt.multipitch import HarmonicNMF as HarmonicNMF
    from nmfamt.multipitch import IterativeF0 as IterativeF0
    from nmfamt.multipitch import JointCombinations as JointCombinations
    from nmfamt.multipitch import JointLikelihood as JointLikelihood
    from nmfamt.multipitch import JointSalience as JointSalience
    from nmfamt.multipitch import MonophonicPitch as MonophonicPitch
    from nmfamt.multipitch import Salience as Salience
    from nmfamt.multipitch import UnsupervisedNMF as UnsupervisedNMF
    from nmfamt.notes import Notes as Notes
    from nmfamt.patterns import AttackDecayTemplates as AttackDecayTemplates
    from nmfamt.patterns import NotePatterns as NotePatterns
    from nmfamt.spectrogram import Spectrogram as Spectrogram
    from nmfamt.spectrogram_librosa import CQT as CQT
    from nmfamt.spectrogram_librosa import STFT as STFT
    from nmfamt.spectrogram_librosa import VQT as VQT
    from nmfamt.spectrogram_librosa import Mel as Mel
    from nmfamt.summary import summarize as summarize
    from nmfamt.survey import Survey as Survey
    from nmfamt.tracking import HMMTracker as HMMTracker
    from nmfamt.tracking import NoteStages as NoteStages
    from nmfamt.tracking import PeakTracker as PeakTracker
    from nmfamt.tracking import Threshold as Threshold
    from nmfamt.transcriber import Transcriber as Transcriber
    from nmfamt.transcription import activate as activate
    from nmfamt.transcription import track as track
    from nmfamt.transcription import transcribe as transcribe


def __getattr__(name: str) -> Any:
    """Load a public name from its module when it is first asked for."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'nmfamt' has no attribute {name!r}")
    value = getattr(import_module(f"nmfamt.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
