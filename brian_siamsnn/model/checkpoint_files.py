"""Read the tensors of PyTorch files, without running code from them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..environment import check_version
from ..errors import InputError
from .state_dicts import FIX, find_state_dict

if TYPE_CHECKING:
    import numpy as np

    from ..aliases import FilePath

__all__ = ["read_checkpoint"]


def read_checkpoint(path: FilePath) -> dict[str, np.ndarray]:
    """Read the tensors of a checkpoint, without running code from it.

    Parameters
    ----------
    path : str or path
        PyTorch file with a state dictionary, alone or as the only one in other dictionaries.

    Returns
    -------
    dict of str to ndarray
        Tensors by name, single precision.

    Raises
    ------
    InputError
        If PyTorch is not installed or too old, or the file is missing, holds no or several state dictionaries, or has a
        tensor that is not plain.
    """
    try:
        import torch
    except ImportError:
        raise InputError("importing a checkpoint needs PyTorch: pip install 'brian_siamsnn[torch]'") from None
    # files could run code through older versions, weights_only or not (CVE-2025-32434, CVE-2026-24747)
    check_version("torch", "2.10", "importing a checkpoint")
    path = Path(path)
    if not os.path.isfile(path):
        raise InputError(f"{path}: {'expected a checkpoint, got a folder' if os.path.isdir(path) else 'no such file'}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # torch raises many undocumented types, with advice to load unsafely
        raise InputError(
            f"{path}: not a PyTorch checkpoint of plain tensors; it is damaged, another kind of file, "
            f"or contains Python objects, which are not loaded because they can run code; {FIX}"
        ) from None
    return {
        key: _array(value, f"{path}: {key}")
        for key, value in find_state_dict(state, path).items()
        if isinstance(value, torch.Tensor)
    }


def _array(tensor, name):
    """Convert a tensor of a checkpoint to NumPy, single precision."""
    try:
        if tensor.is_sparse or tensor.is_complex():
            raise RuntimeError("it is sparse" if tensor.is_sparse else "its numbers are complex")
        # an expanded view can have a huge shape with few stored numbers, and would fill the memory here
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise RuntimeError(f"it stores fewer numbers than its shape {tuple(tensor.shape)}")
        return tensor.detach().float().numpy()
    except (RuntimeError, TypeError, NotImplementedError) as error:  # sparse, quantised, without data, ...
        reason = str(error).splitlines()[0].split(". ")[0]
        message = f"{name}: expected a plain tensor of numbers, got another kind ({reason:.120}); {FIX}"
        raise InputError(message) from None
