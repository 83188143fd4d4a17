"""Finds the sequences in a benchmark folder.

=========  =====================================================  ======================
data set   a sequence is a folder that contains                   order of the sequences
=========  =====================================================  ======================
otb        ``groundtruth_rect.txt``, or one file for each target  alphabetical
got10k     ``groundtruth.txt``                                    ``list.txt``, if any
vot        ``groundtruth.txt``                                    ``list.txt``, if any
synthetic  nothing: three sequences are rendered                  by seed
=========  =====================================================  ======================
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..files import printable
from .otb import ATTRIBUTES, OTB2013, canonical
from .sources import folder_name, open_sequence
from .synthetic import SyntheticSequence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..aliases import FilePath
    from .frames import Sequence

__all__ = ["DATASETS", "SUBSETS", "Dataset", "Item", "open_dataset"]

#: Kinds of data set that `open_dataset` recognises.
DATASETS = ("otb", "got10k", "vot")

#: Sequence names of each named subset.
SUBSETS = {"otb2013": OTB2013, "otb100": tuple(ATTRIBUTES)}

#: Fewer frames than in the demonstration, so that an evaluation takes a minute; the fish swims faster.
_SYNTHETIC_FRAMES = 40
_SYNTHETIC_SEEDS = (0, 1, 2)

_OTB_BOXES = "groundtruth_rect"


@dataclass(frozen=True)
class Item:
    """One sequence of a data set, not yet opened.

    Attributes
    ----------
    name : str
        Name for tables; OTB sequences use the benchmark's spelling.
    source : str
        What `open` opens. It is plain text, so that it can be sent to another
        process.
    origin : {0, 1}
        Coordinate of the first pixel in the data set's annotations.
    """

    name: str
    source: str
    origin: int = 0

    def open(self) -> Sequence:
        """Open the sequence.

        Returns
        -------
        Sequence
            The sequence, with its ground truth and attributes.

        Raises
        ------
        InputError
            If the sequence cannot be opened; see `open_sequence`.
        """
        if not self.source.startswith("synthetic:"):
            return open_sequence(self.source)
        sequence = SyntheticSequence(_SYNTHETIC_FRAMES, seed=int(self.source.partition(":")[2]))
        sequence.name, sequence.attributes = self.name, ("OCC",)  # the post occludes the fish
        return sequence


@dataclass(frozen=True)
class Dataset:
    """The sequences of a data set.

    Attributes
    ----------
    name : str
        Name of the data set: its folder's name, or "synthetic".
    items : tuple of Item
        The sequences found, in order.
    missing : tuple of str
        Names of sequences that were requested but not found.
    ignored : tuple of str
        Names of folders without annotations of the requested kind.
    """

    name: str
    items: tuple[Item, ...] = ()
    missing: tuple[str, ...] = field(default=())
    ignored: tuple[str, ...] = field(default=())

    def only(self, names: Iterable[str]) -> Dataset:
        """Select sequences by name.

        Parameters
        ----------
        names : iterable of str
            Names in any of OTB's spellings.

        Returns
        -------
        Dataset
            The sequences with these names; names that were not found are in
            ``missing``.
        """
        names = tuple(canonical(name) for name in names)
        found = {item.name for item in self.items}
        return Dataset(
            self.name,
            tuple(item for item in self.items if item.name in names),
            tuple(name for name in names if name not in found),
            self.ignored,
        )


def open_dataset(
    root: FilePath | None = None, kind: str | None = None, names: Iterable[str] = (), subset: str | None = None
) -> Dataset:
    """Find the sequences in a folder.

    Parameters
    ----------
    root : path-like, optional
        Folder of sequences, or folder of a single sequence. By default, the
        synthetic set.
    kind : {"otb", "got10k", "vot"}, optional
        Kind of data set. By default, it is recognised by the names of the
        annotation files.
    names : iterable of str
        Keep only the sequences with these names, which must all exist; by
        default, all are kept.
    subset : {"otb2013", "otb100"}, optional
        Keep only the sequences of this subset; those not found are listed in
        ``missing``. By default, all are kept.

    Returns
    -------
    Dataset
        The sequences found.

    Raises
    ------
    InputError
        If the subset is unknown, the folder does not exist or holds no
        sequence, or a name is not found.
    """
    if subset is not None and subset not in SUBSETS:
        raise InputError(f"subset: expected one of {', '.join(SUBSETS)}, got {subset!r}")
    if root is None:
        items = tuple(Item(f"synthetic-{seed}", f"synthetic:{seed}") for seed in _SYNTHETIC_SEEDS)
        dataset = Dataset("synthetic", items)
    else:
        dataset = _folder(Path(root), kind)
    if subset is not None:
        dataset = dataset.only(SUBSETS[subset])
    if names:
        dataset = dataset.only(names)
        if dataset.missing:
            raise InputError(f"{root or 'synthetic set'}: no sequence named {', '.join(dataset.missing)}")
    if not dataset.items:
        raise InputError(
            f"{root}: expected a folder with one folder for each sequence, each containing {_expected(kind)}; found "
            "none"
        )
    return dataset


def _folder(root, kind):
    if not root.is_dir():
        raise InputError(f"{root}: expected a folder of sequences; no such folder")
    name = printable(os.path.basename(os.path.abspath(root)))
    if found := _items(root, kind):  # the folder of a single sequence
        return Dataset(name, tuple(found))
    listed = root / "list.txt"
    if listed.is_file() and kind != "otb":
        lines = listed.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        folders = [root / line.strip() for line in lines if line.strip()]
    else:
        folders = sorted((path for path in root.iterdir() if path.is_dir()), key=lambda path: path.name.lower())
    items, missing, ignored = [], [], []
    for folder in folders:
        if not folder.is_dir():
            missing.append(printable(folder.name))
        elif found := _items(folder, kind):
            items += found
        elif not folder.name.startswith("."):
            ignored.append(printable(folder.name))
    return Dataset(name, tuple(items), tuple(missing), tuple(ignored))


def _items(folder, kind):
    """One item for each target annotated in a folder."""
    targets = [path for path in sorted(folder.glob(f"{_OTB_BOXES}*.txt")) if kind in (None, "otb")]
    if len(targets) > 1:  # Human4 comes with an empty file for its first target
        targets = [path for path in targets if path.stat().st_size]
    for path in targets:
        if path.name == f"{_OTB_BOXES}.txt":
            return [Item(canonical(folder_name(folder)), str(folder), 1)]
    if targets:
        # open_sequence expects the target's number after the folder's name
        numbers = [path.name.split(".")[1] for path in targets]
        name, place = folder_name(folder), os.path.abspath(folder)
        return [Item(canonical(f"{name}-{number}"), f"{place}-{number}", 1) for number in numbers]
    if kind != "otb" and (folder / "groundtruth.txt").is_file():
        return [Item(folder_name(folder), str(folder))]
    return []


def _expected(kind):
    if kind is None:
        return f"{_OTB_BOXES}.txt or groundtruth.txt"
    return f"{_OTB_BOXES}.txt" if kind == "otb" else "groundtruth.txt"
