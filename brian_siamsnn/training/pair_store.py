"""Store training pairs on disk, together with the features of a teacher.

A full-size teacher takes ten times as long for a pair as a compact student needs to train on it, so its features are
computed once and used in every epoch. Only their principal directions are stored: responses are inner products of
features, which the leading eigenvectors of the features' second moment preserve best.
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

#: Number of directions of the teacher's features that are stored.
DIRECTIONS = 64
#: Number of pairs from whose features the directions are computed.
_DIRECTION_PAIRS = 128
#: Number of pairs that the teacher processes at once.
_CHUNK = 8


def images_to_tensor(images: np.ndarray | list[np.ndarray], device: str = "cpu") -> torch.Tensor:
    """Convert images to a float tensor.

    Parameters
    ----------
    images : ndarray or list of ndarray, shape (B, H, W, 3)
        Images, uint8.
    device : str
        PyTorch device; the CPU by default.

    Returns
    -------
    torch.Tensor, shape (B, 3, H, W)
        Tensor with channels last in memory, which is the faster layout on a CPU.
    """
    return torch.from_numpy(np.stack(list(images))).to(device).permute(0, 3, 1, 2).float()


class PairPool:
    """The first pairs of a sampler, with the features of a teacher, in a folder.

    An existing pool is continued, so filling it can be interrupted, and several training runs can share one.

    Parameters
    ----------
    folder : str or path
        Folder of the pool, created if it does not exist. It takes about 300 KB per pair.
    sampler : PairSampler
        Source of the pairs.
    teacher : SiamFC
        The teacher network.
    identity : dict
        Origin of pairs and features. A folder with another identity is rejected.
    size : int
        Number of pairs.
    device : str
        PyTorch device of the teacher; the CPU by default.

    Attributes
    ----------
    scale : float
        Scale of the teacher's response.
    bias : float
        Bias of the teacher's response.

    Raises
    ------
    InputError
        If the folder contains another pool, cannot be written, or the disk is too small.
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
            "targets": (np.int32,),
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
            raise InputError(f"{self.folder}: cannot be written ({error.strerror}); choose another folder") from None
        if not description.exists():
            write_whole(description, json.dumps(identity, indent=2).encode())
        try:
            found = json.loads(description.read_text(encoding="utf-8"))
        except ValueError:
            found = {}
        differing = [key for key, value in identity.items() if found.get(key) != value]
        if differing:
            raise InputError(
                f"{self.folder}: a pool of pairs with another {', '.join(differing)}; "
                "delete it, or choose another folder"
            )

    def _check_space(self, contents):
        """Reject a pool that the disk cannot hold, because a failed write to a memory-mapped file kills the process."""
        if all((self.folder / f"{name}.npy").exists() for name in contents):
            return
        needed = self.size * sum(np.dtype(dtype).itemsize * int(np.prod(shape)) for dtype, *shape in contents.values())
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise InputError(
                f"{self.folder}: a pool of {self.size} pairs takes {needed / 2**30:.1f} GiB, but "
                f"{free / 2**30:.1f} GiB are free; use fewer pairs, or another folder"
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
            raise InputError(f"{file}: cannot be used as an array of the pool ({error}); delete the folder") from None

    def fill(self) -> None:
        """Create the missing pairs and compute the teacher's features, with a progress bar."""
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
                # counted only when they are on disk, so that an incomplete pair is created again
                write_whole(counter, json.dumps(rows.stop).encode())
                progress.update(len(rows))

    def _directions(self):
        """Return the leading eigenvectors of the second moment of the teacher's features, shape (C, DIRECTIONS)."""
        file = self.folder / "directions.npy"
        if not file.exists():
            moment = 0
            for start in range(0, min(_DIRECTION_PAIRS, self.size), _CHUNK):
                searches = [self._sampler(index).search for index in range(start, min(start + _CHUNK, self.size))]
                features = self._embed(searches).flatten(0, 2).double()
                moment = moment + features.T @ features
            _, vectors = torch.linalg.eigh(moment)
            vectors = vectors.flip(1)[:, :DIRECTIONS].float().cpu().numpy()
            # zeros if the teacher has fewer channels than directions
            vectors = np.pad(vectors, ((0, 0), (0, DIRECTIONS - vectors.shape[1])))
            content = BytesIO()
            np.save(content, vectors)
            write_whole(file, content.getvalue())
        return torch.from_numpy(np.load(file)).to(self._device)

    def _embed(self, images):
        with torch.inference_mode():
            return self._teacher.embed(images_to_tensor(images, self._device)).permute(0, 2, 3, 1)

    def _pairs(self, indices, directions):
        exemplars, searches, displacements, targets = zip(*map(self._sampler, indices), strict=True)
        z, x = ((self._embed(images) @ directions).cpu().numpy() for images in (exemplars, searches))
        return {
            **{"exemplars": exemplars, "searches": searches, "displacements": displacements, "targets": targets},
            **{"z": z, "x": x},
        }

    def displacements(self, indices: npt.ArrayLike) -> np.ndarray:
        """Return the displacements of targets from the centres of their search crops.

        Parameters
        ----------
        indices : array_like of int, shape (B,)
            Numbers of the pairs.

        Returns
        -------
        ndarray, shape (B, 2)
            Displacements (x, y) in pixels.
        """
        return self._arrays["displacements"][indices]

    def batch(self, indices: npt.ArrayLike, starts: np.ndarray, window: int) -> tuple[np.ndarray, ...]:
        """Return pairs with a window of each search crop.

        The teacher's features of a window are cut from those of the whole crop, which gives the same values, because
        the network does not pad and a window starts at a multiple of the stride.

        Parameters
        ----------
        indices : array_like of int, shape (B,)
            Numbers of the pairs.
        starts : ndarray of int, shape (B, 2)
            Offset (x, y) of each window from the corner of its crop, in strides.
        window : int
            Side of the windows, in pixels.

        Returns
        -------
        exemplars : ndarray of uint8, shape (B, 127, 127, 3)
            Exemplar crops.
        searches : ndarray of uint8, shape (B, window, window, 3)
            Windows of the search crops.
        displacements : ndarray, shape (B, 2)
            Displacement (x, y) of each target from the centre of its window, in pixels.
        targets : ndarray of int, shape (B,)
            Numbers of the targets, see `Pair`.
        z : ndarray, shape (B, h, h, 64)
            Features of the teacher for the exemplars, single precision.
        x : ndarray, shape (B, H, H, 64)
            Features of the teacher for the windows, single precision.
        """
        cells = self._arrays["x"].shape[1] - (SEARCH_SIZE - window) // STRIDE
        rows = {name: [array[index] for index in np.ravel(indices)] for name, array in self._arrays.items()}
        searches, displacements = cut_windows(rows["searches"], np.stack(rows["displacements"]), starts, window)
        x = [_cut(features, start, cells) for features, start in zip(rows["x"], starts, strict=True)]
        z = np.stack(rows["z"]).astype(np.float32)
        return (
            *(np.stack(rows["exemplars"]), searches, displacements, np.array(rows["targets"])),
            *(z, np.stack(x).astype(np.float32)),
        )


def cut_windows(
    searches: Iterable[np.ndarray], displacements: np.ndarray, starts: np.ndarray, window: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cut windows from search crops.

    Parameters
    ----------
    searches : iterable of ndarray, shape (255, 255, 3)
        Search crops.
    displacements : ndarray, shape (B, 2)
        Displacement (x, y) of each target from the centre of its crop, in pixels.
    starts : ndarray of int, shape (B, 2)
        Offset (x, y) of each window from the corner of its crop, in strides.
    window : int
        Side of the windows, in pixels.

    Returns
    -------
    windows : ndarray, shape (B, window, window, 3)
        The windows.
    displacements : ndarray, shape (B, 2)
        Displacement (x, y) of each target from the centre of its window, in pixels.
    """
    windows = [_cut(image, start * STRIDE, window) for image, start in zip(searches, starts, strict=True)]
    return np.stack(windows), displacements - (starts * STRIDE - (SEARCH_SIZE - window) / 2)


def _cut(array, start, side):
    x, y = start
    return array[y : y + side, x : x + side]
