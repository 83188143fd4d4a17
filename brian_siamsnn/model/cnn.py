"""SiamFC in PyTorch: the convolutional branch and its response map.

Modules are named as in siamfc-pytorch, so a checkpoint of that project loads with `torch.nn.Module.load_state_dict`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import InputError
from .graph import is_graph
from .layers import Convolution, MaxPool, convolutions

if TYPE_CHECKING:
    from ..aliases import Weights
    from .files import SiameseModel
    from .layers import Layer

try:
    import torch
    from torch import nn
    from torch.nn import functional
except ImportError:
    raise InputError(
        "training, importing checkpoints and --tracker cnn need PyTorch: pip install 'brian_siamsnn[torch]'"
    ) from None

__all__ = ["Adjust", "SiamFC"]


class Adjust(nn.Module):
    """Scale and bias of the response; only the bias is trained.

    Parameters
    ----------
    scale : float
        Factor of the response.
    bias : float
        Initial bias of the response.
    """

    scale: torch.Tensor

    def __init__(self, scale: float, bias: float) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor(float(scale)))
        self.bias = nn.Parameter(torch.tensor(float(bias)))


class SiamFC(nn.Module):
    """Two branches with shared weights, compared by cross-correlation (Bertinetto 2016).

    The response map of an exemplar z and a search region x is

        M(z, x) = scale * (phi(z) * phi(x)) + bias

    where phi is the branch: convolution, batch norm, rectifier and pooling, layer by layer, without padding.

    Parameters
    ----------
    layers : tuple of Convolution and MaxPool
        The branch; a pooling layer belongs to the convolution before it.
    scale : float
        Factor of the response, not trained, as in siamfc-pytorch; 0.001 by default.
    bias : float
        Initial bias of the response, trained, as in the MATLAB original; 0 by default.

    Raises
    ------
    InputError
        If the first layer is a pooling layer.

    Notes
    -----
    Images are RGB, 0 to 255, float, shape (B, 3, H, W). Scale and bias are stored as ``adjust.scale`` and
    ``adjust.bias``, as in the original. Loading a state dictionary without them (siamfc-pytorch has neither) leaves
    them unchanged.
    """

    def __init__(self, layers: tuple[Layer, ...], scale: float = 0.001, bias: float = 0.0) -> None:
        super().__init__()
        self.layers = tuple(layers)
        self.backbone = nn.Module()
        self.adjust = Adjust(scale, bias)
        # modules by layer name, because a pooling layer shares the Sequential of its convolution
        self.stages = {}
        sequence = None
        for layer in self.layers:
            stage = _modules(layer)
            if isinstance(layer, Convolution):
                sequence = nn.Sequential()
                self.backbone.add_module(layer.name, sequence)
            elif sequence is None:
                raise InputError(f"{layer.name}: a branch starts with a convolution, got pooling first")
            sequence.extend(stage)
            self.stages[layer.name] = stage

    @classmethod
    def from_model(cls, model: SiameseModel) -> SiamFC:
        """Build the network of a model, whose batch norm is folded in.

        Parameters
        ----------
        model : SiameseModel
            A chain of layers, or a directed graph.

        Returns
        -------
        SiamFC
            The network, in evaluation mode. That of a graph has no modules to train.
        """
        if is_graph(model.layers):
            network: SiamFC = _GraphBranch(model)
            return network.eval()
        return cls.from_folded(model.layers, model.weights, model.response_scale, model.response_bias)

    @classmethod
    def from_folded(
        cls, layers: tuple[Layer, ...], weights: Weights, scale: float = 0.001, bias: float = 0.0
    ) -> SiamFC:
        """Build a network from weights with batch norm already folded in.

        Parameters
        ----------
        layers : tuple of Convolution and MaxPool
            The branch.
        weights : dict of str to (ndarray, ndarray)
            Weights, of shape ``weight_shape``, and bias, of shape ``(out_channels,)``, of each convolution.
        scale : float
            Factor of the response; 0.001 by default.
        bias : float
            Bias of the response; 0 by default.

        Returns
        -------
        SiamFC
            The network, in evaluation mode.

        Raises
        ------
        InputError
            If a convolution has no weights, or weights of another shape.
        """
        folded = tuple(
            replace(layer, batch_norm=False) if isinstance(layer, Convolution) else layer for layer in layers
        )
        network = cls(folded, scale, bias)
        state = {}
        for layer in convolutions(folded):
            if layer.name not in weights:
                raise InputError(f"{layer.name}: has no weights; there are weights for {sorted(weights)}")
            w, b = weights[layer.name]
            if w.shape != layer.weight_shape or b.shape != (layer.out_channels,):
                raise InputError(
                    f"{layer.name}: expected weights of shape {layer.weight_shape} and a bias of shape "
                    f"{(layer.out_channels,)}, got {w.shape} and {b.shape}"
                )
            # copied, because arrays read from a file may be read-only
            state[f"backbone.{layer.name}.0.weight"] = torch.tensor(w)
            state[f"backbone.{layer.name}.0.bias"] = torch.tensor(b)
        network.load_state_dict(state)
        return network.eval()

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        """Compute the features of images.

        Parameters
        ----------
        images : torch.Tensor, shape (B, 3, H, W)
            RGB, 0 to 255.

        Returns
        -------
        torch.Tensor, shape (B, C, H', W')
            Output of the last layer.
        """
        for stage in self.stages.values():
            for module in stage:
                images = module(images)
        return images

    def activations(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Compute the output of every layer.

        Parameters
        ----------
        images : torch.Tensor, shape (B, 3, H, W)
            RGB, 0 to 255.

        Returns
        -------
        dict of str to torch.Tensor, shape (B, C, H', W')
            Output by layer name, after the rectifier; signed for a layer without one (conv5 of AlexNet).
        """
        result = {}
        for name, stage in self.stages.items():
            for module in stage:
                images = module(images)
            result[name] = images
        return result

    def response(self, z: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Compute the response map of each search crop, scale * (z * x) + bias.

        Parameters
        ----------
        z : torch.Tensor, shape (B, C, h, w) or (1, C, h, w)
            Features of one exemplar per search crop, or of one exemplar for all of them.
        x : torch.Tensor, shape (B, C, H, W)
            Features of search crops.

        Returns
        -------
        torch.Tensor, shape (B, H - h + 1, W - w + 1)
            Response maps.

        Raises
        ------
        InputError
            If there are several exemplars but not one per search crop, or the channels differ.
        """
        if z.shape[1] != x.shape[1] or z.shape[0] not in (1, x.shape[0]):
            raise InputError(
                f"response: expected exemplar features for one or all of {x.shape[0]} search crops with "
                f"{x.shape[1]} channels, got shape {tuple(z.shape)}"
            )
        if z.shape[0] == 1:
            maps = functional.conv2d(x, z)
        else:
            # one group per pair: each exemplar is the kernel of its own search crop
            maps = functional.conv2d(x.reshape(1, -1, *x.shape[2:]), z, groups=len(x)).transpose(0, 1)
        return self.adjust.scale * maps[:, 0] + self.adjust.bias

    def forward(self, exemplars: torch.Tensor, searches: torch.Tensor) -> torch.Tensor:
        """Compute the response maps of exemplars and search crops.

        Parameters
        ----------
        exemplars : torch.Tensor, shape (B, 3, 127, 127) or (1, 3, 127, 127)
            Exemplar crops, RGB, 0 to 255.
        searches : torch.Tensor, shape (B, 3, 255, 255)
            Search crops, RGB, 0 to 255.

        Returns
        -------
        torch.Tensor, shape (B, H, W)
            Response maps.
        """
        return self.response(self.embed(exemplars), self.embed(searches))

    def _load_from_state_dict(self, state_dict, prefix, *arguments):
        for name in ("scale", "bias"):
            state_dict.setdefault(f"{prefix}adjust.{name}", getattr(self.adjust, name).detach())
        super()._load_from_state_dict(state_dict, prefix, *arguments)


class _GraphBranch(SiamFC):
    """A branch that is a directed graph of layers, with the weights of a model."""

    def __init__(self, model: SiameseModel) -> None:
        nn.Module.__init__(self)
        self.layers, self._model = model.layers, model
        self.adjust = Adjust(model.response_scale, model.response_bias)

    def activations(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        from .graph_cnn import graph_activations

        return graph_activations(self._model, images)

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        return self.activations(images)[self.layers[-1].name]


def _modules(layer):
    """Create the PyTorch modules of one layer, in the order in which they are applied."""
    if isinstance(layer, MaxPool):
        return [nn.MaxPool2d(layer.kernel, layer.stride)]
    modules: list[nn.Module] = [
        nn.Conv2d(layer.in_channels, layer.out_channels, layer.kernel, layer.stride, groups=layer.groups)
    ]
    if layer.batch_norm:
        modules.append(nn.BatchNorm2d(layer.out_channels, eps=1e-6, momentum=0.05))
    if layer.rectify:
        modules.append(nn.ReLU())
    return modules
