"""How CIResNet22 is named: as an architecture, and by the tensors of its checkpoints; no PyTorch is needed to ask."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CIRESNET22", "ciresnet22_prefix", "ciresnet22_width"]

#: Its name as an architecture.
CIRESNET22 = "ciresnet22"

#: Channels of the first convolution, as published.
_WIDTH = 64

#: The tensor by which a checkpoint is recognised; plain SiamFC networks have no units in stages.
_KEY = "layer1.0.conv1.weight"


def ciresnet22_width(architecture: str) -> int | None:
    """Read the width of a CIResNet22 from the name of an architecture.

    Parameters
    ----------
    architecture : str
        ``"ciresnet22"``, as published, or ``"ciresnet22:16"`` for another width.

    Returns
    -------
    int or None
        Channels of the first convolution; None for the name of anything else.

    Raises
    ------
    InputError
        If the width is no positive whole number.
    """
    name, separator, width = architecture.partition(":")
    if name != CIRESNET22:
        return None
    if not separator:
        return _WIDTH
    if not re.fullmatch("[1-9][0-9]{0,3}", width):
        raise InputError(
            f"architecture: expected {CIRESNET22} or a width such as {CIRESNET22}:16, got {architecture!r}"
        )
    return int(width)


def ciresnet22_prefix(names: Iterable[str]) -> str | None:
    """Find what the names of a CIResNet22 begin with in a state dictionary.

    Parameters
    ----------
    names : iterable of str
        Names of tensors, such as ``module.features.features.layer1.0.conv1.weight``.

    Returns
    -------
    str or None
        ``"module.features.features."``, the first of several; None if it is another network.
    """
    found = sorted(name.removesuffix(_KEY) for name in names if f".{name}".endswith(f".{_KEY}"))
    return found[0] if found else None
