"""The output folder of an evaluation, written so that a run can be stopped at any time and resumed.

    OUTPUT/manifest.json         configuration, its hash, versions
    OUTPUT/boxes/NAME.txt        one line x,y,w,h per frame, from the data set's own origin
    OUTPUT/boxes/NAME.json       frames, seconds, spikes, operations, versions; checksum of NAME.txt

Every file is written atomically, and ``NAME.json`` last. So a sequence is finished
exactly if its record exists and the checksum matches.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..files import write_json, write_whole
from ..sequences.annotations import read_boxes
from ..tracking.config import identity_hash

if TYPE_CHECKING:
    from ..sequences.datasets import Item
    from ..sequences.frames import Sequence
    from ..tracking.config import TrackerConfig

__all__ = ["Store", "evaluation_identity"]


def evaluation_identity(config: TrackerConfig, frames: int | None) -> dict[str, Any]:
    """What the boxes of an evaluation depend on, as a dict for JSON.

    Parameters
    ----------
    config : TrackerConfig
        Configuration of the tracker.
    frames : int or None
        First frames of each sequence; None for all.

    Returns
    -------
    dict
        The configuration's identity with the number of frames.
    """
    return {**config.identity, "frames": frames}


@dataclass(frozen=True)
class Store:
    """The output folder of one evaluation.

    Attributes
    ----------
    folder : Path
        The folder; `claim` creates it.
    """

    folder: Path

    def claim(self, config: TrackerConfig, frames: int | None, versions: dict[str, Any]) -> None:
        """Reserve the folder for a configuration, or check that it already belongs to it.

        Parameters
        ----------
        config : TrackerConfig
            Configuration to be evaluated.
        frames : int or None
            First frames of each sequence; None for all.
        versions : dict of str to str
            Package versions, for a new manifest.

        Raises
        ------
        InputError
            If the folder holds the results of another configuration, or cannot be
            written to.
        """
        try:
            (self.folder / "boxes").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be written to ({error.strerror})") from None
        identity = evaluation_identity(config, frames)
        manifest = self.manifest()
        if manifest is None:
            content = {
                "label": config.label,
                "configuration": identity,
                "hash": identity_hash(identity),
                "versions": versions,
            }
            write_json(self.folder / "manifest.json", content)
        elif manifest.get("hash") != identity_hash(identity):
            before, now = manifest.get("configuration", {}), identity
            changed = [f"{key} {before.get(key)} -> {now.get(key)}" for key in now if before.get(key) != now.get(key)]
            raise InputError(
                f"{self.folder}: holds the results of another configuration ({'; '.join(changed) or 'unknown'}); "
                "give another --output, or delete the folder"
            )

    def manifest(self) -> dict[str, Any] | None:
        """Read the manifest.

        Returns
        -------
        dict or None
            The manifest; None if there is none yet.
        """
        return _read(self.folder / "manifest.json")

    def save(self, item: Item, result: dict[str, Any]) -> None:
        """Save the result of a finished sequence.

        Parameters
        ----------
        item : Item
            The sequence.
        result : dict
            ``boxes``, a zero-based ndarray (N, 4), and the entries of the record.

        Raises
        ------
        InputError
            If a file cannot be written.
        """
        boxes = result["boxes"] + np.array([item.origin, item.origin, 0, 0])
        text = "".join(",".join(f"{value:.4f}" for value in box) + "\n" for box in boxes).encode()
        write_whole(self._boxes(item), text)
        record = {key: value for key, value in result.items() if key != "boxes"}
        write_json(self._record(item), {**record, "boxes_sha256": hashlib.sha256(text).hexdigest()})

    def load(self, item: Item, sequence: Sequence, frames: int | None = None) -> dict[str, Any] | None:
        """Load the result of a finished sequence.

        Parameters
        ----------
        item : Item
            The sequence.
        sequence : Sequence
            The sequence, opened. The result is used only if it has as many frames
            and the same first box.
        frames : int, optional
            Number of frames requested; all by default.

        Returns
        -------
        dict or None
            The result as it was saved, with the boxes as they are in the file;
            None if the sequence is not finished or the result belongs to another
            one.
        """
        record, path = _read(self._record(item)), self._boxes(item)
        if record is None or not path.is_file():
            return None
        if record.get("boxes_sha256") != hashlib.sha256(path.read_bytes()).hexdigest():
            return None
        boxes = read_boxes(path, origin=item.origin)
        expected = min(filter(None, (sequence.frame_count, frames)), default=None)
        if len(boxes) != expected or sequence.first_box is None:
            return None
        # the first box is the ground truth, rounded to the file's four decimals
        if not np.allclose(boxes[0], sequence.first_box, atol=1e-3):
            return None
        return {**record, "boxes": boxes}

    def _boxes(self, item):
        return self.folder / "boxes" / f"{item.name}.txt"

    def _record(self, item):
        return self.folder / "boxes" / f"{item.name}.json"


def _read(path):
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
