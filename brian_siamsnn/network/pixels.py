"""The range of the pixels that a branch is shown."""

from __future__ import annotations

import numpy as np

from ..errors import InputError

__all__ = ["check_pixels"]


def check_pixels(name: str, images: np.ndarray, own_range: bool = False) -> None:
    """Raise `InputError` unless pixels are finite and 0 to 255.

    Images scaled to 0..1 are refused too: they would be seen as black. A network that was converted from a user's own
    module takes the pixels that the module takes, normalised or not.

    Parameters
    ----------
    name : str
        What the message names.
    images : ndarray
        Pixels of one or several images.
    own_range : bool
        Whether pixels may be -255 to 255, in the module's own range; False by default.

    Raises
    ------
    InputError
        With the type and range of the pixels, and how to scale them.
    """
    if images.dtype == np.uint8:
        return
    expected = f"{name}: expected pixels of 0 to 255"
    if images.dtype.kind not in "iuf":
        raise InputError(f"{expected}, got {images.dtype}; convert them with image.astype(np.uint8)")
    lowest, highest = images.min(), images.max()
    if not np.isfinite(lowest) or not np.isfinite(highest):  # NaN spreads to both
        raise InputError(f"{expected}, got {images.dtype} with NaN or infinity; replace these pixels")
    if own_range:
        if max(-lowest, highest) > 255:
            raise InputError(f"{name}: expected pixels of -255 to 255, got {lowest:g} to {highest:g}; scale them")
        return
    advice = ""
    if images.dtype.kind == "f" and 0 <= lowest and 0 < highest <= 1:
        advice = "multiply by 255"
    elif images.dtype.kind != "f" and 0 <= lowest and 255 < highest < 2**16:
        advice = "divide 16-bit pixels by 257"
    elif lowest < 0 or highest > 255:
        advice = "scale them to 0 to 255"
    if advice:
        raise InputError(f"{expected}, got {images.dtype} of {lowest:g} to {highest:g}; {advice}")
