"""Data sets of the field: recordings with the notes that are played in them, and their official splits.

`DATASETS` names them, `open_dataset` opens one that lies in a folder. Nothing is ever downloaded: each kind says where
it comes from and how its folder looks.
"""

from nmfamt.datasets.catalogue import DATASETS, open_dataset
from nmfamt.datasets.kind import DatasetKind
from nmfamt.datasets.piece import Dataset, Piece

__all__ = ["DATASETS", "Dataset", "DatasetKind", "Piece", "open_dataset"]
