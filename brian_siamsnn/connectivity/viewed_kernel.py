"""The shared kernel of an input of a layer of a graph."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .shared_kernel import SharedKernel, SharedKernelConvolution, SharedKernelPooling
from .views import ProjectionView

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..model.projection import Projection

__all__ = ["ViewedKernel"]


class ViewedKernel(SharedKernel):
    """A shared kernel that sees its presynaptic layer through a view (`ProjectionView`).

    A spike gets its index in the view; one that is not seen is left out. The kernel then adds what it would in a chain.

    Parameters
    ----------
    projection : Projection
        Of a layer of a graph, and shapes of one image.
    postsynaptic : mapping of str to ndarray
        State variables of the postsynaptic neurons by name; see `SharedKernelConvolution` and `SharedKernelPooling`.
    batch_size : int
        Images that the groups hold side by side, 1 by default.
    threads : int
        Threads that share the output, 1 by default.
    weights : ndarray, shape (out, in/groups, kernel height, kernel width), optional
        Of a convolution; None for pooling.
    units : ndarray, shape (out,), optional
        Units of fixed-point weights.
    """

    def __init__(
        self,
        projection: Projection,
        postsynaptic: Mapping[str, np.ndarray],
        batch_size: int = 1,
        threads: int = 1,
        *,
        weights: np.ndarray | None = None,
        units: np.ndarray | None = None,
    ) -> None:
        super().__init__(projection, postsynaptic, batch_size, threads)
        view = ProjectionView(projection)
        common = view.plain, postsynaptic, batch_size, threads
        self._kernel: SharedKernel
        if weights is None:
            self._kernel = SharedKernelPooling(*common)
        else:
            self._kernel = SharedKernelConvolution(*common, weights=view.embedded(weights), units=units)
        images = np.arange(batch_size)[:, None]
        self._index = (
            np.where(view.index >= 0, view.index + images * view.plain.neurons_in, -1).astype(np.int32).ravel()
        )
        # a kernel counts the weights of the square, of which some have no synapse
        self._fan_out = None if view.mask is None else np.tile(view.fan_out.ravel(), batch_size)

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
        seen = self._index[spikes]
        known = seen >= 0
        amplitude = np.asarray(amplitude)
        events = self._kernel.deliver(seen[known], amplitude if amplitude.size == 1 else amplitude[known])
        return events if self._fan_out is None else int(self._fan_out[spikes].sum())

    @property
    def fixed_point(self) -> bool:
        """Whether sums are exact in any order: those of fixed-point weights, and of gates, which add nothing."""
        return getattr(self._kernel, "fixed_point", True)

    def pass_window(self, arriving: np.ndarray, counts: np.ndarray, fan_out: np.ndarray, by_step: np.ndarray) -> None:
        """Let what is seen of a window arrive, and fire, see `SharedKernel.pass_window`.

        Parameters
        ----------
        arriving, counts, fan_out, by_step : ndarray
            See there.
        """
        # what is around the view stays zero
        self._counts[self._index[self._index >= 0]] = arriving[self._index >= 0]
        self._kernel.pass_window(self._counts, counts, fan_out, by_step)

    @cached_property
    def _counts(self):
        """Counts of a window in the view, padding included."""
        return np.zeros(self.batch_size * self._kernel.projection.neurons_in, np.uint8)

    def reset(self) -> None:
        """Forget the spikes of the last image."""
        self._kernel.reset()

    def kept(self) -> np.ndarray | None:
        """Return a copy of what is kept from step to step; None if that is nothing."""
        return self._kernel.kept()

    def keep(self, kept: np.ndarray | None) -> None:
        """Go on from what `kept` returned.

        Parameters
        ----------
        kept : ndarray or None
            What `kept` returned.
        """
        self._kernel.keep(kept)
