"""The connectivity of a layer as one shared kernel, driven by spikes.

A shared kernel stores the weights of a layer once, not once per synapse. Given
the spikes of a step, it adds the kernel's rows to the variables of the
postsynaptic neurons (``kernels/event_kernel.h``). Explicit synapses and shared
kernels give the same spikes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.layers import Convolution
from . import _events, _windows
from .blocks import blocked_kernel, kernel_block

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..model.projection import Projection

__all__ = ["STRIP", "SharedKernel", "SharedKernelConvolution", "SharedKernelPooling"]

#: Output rows that are swept together: enough to reuse the kernel rows in the first-level cache.
STRIP = 8


class SharedKernel(ABC):
    """Base of the two kernels.

    Parameters
    ----------
    projection : Projection
        Layer and shapes of one image.
    postsynaptic : mapping of str to ndarray
        State variables of the postsynaptic neurons by name, flat; the kernel
        writes into these arrays.
    batch_size : int
        Images that the groups hold side by side, 1 by default.
    threads : int
        Threads that share the output, 1 by default; the result does not depend on their number.
    """

    def __init__(
        self, projection: Projection, postsynaptic: Mapping[str, np.ndarray], batch_size: int = 1, threads: int = 1
    ) -> None:
        self.projection, self.batch_size, self.threads = projection, batch_size, threads
        self.postsynaptic = postsynaptic

    @abstractmethod
    def deliver(self, spikes: np.ndarray, amplitude: np.ndarray) -> int:
        """Let the spikes of one step arrive.

        Parameters
        ----------
        spikes : ndarray of int32, shape (n,)
            Presynaptic neurons that fired, ascending.
        amplitude : ndarray, shape (n,) or one number
            What each spike carries.

        Returns
        -------
        int
            Synaptic events: spikes times fan-out.
        """

    @abstractmethod
    def pass_window(self, arriving: np.ndarray, counts: np.ndarray, fan_out: np.ndarray, by_step: np.ndarray) -> None:
        """Do all that a window of a wave asks of the postsynaptic layer: gather, and fire for p steps (`window_pass`).

        Parameters
        ----------
        arriving : ndarray of uint8, flat
            How often each presynaptic neuron fired in its window, 0 to p.
        counts : ndarray of uint8, flat
            How often each postsynaptic neuron fires; written in place.
        fan_out : ndarray of int32, shape (H * W,)
            Synapses that leave a postsynaptic neuron of each pixel.
        by_step : ndarray of int64, shape (2, p)
            Spikes in each step of the window, and their synaptic events; written in place.
        """

    def gather_window(self, arriving: np.ndarray) -> None:
        """Gather only: for all but the last input of a layer of a graph, whose sums are exact in any order.

        Parameters
        ----------
        arriving : ndarray of uint8, flat
            How often each presynaptic neuron fired in its window.
        """
        fired = np.flatnonzero(arriving).astype(np.int32)
        if len(fired):
            self.deliver(fired, arriving[fired])

    # a convolution keeps nothing from step to step
    def reset(self) -> None:  # noqa: B027
        """Forget the spikes of the last image."""

    def kept(self) -> np.ndarray | None:
        """Return a copy of what is kept from step to step; None if that is nothing."""
        return None

    def keep(self, kept: np.ndarray | None) -> None:  # noqa: B027
        """Go on from what `kept` returned.

        Parameters
        ----------
        kept : ndarray or None
            What `kept` returned.
        """


class SharedKernelConvolution(SharedKernel):
    """v_post += w * amplitude for every synapse of a convolution (Eq. 3).

    Parameters
    ----------
    projection : Projection
        Of a `Convolution`, and shapes of one image.
    postsynaptic : mapping of str to ndarray
        Needs the variable ``v``.
    batch_size : int
        Images that the groups hold side by side, 1 by default.
    threads : int
        Threads that share the output, 1 by default.
    weights : ndarray, shape (out, in/groups, kernel, kernel)
        Kept once, in the precision of ``v``.
    units : ndarray, shape (out,), optional
        Units of fixed-point weights (`fixed_point_weights.shared_units`). Spikes
        that carry 1 are then summed as 16-bit integers.
    """

    def __init__(
        self,
        projection: Projection,
        postsynaptic: Mapping[str, np.ndarray],
        batch_size: int = 1,
        threads: int = 1,
        *,
        weights: np.ndarray,
        units: np.ndarray | None = None,
    ) -> None:
        super().__init__(projection, postsynaptic, batch_size, threads)
        if not isinstance(projection.layer, Convolution):
            raise TypeError(f"{projection.layer.name}: expected a convolution")
        self.layer: Convolution = projection.layer
        self._v = postsynaptic["v"]
        self._weights = weights
        self._fixed_point = None
        if units is not None:
            whole = (weights / units[:, None, None, None]).astype(np.int16)
            block = kernel_block(self.layer, fixed_point=True)
            self._fixed_point = blocked_kernel(whole, self.layer.groups, block), units.astype(self._v.dtype), block

    @cached_property
    def _kernel(self):
        """The weights in blocks of output channels, and the size of a block."""
        block = kernel_block(self.layer)
        return blocked_kernel(self._weights, self.layer.groups, block).astype(self._v.dtype), block

    def deliver(self, spikes: np.ndarray, amplitude: np.ndarray) -> int:
        """Let the spikes of one step arrive, see `SharedKernel.deliver`.

        Parameters
        ----------
        spikes : ndarray of int32, shape (n,)
            Presynaptic neurons that fired, ascending.
        amplitude : ndarray, shape (n,) or one number
            What each spike carries.

        Returns
        -------
        int
            Synaptic events.
        """
        amplitude, layer = np.asarray(amplitude, self._v.dtype), self.layer
        shapes = self.projection.shape_in, self.projection.shape_out
        geometry = (self._v, self.batch_size, *shapes, layer.kernel, layer.stride, layer.groups)
        if self._fixed_point is not None and (amplitude == 1).all():
            whole, units, block = self._fixed_point
            return _events.convolve_fixed_point(spikes, whole, units, *geometry, block, STRIP, self.threads)
        weights, block = self._kernel
        return _events.convolve(spikes, amplitude, weights, *geometry, block, STRIP, self.threads)

    @property
    def fixed_point(self) -> bool:
        """Whether the weights are fixed-point, so that sums are exact in any order."""
        return self._fixed_point is not None

    def pass_window(self, arriving: np.ndarray, counts: np.ndarray, fan_out: np.ndarray, by_step: np.ndarray) -> None:
        """Gather the counts of a window with fixed-point weights, and fire, see `SharedKernel.pass_window`.

        Parameters
        ----------
        arriving, counts, fan_out, by_step : ndarray
            See there.
        """
        assert self._fixed_point is not None
        layer, (whole, units, block) = self.layer, self._fixed_point
        state = (arriving, whole, units, self.postsynaptic["I"], self._v, counts, fan_out, by_step)
        shapes = self.projection.shape_in, self.projection.shape_out
        sides = layer.kernel, layer.stride, layer.groups, block
        arguments: list[Any] = [*state, self.batch_size, *shapes, *sides, self.threads]
        _windows.convolve(*arguments)


class SharedKernelPooling(SharedKernel):
    """The synapses of a pooling gate as one kernel.

    The variables of the postsynaptic neurons say whether it is ``max_pool.toml``, ``max_pool_first.toml``,
    ``max_pool_all.toml`` or ``or_pool.toml``.

    Parameters
    ----------
    projection : Projection
        Of a `MaxPool`, and shapes of one image.
    postsynaptic : mapping of str to ndarray
        ``m`` and either ``emitted`` and ``rise``, or ``passed`` and perhaps ``leader``; or only ``arrived``.
    batch_size : int
        Images that the groups hold side by side, 1 by default.
    threads : int
        Threads that share the output, 1 by default.
    """

    def __init__(
        self, projection: Projection, postsynaptic: Mapping[str, np.ndarray], batch_size: int = 1, threads: int = 1
    ) -> None:
        super().__init__(projection, postsynaptic, batch_size, threads)
        self._arrive: Callable[..., int]
        self._state: tuple[np.ndarray, ...]
        unused = np.zeros(0, np.int32)
        if "arrived" in postsynaptic:  # an OR keeps nothing from step to step
            self._dtype = postsynaptic["arrived"].dtype
            self._sums = np.zeros(0, self._dtype)
            self._arrive, self._state = _events.any_of, (postsynaptic["arrived"],)
            return
        self._dtype = postsynaptic["m"].dtype
        self._sums = np.zeros(batch_size * projection.neurons_in, self._dtype)
        if "rise" in postsynaptic:
            self._arrive, names = _events.pool, ("m", "emitted", "rise")
        else:
            self._arrive, names = _events.gate, ("m", "leader", "passed")
        self._state = (self._sums, *(postsynaptic.get(name, unused) for name in names))

    def reset(self) -> None:
        """Forget the spikes of the last image."""
        self._sums[:] = 0

    def kept(self) -> np.ndarray:
        """Return a copy of the amplitudes that each input has sent."""
        return self._sums.copy()

    def keep(self, kept: np.ndarray | None) -> None:
        """Go on from the amplitudes that each input has sent.

        Parameters
        ----------
        kept : ndarray
            What `kept` returned.
        """
        self._sums[:] = kept

    def deliver(self, spikes: np.ndarray, amplitude: np.ndarray) -> int:
        """Let the spikes of one step arrive, see `SharedKernel.deliver`.

        Parameters
        ----------
        spikes : ndarray of int32, shape (n,)
            Presynaptic neurons that fired, ascending.
        amplitude : ndarray, shape (n,) or one number
            What each spike carries.

        Returns
        -------
        int
            Synaptic events.
        """
        amplitude = np.asarray(amplitude, self._dtype)
        layer, shapes = self.projection.layer, (self.projection.shape_in, self.projection.shape_out)
        geometry = (self.batch_size, *shapes, layer.kernel, layer.stride, STRIP, self.threads)
        return self._arrive(spikes, amplitude, *self._state, *geometry)

    def pass_window(self, arriving: np.ndarray, counts: np.ndarray, fan_out: np.ndarray, by_step: np.ndarray) -> None:
        """Pass on the largest count of each pooling window, see `SharedKernel.pass_window`.

        Parameters
        ----------
        arriving, counts, fan_out, by_step : ndarray
            See there.
        """
        layer, shapes = self.projection.layer, (self.projection.shape_in, self.projection.shape_out)
        geometry = (self.batch_size, *shapes, layer.kernel, layer.stride, self.threads)
        _windows.pool(arriving, counts, fan_out, by_step, *geometry)
