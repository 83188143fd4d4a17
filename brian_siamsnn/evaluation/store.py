"""What an evaluation leaves on disk, so that it can be stopped at any moment and go on.

    OUTPUT/manifest.json         configuration, its hash, versions
    OUTPUT/boxes/NAME.txt        one line x,y,w,h a frame, counted as the data set counts
    OUTPUT/boxes/NAME.json       frames, seconds, spikes, operations, versions; checksum of NAME.txt

Every file is written whole or not at all, and ``NAME.json`` last, so a sequence
is done exactly when its record is there and its checksum fits.
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

if TYPE_CHECKING:
    from ..sequences.datasets import Item
    from ..sequences.frames import Sequence
    from ..tracking.config import TrackerConfig

__all__ = ["Store"]


@dataclass(frozen=True)
class Store:
    """The folder of one evaluation.

    Parameters
    ----------
    folder : Path
    """

    folder: Path

    def claim(self, configuration: TrackerConfig, versions: dict[str, Any]) -> None:
        """Make the folder that of a configuration, or make sure that it is.

        Parameters
        ----------
        configuration : TrackerConfig
        versions : dict
            For the manifest.

        Raises
        ------
        InputError
            If the folder holds the results of another configuration, or cannot
            be written to.
        """
        try:
            (self.folder / "boxes").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be written to ({error.strerror})") from None
        path = self.folder / "manifest.json"
        earlier = self.manifest()
        if earlier is None:
            content = {
                "label": configuration.label,
                "configuration": configuration.identity,
                "hash": configuration.hash,
                "versions": versions,
            }
            write_json(path, content)
        elif earlier.get("hash") != configuration.hash:
            before, now = earlier.get("configuration", {}), configuration.identity
            changed = [f"{key} {before.get(key)} -> {now.get(key)}" for key in now if before.get(key) != now.get(key)]
            raise InputError(
                f"{self.folder}: holds the results of another configuration ({'; '.join(changed) or 'unknown'}); "
                "give another --output, or delete the folder"
            )

    def manifest(self) -> dict[str, Any] | None:
        """The manifest, or None where there is none."""
        return _read(self.folder / "manifest.json")

    def save(self, item: Item, result: dict[str, Any]) -> None:
        """Keep a finished sequence.

        Parameters
        ----------
        item : Item
        result : dict
            ``boxes``, ndarray (N, 4), zero-based, and what else belongs into the
            record.
        """
        boxes = result["boxes"] + np.array([item.origin, item.origin, 0, 0])
        text = "".join(",".join(f"{value:.4f}" for value in box) + "\n" for box in boxes).encode()
        write_whole(self._boxes(item), text)
        record = {key: value for key, value in result.items() if key != "boxes"}
        write_json(self._record(item), {**record, "boxes_sha256": hashlib.sha256(text).hexdigest()})

    def load(self, item: Item, sequence: Sequence, frames: int | None = None) -> dict[str, Any] | None:
        """A finished sequence.

        Parameters
        ----------
        item : Item
        sequence : Sequence
            Has to have the frames and the first box that the result was made with.
        frames : int, optional
            That were asked for.

        Returns
        -------
        dict or None
            As it was saved, the boxes as they are in the file; None where it is
            not finished, or belongs to another sequence.
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
        # the first box is the sequence's own, rounded to what the file holds
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
