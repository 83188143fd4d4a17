"""What the branches on all devices have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, NoReturn

import numpy as np
from brian2 import get_device

from ..connectivity.first_layer import FirstLayer
from ..errors import InputError, whole_number
from ..model.conversion import SpikingModel
from ..model.graph import depths, is_graph
from ..neurons.waves import default_coding, resolved_steps
from .layer_equations import check_wave, layer_equations, network_wave
from .pixels import check_pixels

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy.typing as npt

    from ..aliases import FilePath
    from ..model.files import SiameseModel
    from ..neurons.equations import Codings, NeuronEquations
    from ..spikes.trains import SpikeTrains

__all__ = ["Branch", "checked_connectivity"]


class Branch(ABC):
    """A spiking network that turns images into spike trains: one branch of the Siamese network.

    `SpikingBranch` runs it step by step from Python, `StandaloneBranch` as a C++
    program, `GennBranch` on GeNN. All give the same spikes.

    Parameters
    ----------
    model : str, path, SiameseModel or SpikingModel
        Name of a shipped model, a model file, or a loaded model.
    image_size : int
        Side of the square images, in pixels: 127 (exemplar) or 255 (search).
    steps : int, optional
        T, the time steps that each image is shown for; by default as many as a wave takes, or 20 with another coding.
    coding : str, path or NeuronEquations, optional
        Neuron equations of the last layer; by default ``"wave"``, or ``"rate"`` if `steps` is given. A wave, which is
        any model with a parameter ``onset``, is the coding of all layers; the network gives each its onset (see
        `waves`).
    hidden_coding : str, path, NeuronEquations or dict, optional
        Neuron equations of the convolutions before it; by default those of the wave, or ``"rate"`` with another
        coding. A dict gives them by layer name; layers that it does not name get the default.
    pooling : str, path or NeuronEquations, optional
        Gate of the pooling layers: in a wave ``"or_pool"`` (its default) or ``"max_pool"``, which are both exact; with
        another coding ``"max_pool"`` (its default), ``"max_pool_first"`` or ``"max_pool_all"``.
    dtype : dtype
        Precision of the state variables and weights, single by default.
    record : iterable of str
        Layers whose spikes are kept besides those of the last one; see `trains`.
    record_states : mapping of str to iterable of str
        State variables to keep, by layer, such as ``{"conv2": ["v", "v_th"]}``; see `states`.
    batch_size : int
        Images that one call of `run_batch` shows, 1 by default.

    Attributes
    ----------
    model : SpikingModel
        The spiking network.
    equations : dict of str to NeuronEquations
        By layer.
    wave : Wave or None
        When each layer gathers and fires; None unless the coding is a wave.
    steps : int
        T.
    shapes : dict of str to tuple
        (height, width, channels) of each layer.
    depths : dict of str to int
        Number of the window in which each layer fires in a wave, counted from 0.
    spikes : dict of str to ndarray of int64, shape (T,)
        Spikes of each layer in each step of the last run, over all its images; zeros before the first run.
    operations : dict of str to ndarray of int64, shape (T,)
        Synaptic events into each layer but the first, counted likewise.
    steps_run : int
        Steps of the last run: T, or fewer if it was stopped early; 0 before the first run.

    Raises
    ------
    InputError
        If an argument is invalid, or the network does not fit into memory.
    """

    #: Brian2's name of the device.
    device: ClassVar[str] = ""

    def __init__(
        self,
        model: FilePath | SiameseModel | SpikingModel,
        image_size: int,
        steps: int | None = None,
        coding: Codings | None = None,
        *,
        hidden_coding: Codings | None = None,
        pooling: Codings | None = None,
        dtype: npt.DTypeLike = np.float32,
        record: Iterable[str] = (),
        record_states: Mapping[str, Iterable[str]] | None = None,
        batch_size: int = 1,
    ) -> None:
        image_size, batch_size = whole_number("image_size", image_size), whole_number("batch_size", batch_size)
        if get_device().__class__.__name__ != "RuntimeDevice":
            raise InputError(
                f"device: a branch must be built on Brian2's runtime device, but set_device selected "
                f"{get_device().__class__.__name__}; use build_branch(..., device=...) instead of set_device"
            )
        self.model = SpikingModel.of(model)
        self.image_size, self.batch_size = image_size, batch_size
        self.shapes = self.model.shapes(image_size)
        self.projections = self.model.projections(image_size)
        self.first_layer = FirstLayer(self.model)
        coding = default_coding(steps) if coding is None else coding
        self.equations: dict[str, NeuronEquations] = layer_equations(self.model, coding, hidden_coding, pooling)
        self.wave = network_wave(self.equations)
        self.depths = depths(self.model.layers)
        check_wave(self.model.layers, self.wave)
        self.steps = resolved_steps(steps, self.wave, max(self.depths.values()) + 1)
        names = list(self.shapes)
        self.last_layer = names[-1]
        self._recorded = tuple(dict.fromkeys((*self._known("record", record), self.last_layer)))
        states = record_states or {}
        self._recorded_states = {layer: tuple(states[layer]) for layer in self._known("record_states", states)}
        self._dtype = np.dtype(dtype)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise InputError(
            f"{type(self).__name__}: a simulation can be neither copied nor pickled; build another one, in another "
            "process from the same arguments (a TrackerConfig can be pickled, and builds trackers)"
        )

    def _known(self, setting, layers):
        layers = tuple(layers)
        for name in layers:
            if name not in self.shapes:
                raise InputError(f"{setting}: expected layers of this model {list(self.shapes)}, got {name!r}")
        return layers

    def __repr__(self) -> str:
        neurons = self.model.neuron_count(self.image_size)
        batch = f", {self.batch_size} images at once" if self.batch_size > 1 else ""
        return (
            f"<{type(self).__name__} {self.image_size}x{self.image_size} px, {len(self.shapes)} layers, "
            f"{neurons:,} neurons, T={self.steps}, {self.equations[self.last_layer].name} coding{batch}>"
        )

    def run(self, image: np.ndarray) -> SpikeTrains:
        """Show one image for T steps.

        Parameters
        ----------
        image : ndarray, shape (image_size, image_size, 3)
            RGB, 0 to 255.

        Returns
        -------
        SpikeTrains
            Of the last layer.

        Raises
        ------
        InputError
            If the image has another shape or range, or the branch was built for several images.
        """
        if self.batch_size > 1:
            raise InputError(
                f"run: this branch was built with batch_size={self.batch_size}; "
                f"call run_batch with {self.batch_size} images"
            )
        image = self._checked("image", image, self._image_shape)
        return self.run_batch(image[None])[0]

    def run_batch(self, images: np.ndarray) -> list[SpikeTrains]:
        """Show as many images as the branch was built for, each for T steps.

        Parameters
        ----------
        images : ndarray, shape (batch_size, image_size, image_size, 3)
            RGB, 0 to 255.

        Returns
        -------
        list of SpikeTrains
            Of the last layer, one per image.

        Raises
        ------
        InputError
            If the images have another shape or range, or there are more or fewer.
        """
        self._simulate(self._checked_batch(images))
        return [self.trains(self.last_layer, image) for image in range(self.batch_size)]

    def _checked_batch(self, images):
        return self._checked("images", images, (self.batch_size, *self._image_shape))

    def _checked(self, name, images, shape):
        images = np.asarray(images)
        if images.shape != shape:
            raise InputError(f"{name}: expected shape {shape}, got {images.shape}")
        check_pixels(name, images, own_range=is_graph(self.model.layers))
        return images

    @property
    def _image_shape(self):
        return (self.image_size, self.image_size, self.model.image_channels)

    @abstractmethod
    def _simulate(self, images: np.ndarray) -> None:
        """Show images that were checked."""

    @property
    @abstractmethod
    def spikes(self) -> dict[str, np.ndarray]:
        """Spikes of each layer in each step of the last run."""

    @property
    @abstractmethod
    def operations(self) -> dict[str, np.ndarray]:
        """Synaptic events into each layer but the first in each step of the last run."""

    @property
    @abstractmethod
    def steps_run(self) -> int:
        """Steps of the last run."""

    def trains(self, layer: str, image: int = 0) -> SpikeTrains:
        """Spikes of a recorded layer in the last run; none before the first run.

        Parameters
        ----------
        layer : str
            The last layer, or one named in ``record``.
        image : int
            Which image of the batch, 0 by default.

        Returns
        -------
        SpikeTrains
            Spikes of the layer for that image.

        Raises
        ------
        InputError
            If the layer is not recorded, or there is no such image.
        """
        if layer not in self._recorded:
            raise InputError(f"{layer}: not recorded, only {list(self._recorded)} are; name it in record=")
        return self._trains_of(layer, self._image(image))

    @abstractmethod
    def _trains_of(self, layer: str, image: int) -> SpikeTrains:
        """Spikes of a layer that is recorded."""

    def states(self, layer: str, variable: str, image: int = 0) -> np.ndarray:
        """A recorded state variable in every step of the last run.

        The values are those at the moment when the threshold is tested: the
        step's input has arrived, and neurons that are about to fire are not yet
        reset. So a neuron fires in a step if and only if its ``v`` there is at or
        above its ``v_th``.

        Parameters
        ----------
        layer : str
            One named in ``record_states``.
        variable : str
            One named there for this layer.
        image : int
            Which image of the batch, 0 by default.

        Returns
        -------
        ndarray, shape (steps_run, H, W, C)
            Values by step and neuron.

        Raises
        ------
        InputError
            If it is not recorded.
        """
        if variable not in self._recorded_states.get(layer, ()):
            raise InputError(f"{layer}: {variable!r} is not recorded; name it in record_states={{{layer!r}: [...]}}")
        values = self._states_of(layer, variable)
        return values.reshape(-1, self.batch_size, *self.shapes[layer])[:, self._image(image)]

    @abstractmethod
    def _states_of(self, layer: str, variable: str) -> np.ndarray:
        """Values of a variable that is recorded, shape (steps_run, batch_size * neurons)."""

    def _image(self, image):
        if not 0 <= image < self.batch_size:
            raise InputError(f"image: expected 0 to {self.batch_size - 1}, got {image}")
        return image


def checked_connectivity(connectivity: str) -> str:
    """Check the form of connectivity of a branch that can have either.

    Parameters
    ----------
    connectivity : {"kernel", "synapses"}
        Shared kernels, or every weight a Brian2 synapse.

    Returns
    -------
    str
        The same.

    Raises
    ------
    InputError
        If it is neither.
    """
    if connectivity not in ("kernel", "synapses"):
        raise InputError(f"connectivity: expected 'kernel' or 'synapses', got {connectivity!r}")
    return connectivity
