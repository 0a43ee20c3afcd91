"""What trackers have in common: they follow a stream of activations, and an activation is a stream of one."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from nmfamt.activation import PitchActivation
from nmfamt.notes import Notes

__all__ = ["StreamTracker"]


class StreamTracker(ABC):
    """A tracker that finds notes while a stream goes on."""

    def __call__(self, activation: PitchActivation) -> Notes:
        """Trace the notes of an activation.

        Returns
        -------
        notes : Notes
            With confidences; in ``info``, what made them.

        Raises
        ------
        NmfamtError
            If the activation does not suit the tracker.
        """
        return replace(self.stream([activation]), info={**activation.info, **self.info})

    def stream(self, activations: Iterable[PitchActivation]) -> Notes:
        """Trace the notes of a recording whose activation comes in blocks; no more than the notes is kept."""
        return Notes.concatenate([Notes.empty(), *self.blocks(activations)])

    @abstractmethod
    def blocks(self, activations: Iterable[PitchActivation]) -> Iterator[Notes]:
        """Yield the notes of a stream of activations while it goes on."""

    @property
    @abstractmethod
    def info(self) -> dict[str, Any]:
        """What identifies this tracker in an output."""
