"""Folders of sequences, as the benchmarks are handed out.

=========  =====================================================  ====================
data set   a sequence is a folder with                            names, order
=========  =====================================================  ====================
otb        ``groundtruth_rect.txt``, or one file for each target  alphabetical
got10k     ``groundtruth.txt``                                    ``list.txt`` if there
vot        ``groundtruth.txt``                                    ``list.txt`` if there
synthetic  none: three rendered sequences
=========  =====================================================  ====================
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from .otb import ATTRIBUTES, OTB2013, canonical
from .sources import open_sequence
from .synthetic import SyntheticSequence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..aliases import FilePath
    from .frames import Sequence

__all__ = ["DATASETS", "SUBSETS", "Dataset", "Item", "open_dataset"]

DATASETS = ("otb", "got10k", "vot")

#: Names of parts of a data set.
SUBSETS = {"otb2013": OTB2013, "otb100": tuple(ATTRIBUTES)}

#: Shorter than the demonstration's, so that a table takes a minute: the fish swims faster.
_SYNTHETIC_FRAMES = 40
_SYNTHETIC_SEEDS = (0, 1, 2)
_OTB_BOXES = "groundtruth_rect"


@dataclass(frozen=True)
class Item:
    """Where one sequence is.

    Attributes
    ----------
    name : str
        As in tables; for OTB in the benchmark's spelling.
    source : str
        What `open` opens; a plain string, so that another process can.
    origin : {0, 1}
        What the data set calls the first pixel.
    """

    name: str
    source: str
    origin: int = 0

    def open(self) -> Sequence:
        """Open the sequence.

        Returns
        -------
        Sequence

        Raises
        ------
        InputError
            See `open_sequence`.
        """
        if not self.source.startswith("synthetic:"):
            return open_sequence(self.source)
        sequence = SyntheticSequence(_SYNTHETIC_FRAMES, seed=int(self.source.partition(":")[2]))
        sequence.name, sequence.attributes = self.name, ("OCC",)  # the post
        return sequence


@dataclass(frozen=True)
class Dataset:
    """Sequences that belong together.

    Attributes
    ----------
    name : str
    items : tuple of Item
    missing : tuple of str
        Sequences that were asked for and are not there.
    ignored : tuple of str
        Folders without annotations of the data set.
    """

    name: str
    items: tuple[Item, ...] = ()
    missing: tuple[str, ...] = field(default=())
    ignored: tuple[str, ...] = field(default=())

    def only(self, names: Iterable[str]) -> Dataset:
        """The sequences of these names, in any spelling; the others become missing."""
        names = tuple(canonical(name) for name in names)
        there = {item.name for item in self.items}
        return Dataset(
            self.name,
            tuple(item for item in self.items if item.name in names),
            tuple(name for name in names if name not in there),
            self.ignored,
        )


def open_dataset(
    root: FilePath | None = None, kind: str | None = None, names: Iterable[str] = (), subset: str | None = None
) -> Dataset:
    """Find the sequences of a folder.

    Parameters
    ----------
    root : path-like, optional
        Folder of sequences, or of one sequence; the synthetic set if absent.
    kind : {"otb", "got10k", "vot"}, optional
        By default, what the annotation files say.
    names : sequence of str
        Only these, which all have to be there.
    subset : {"otb2013", "otb100"}, optional
        Only those that belong to it; which are not there is kept in
        ``missing``.

    Returns
    -------
    Dataset

    Raises
    ------
    InputError
        If there is no such folder, no sequence in it, or not one of the names.
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
            f"{root}: expected a folder with one folder for each sequence, in it {_expected(kind)}; found none"
        )
    return dataset


def _folder(root, kind):
    if not root.is_dir():
        raise InputError(f"{root}: expected a folder of sequences; there is nothing of that name")
    if found := _items(root, kind):  # one sequence
        return Dataset(root.absolute().name, tuple(found))
    listed = root / "list.txt"
    if listed.is_file() and kind != "otb":
        folders = [root / line.strip() for line in listed.read_text(encoding="utf-8").splitlines() if line.strip()]
    else:
        folders = sorted((path for path in root.iterdir() if path.is_dir()), key=lambda path: path.name.lower())
    items, missing, ignored = [], [], []
    for folder in folders:
        if not folder.is_dir():
            missing.append(folder.name)
        elif found := _items(folder, kind):
            items += found
        elif not folder.name.startswith("."):
            ignored.append(folder.name)
    return Dataset(root.absolute().name, tuple(items), tuple(missing), tuple(ignored))


def _items(folder, kind):
    """The targets of one folder."""
    targets = [path for path in sorted(folder.glob(f"{_OTB_BOXES}*.txt")) if kind in (None, "otb")]
    if len(targets) > 1:  # Human4 comes with an empty file for its first target
        targets = [path for path in targets if path.stat().st_size]
    for path in targets:
        if path.name == f"{_OTB_BOXES}.txt":
            return [Item(canonical(folder.absolute().name), str(folder), 1)]
    if targets:
        # open_sequence takes the number of the target behind the folder's name
        numbered = [f"{folder}-{path.name.split('.')[1]}" for path in targets]
        return [Item(canonical(Path(source).name), source, 1) for source in numbered]
    if kind != "otb" and (folder / "groundtruth.txt").is_file():
        return [Item(folder.absolute().name, str(folder))]
    return []


def _expected(kind):
    return {"otb": f"{_OTB_BOXES}.txt", "got10k": "groundtruth.txt", "vot": "groundtruth.txt"}.get(
        kind, f"{_OTB_BOXES}.txt or groundtruth.txt"
    )
