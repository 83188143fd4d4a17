"""Read and write spiking networks as NIR files (HDF5)."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

from ..errors import InputError, reason_of
from ..files import write_whole
from .nir_graphs import from_nir, nir_package, to_nir

if TYPE_CHECKING:
    import nir

    from ..aliases import FilePath
    from .conversion import SpikingModel
    from .files import SiameseModel

__all__ = ["read_graph", "read_nir", "write_nir"]


def write_nir(model: FilePath | SiameseModel | SpikingModel, image_size: int, path: FilePath) -> None:
    """Write a spiking network to a NIR file (HDF5), whole or not at all.

    Parameters
    ----------
    model : str, path, SiameseModel or SpikingModel
        Name of a shipped model, a model file, or a loaded model.
    image_size : int
        Side of the square images in pixels.
    path : str or path
        The file, which is replaced if it exists.

    Raises
    ------
    InputError
        As for `to_nir`, or if the file cannot be written.
    """
    nir, content = nir_package(), io.BytesIO()
    nir.write(content, to_nir(model, image_size))
    write_whole(path, content.getvalue())


def read_graph(path: FilePath) -> nir.NIRGraph:
    """Read a NIR file.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    nir.NIRGraph
        Its graph, for `from_nir`.

    Raises
    ------
    InputError
        If the file does not exist or is not a NIR graph, or the package nir is not installed.
    """
    nir = nir_package()
    if not os.path.isfile(path):
        raise InputError(f"{path}: no such file")
    try:
        return nir.read(path)
    except Exception as error:  # h5py and nir raise many types
        raise InputError(f"{path}: not a NIR file ({reason_of(error)})") from None


def read_nir(path: FilePath, dt: float | None = None) -> SpikingModel:
    """Read a spiking network from a NIR file.

    Parameters
    ----------
    path : str or path
        The file.
    dt : float, optional
        Time step of the simulation in the graph's unit of time, see `from_nir`.

    Returns
    -------
    SpikingModel
        The spiking network, see `from_nir`.

    Raises
    ------
    InputError
        As for `from_nir` and `read_graph`.
    """
    return from_nir(read_graph(path), dt)
