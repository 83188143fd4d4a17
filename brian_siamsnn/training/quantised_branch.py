"""The branch as a wave runs it, differentiable: fixed-point weights and p activation levels.

With weights w and biases b after batch norm, and a bound lambda of each layer's activation, the weights in units of the
threshold are, as in `conversion` and `fixed_point_weights`,

    W = u round(w lambda' / (lambda u)),      B = u round(b / (lambda u))

where lambda' is the bound of the layer before, and u is the unit of an output channel. The first layer is not rounded.
The counts of a layer are those of its integrate-and-fire neurons (clip-floor-shift, Bu 2022):

    n = clip(floor(1/2 + sum_j W_j n_j + p B), 0, p)

Gradients pass round and floor unchanged (straight-through). The sums are exact in single precision, so training sees
the same integers as the wave.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.activation_scales import ActivationScales
from ..model.cnn import functional, nn, torch
from ..model.conversion import SpikingModel, unit_scales
from ..model.fixed_point_weights import smallest_units
from ..model.layers import Convolution, convolutions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..model.cnn import SiamFC
    from ..model.files import SiameseModel

__all__ = ["INITIAL_POTENTIAL", "QuantisedBranch", "straight_through"]

#: Membrane potential before the first step, in thresholds: it rounds to the nearest level.
INITIAL_POTENTIAL = 0.5


def straight_through(exact: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Return `exact`, with the gradient of `x`.

    Parameters
    ----------
    exact : torch.Tensor
        Value of the result.
    x : torch.Tensor
        Tensor of the same shape that receives the gradient.

    Returns
    -------
    torch.Tensor
        `exact`.
    """
    return x + (exact - x).detach()


class QuantisedBranch(nn.Module):
    """A SiamFC branch with fixed-point weights and quantised activations, whose bounds are trained.

    The weights stay those of the network; batch norm must be frozen.

    Parameters
    ----------
    network : SiamFC
        The network. It is not a part of this module's state.
    levels : int
        Levels p besides zero.

    Attributes
    ----------
    bounds : torch.nn.ParameterDict
        Bound lambda of each layer's activation, by name.
    rates : dict of str to torch.Tensor
        Mean of n / p by layer, over the images that were embedded last: spikes per neuron and step of its window.
    """

    def __init__(self, network: SiamFC, levels: int) -> None:
        super().__init__()
        self._network = [network]  # in a list, so that it is not registered as a part
        self.levels = levels
        names = [layer.name for layer in convolutions(network.layers)]
        self.bounds = nn.ParameterDict({name: nn.Parameter(torch.tensor(1.0)) for name in names})
        self.rates: dict[str, torch.Tensor] = {}

    def set_bounds(self, batches: Iterable[torch.Tensor]) -> None:
        """Set the bounds that quantise the network's present activations with the least squared error.

        Parameters
        ----------
        batches : iterable of torch.Tensor, shape (B, 3, H, W)
            Images.
        """
        statistics = ActivationScales(levels=self.levels)
        with torch.no_grad():
            for images in batches:
                activations = self._network[0].activations(images)
                statistics.add({name: activations[name].cpu().numpy() for name in self.bounds})
            for name, scales in statistics.scales().items():
                self.bounds[name].fill_(float(scales[0]))

    def weights(self) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
        """Compute weights and biases in units of the threshold, rounded but for the first layer.

        Returns
        -------
        dict of str to (torch.Tensor, torch.Tensor)
            W, of shape (out, in/groups, kernel, kernel), and B, of shape (out,), of each convolution.
        """
        result: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        before: torch.Tensor | float = 1.0
        for layer in convolutions(self._network[0].layers):
            w, b = _folded(self._network[0].stages[layer.name])
            bound = self.bounds[layer.name]
            w, b = w * (before / bound), b / bound
            if result:
                w, b = _rounded(w, b)
            result[layer.name] = w, b
            before = bound
        return result

    def counts(self, weights: dict[str, tuple[torch.Tensor, torch.Tensor]], images: torch.Tensor) -> torch.Tensor:
        """Compute the spike counts of the last layer.

        Parameters
        ----------
        weights : dict of str to (torch.Tensor, torch.Tensor)
            Result of `weights`, which serves for many images.
        images : torch.Tensor, shape (B, 3, H, W)
            RGB, 0 to 255.

        Returns
        -------
        torch.Tensor, shape (B, C, H', W')
            Counts n, whole numbers from 0 to p.
        """
        p, layers = self.levels, self._network[0].layers
        n = images
        for layer in layers:
            if not isinstance(layer, Convolution):
                n = functional.max_pool2d(n, layer.kernel, layer.stride)
                continue
            w, b = weights[layer.name]
            # the input of the first layer is the image, in every one of p steps
            gain = p if layer is layers[0] else 1
            sums = functional.conv2d(n, gain * w, p * b + INITIAL_POTENTIAL, layer.stride, groups=layer.groups)
            n = straight_through(sums.floor(), sums).clamp(0, p)
            self.rates[layer.name] = n.mean() / p
        return n

    def embed(self, weights: dict[str, tuple[torch.Tensor, torch.Tensor]], images: torch.Tensor) -> torch.Tensor:
        """Compute the features that the counts of the last layer stand for, lambda n / p.

        Parameters
        ----------
        weights : dict of str to (torch.Tensor, torch.Tensor)
            Result of `weights`.
        images : torch.Tensor, shape (B, 3, H, W)
            RGB, 0 to 255.

        Returns
        -------
        torch.Tensor, shape (B, C, H', W')
            Features, in the units of the network's.
        """
        last = convolutions(self._network[0].layers)[-1].name
        return self.counts(weights, images) * (self.bounds[last] / self.levels)

    def export(self, provenance: dict[str, Any]) -> SiameseModel:
        """Turn the branch into a model with fixed-point weights.

        Parameters
        ----------
        provenance : dict
            Source, licence and training data, for the model file.

        Returns
        -------
        SiameseModel
            The model. Its quantised CNN has the counts of this branch.
        """
        layers, adjust = self._network[0].layers, self._network[0].adjust
        with torch.no_grad():
            weights = {name: (w.cpu().numpy(), b.cpu().numpy()) for name, (w, b) in self.weights().items()}
        model = unit_scales(SpikingModel(layers, weights, INITIAL_POTENTIAL), provenance)
        bound = self.bounds[convolutions(layers)[-1].name].item()
        return replace(
            model,
            response_scale=adjust.scale.item() * bound**2,
            response_bias=adjust.bias.item(),
            normalisation=f"trained with {self.levels} levels; fixed-point, in units of spikes",
        )


def _folded(stage):
    """Weights and bias of a convolution with its batch norm folded in."""
    convolution = stage[0]
    w, b = convolution.weight, convolution.bias
    if isinstance(norm := stage[1] if len(stage) > 1 else None, nn.BatchNorm2d):
        mean: Any = norm.running_mean  # None in the stubs, for a batch norm without statistics
        variance: Any = norm.running_var
        gain = norm.weight / torch.sqrt(variance + norm.eps)
        w, b = w * gain[:, None, None, None], (b - mean) * gain + norm.bias
    return w, b


def _rounded(w, b):
    """Round to multiples of each output channel's unit, with straight-through gradients."""
    units = smallest_units(w.detach().cpu().numpy(), b.detach().cpu().numpy())
    unit = torch.from_numpy(units.astype(np.float32)).to(w.device)
    of_weights = unit[:, None, None, None]
    return straight_through((w / of_weights).round() * of_weights, w), straight_through((b / unit).round() * unit, b)
