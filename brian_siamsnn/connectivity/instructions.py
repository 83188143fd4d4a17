"""Which vector instructions the kernels use on this processor."""

from __future__ import annotations

from . import _windows

__all__ = ["instruction_set"]

#: By level, see ``kernels/instructions.h``.
_NAMES = ("plain", "AVX2", "AVX-512")


def instruction_set() -> str:
    """Name the vector instructions that the kernels use: the widest that the processor has.

    Returns
    -------
    str
        ``"plain"`` (what every processor of this kind has), ``"AVX2"`` or ``"AVX-512"``.
    """
    return _NAMES[_windows.instruction_set()]
