"""A pool of training pairs on disk, with what a teacher makes of them.

A full-size teacher takes ten times as long for a pair as a compact student
trains on it, so its features are worked out once and used in every epoch. Only
their main directions are kept: responses are inner products of features, and
the leading eigenvectors of the features' second moment keep those best.
"""

from __future__ import annotations

import json
import shutil
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from ..crops import EXEMPLAR_SIZE, SEARCH_SIZE, STRIDE
from ..errors import InputError
from ..files import write_whole
from ..model.cnn import torch

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from ..aliases import FilePath
    from ..model.cnn import SiamFC
    from .pairs import PairSampler

__all__ = ["DIRECTIONS", "PairPool", "cut_windows", "images_to_tensor"]

#: Directions of the teacher's features that are kept.
DIRECTIONS = 64
#: Pairs whose features the directions are found from, and pairs in one step of the teacher.
_FIRST, _CHUNK = 128, 8


def images_to_tensor(images: np.ndarray | list[np.ndarray], device: str = "cpu") -> torch.Tensor:
    """Images (B, H, W, 3), uint8, as a float tensor (B, 3, H, W).

    A view with channels first of memory with channels last, which is the
    faster layout on a processor.
    """
    return torch.from_numpy(np.stack(list(images))).to(device).permute(0, 3, 1, 2).float()


class PairPool:
    """Pairs number 0 to ``size`` - 1 of a sampler, and a teacher's features of them.

    What is there already is taken up, so a pool that was stopped goes on, and
    several training runs can share one.

    Parameters
    ----------
    folder : path
        Made if it is not there; takes about 300 KB a pair.
    sampler : PairSampler
    teacher : SiamFC
        Its response is compared as it is, with its scale and bias.
    identity : dict
        What the pairs and features come from; a folder of another is refused.
    size : int
        Pairs.
    device : str
        Where the teacher runs.

    Attributes
    ----------
    scale, bias : float
        Of the teacher's response.

    Raises
    ------
    InputError
        If the folder holds another pool, or cannot be written.
    """

    def __init__(
        self,
        folder: FilePath,
        sampler: PairSampler,
        teacher: SiamFC,
        identity: dict[str, Any],
        size: int,
        device: str = "cpu",
    ) -> None:
        self.folder, self.size = Path(folder), size
        self._sampler, self._teacher, self._device = sampler, teacher.to(device), device
        self.scale, self.bias = teacher.adjust.scale.item(), teacher.adjust.bias.item()
        self._claim({**identity, "pairs": size, "directions": DIRECTIONS})
        with torch.inference_mode():
            sides = [
                teacher.embed(torch.zeros(1, 3, side, side, device=device)).shape[2]
                for side in (EXEMPLAR_SIZE, SEARCH_SIZE)
            ]
        contents = {
            "exemplars": (np.uint8, EXEMPLAR_SIZE, EXEMPLAR_SIZE, 3),
            "searches": (np.uint8, SEARCH_SIZE, SEARCH_SIZE, 3),
            "displacements": (np.float32, 2),
            "z": (np.float16, sides[0], sides[0], DIRECTIONS),
            "x": (np.float16, sides[1], sides[1], DIRECTIONS),
        }
        self._check_space(contents)
        self._arrays = {name: self._array(name, dtype, *shape) for name, (dtype, *shape) in contents.items()}

    def _claim(self, identity):
        description = self.folder / "pool.json"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be written to ({error.strerror})") from None
        if not description.exists():
            write_whole(description, json.dumps(identity, indent=2).encode())
        try:
            found = json.loads(description.read_text(encoding="utf-8"))
        except ValueError:
            found = {}
        differing = [key for key, value in identity.items() if found.get(key) != value]
        if differing:
            raise InputError(
                f"{self.folder}: a pool of pairs with another {', '.join(differing)}; delete it, or choose another"
            )

    def _check_space(self, contents):
        """Refuse what the disk cannot hold: a mapped file that cannot be written ends the whole process."""
        if all((self.folder / f"{name}.npy").exists() for name in contents):
            return
        needed = self.size * sum(np.dtype(dtype).itemsize * int(np.prod(shape)) for dtype, *shape in contents.values())
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise InputError(
                f"{self.folder}: a pool of {self.size} pairs takes {needed / 2**30:.1f} GiB, "
                f"{free / 2**30:.1f} GiB are free; take fewer pairs, or another folder"
            )

    def _array(self, name, dtype, *shape):
        file, shape = self.folder / f"{name}.npy", (self.size, *shape)
        try:
            if file.exists():
                array = np.load(file, mmap_mode="r+")
                if array.shape == shape and array.dtype == dtype:
                    return array
                raise InputError(f"{file}: expected {np.dtype(dtype)} {shape}, got {array.dtype} {array.shape}")
            return np.lib.format.open_memmap(file, "w+", dtype, shape)
        except (OSError, ValueError) as error:
            raise InputError(f"{file}: not a pool's array, or not to be written ({error}); delete the folder") from None

    def fill(self) -> None:
        """Cut the pairs that are not there yet and show them to the teacher; a bar shows how far it is."""
        counter = self.folder / "filled.json"
        filled = json.loads(counter.read_text(encoding="utf-8")) if counter.exists() else 0
        if filled == self.size:
            return
        directions = self._directions()
        with tqdm(total=self.size, initial=filled, desc="teacher", unit="pair", disable=None) as progress:
            for start in range(filled, self.size, _CHUNK):
                rows = range(start, min(start + _CHUNK, self.size))
                for name, values in self._pairs(rows, directions).items():
                    self._arrays[name][rows.start : rows.stop] = values
                for array in self._arrays.values():
                    array.flush()
                # counted once they are on disk, so that a pair is there whole or made again
                write_whole(counter, json.dumps(rows.stop).encode())
                progress.update(len(rows))

    def _directions(self):
        """Leading eigenvectors of the second moment of the teacher's features, shape (C, DIRECTIONS)."""
        file = self.folder / "directions.npy"
        if not file.exists():
            moment = 0
            for start in range(0, min(_FIRST, self.size), _CHUNK):
                searches = [self._sampler(index).search for index in range(start, min(start + _CHUNK, self.size))]
                features = self._embed(searches).flatten(0, 2).double()
                moment = moment + features.T @ features
            _, vectors = torch.linalg.eigh(moment)
            vectors = vectors.flip(1)[:, :DIRECTIONS].float().cpu().numpy()
            # a teacher with fewer channels than that fills up with zeros
            vectors = np.pad(vectors, ((0, 0), (0, DIRECTIONS - vectors.shape[1])))
            content = BytesIO()
            np.save(content, vectors)
            write_whole(file, content.getvalue())
        return torch.from_numpy(np.load(file)).to(self._device)

    def _embed(self, images):
        with torch.inference_mode():
            return self._teacher.embed(images_to_tensor(images, self._device)).permute(0, 2, 3, 1)

    def _pairs(self, indices, directions):
        exemplars, searches, displacements = zip(*map(self._sampler, indices), strict=True)
        z, x = ((self._embed(images) @ directions).cpu().numpy() for images in (exemplars, searches))
        return {"exemplars": exemplars, "searches": searches, "displacements": displacements, "z": z, "x": x}

    def displacements(self, indices: npt.ArrayLike) -> np.ndarray:
        """Displacements (B, 2) of the targets from the centres of the search crops, in pixels."""
        return self._arrays["displacements"][indices]

    def batch(
        self, indices: npt.ArrayLike, starts: np.ndarray, window: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Some pairs, each search crop cut to a window of itself.

        The teacher's features of the window are those of the crop, cut: neither
        pads, and the window starts at a multiple of the stride.

        Parameters
        ----------
        indices : sequence of int
        starts : ndarray of int, shape (B, 2)
            First cell (x, y) of each window, in strides.
        window : int
            Side of the windows, in pixels.

        Returns
        -------
        exemplars : ndarray of uint8, shape (B, 127, 127, 3)
        searches : ndarray of uint8, shape (B, window, window, 3)
        displacements : ndarray, shape (B, 2)
            Of the target from the centre of the window, in pixels.
        z, x : ndarray, shape (B, h, h, 64) and (B, H, H, 64)
            The teacher's features of both, single precision.
        """
        cells = self._arrays["x"].shape[1] - (SEARCH_SIZE - window) // STRIDE
        rows = {name: [array[index] for index in np.ravel(indices)] for name, array in self._arrays.items()}
        searches, displacements = cut_windows(rows["searches"], np.stack(rows["displacements"]), starts, window)
        x = [_cut(features, start, cells) for features, start in zip(rows["x"], starts, strict=True)]
        z = np.stack(rows["z"]).astype(np.float32)
        return np.stack(rows["exemplars"]), searches, displacements, z, np.stack(x).astype(np.float32)


def cut_windows(
    searches: Iterable[np.ndarray], displacements: np.ndarray, starts: np.ndarray, window: int
) -> tuple[np.ndarray, np.ndarray]:
    """Windows of search crops, and where their targets are.

    Parameters
    ----------
    searches : sequence of ndarray, shape (255, 255, 3)
    displacements : ndarray, shape (B, 2)
        Of the targets from the centres of the crops, in pixels.
    starts : ndarray of int, shape (B, 2)
        First cell (x, y) of each window, in strides.
    window : int
        Side of the windows, in pixels.

    Returns
    -------
    windows : ndarray, shape (B, window, window, 3)
    displacements : ndarray, shape (B, 2)
        Of the targets from the centres of the windows, in pixels.
    """
    windows = [_cut(image, start * STRIDE, window) for image, start in zip(searches, starts, strict=True)]
    return np.stack(windows), displacements - (starts * STRIDE - (SEARCH_SIZE - window) / 2)


def _cut(array, start, side):
    x, y = start
    return array[y : y + side, x : x + side]
