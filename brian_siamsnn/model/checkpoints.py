"""Turn PyTorch networks, published checkpoints or networks trained here, into models with batch norm folded in."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..files import printable
from .checkpoint_files import read_checkpoint
from .ciresnet_names import ciresnet22_prefix
from .files import SiameseModel
from .layers import ALEXNET, convolutions
from .state_dicts import read_network

if TYPE_CHECKING:
    from ..aliases import FilePath
    from .cnn import SiamFC
    from .layers import Layer

__all__ = ["export", "import_checkpoint", "import_ciresnet22"]


def import_checkpoint(path: FilePath, layers: tuple[Layer, ...] | None = None) -> SiameseModel:
    """Read the weights of a SiamFC checkpoint, or of SiamDW's with CIResNet22.

    The file is loaded without running code from it. It holds a state dictionary, alone or as the only one in
    dictionaries such as ``{"model_state_dict": ..., "epoch": 50}``. Accepted names are those of siamfc-pytorch
    (``backbone.conv1.0.weight``, batch norm in ``backbone.conv1.1.*``) and plain ones (``conv1.weight``, batch norm in
    ``bn1.*``, ``norm1.*`` or folded in already), each with any prefix such as ``module.``. Scale and bias of the
    response are ``adjust.scale`` (or ``adjust.weight``) and ``adjust.bias``, or those of a batch norm after the match;
    without them they are 0.001 and 0. Nothing is left over, apart from ``num_batches_tracked`` and second names of the
    same numbers.

    Parameters
    ----------
    path : str or path
        PyTorch file with a state dictionary.
    layers : tuple of Convolution and MaxPool, optional
        Architecture of the network; by default CIResNet22 if the file has its names (``layer1.0.conv1.weight``, see
        `import_ciresnet22`), else SiamFC's AlexNet.

    Returns
    -------
    SiameseModel
        The network, not yet converted. Its provenance names the file and its SHA-256.

    Raises
    ------
    InputError
        If PyTorch is not installed or too old, the file is missing, holds no or several state dictionaries, or belongs
        to another architecture; the message names the layer, or the tensors left over.
    """
    path = Path(path)
    state = read_checkpoint(path)
    if layers is None and ciresnet22_prefix(state) is not None:
        return import_ciresnet22(path)
    layers = layers or ALEXNET
    weights, scale, bias = read_network(state, layers, path)
    return SiameseModel(layers, weights, response_scale=scale, response_bias=bias, provenance=_provenance(path))


def import_ciresnet22(path: FilePath, width: int | None = None) -> SiameseModel:
    """Read a checkpoint of SiamDW's tracker with CIResNet22, as a directed graph of layers.

    Parameters
    ----------
    path : str or path
        PyTorch file with a state dictionary, with SiamDW's names or plain ones.
    width : int, optional
        Channels of the first convolution; by default those of the file.

    Returns
    -------
    SiameseModel
        The network, not yet converted. Its provenance names the file and its SHA-256.

    Raises
    ------
    InputError
        As `load_residual_siamfc`, which says what is read.
    """
    try:
        import torch  # noqa: F401
    except ImportError:
        raise InputError("importing a checkpoint needs PyTorch: pip install 'brian_siamsnn[torch]'") from None
    from .ciresnet import load_residual_siamfc

    return load_residual_siamfc(path, width).folded(_provenance(Path(path)))


def _provenance(path):
    return {"source": printable(path.name), "sha256_of_source": hashlib.sha256(path.read_bytes()).hexdigest()}


def export(
    network: SiamFC,
    provenance: dict[str, Any],
    bounds: dict[str, float] | None = None,
    normalisation: str = "",
    initial_potential: float = 0.0,
) -> SiameseModel:
    """Turn a trained network into a model, with batch norm folded in.

    Parameters
    ----------
    network : SiamFC
        The network.
    provenance : dict
        Source, licence and training data, for the model file.
    bounds : dict of str to float, optional
        Learnt upper bound of each convolution's activation, which becomes its scale. Without bounds the model is not
        converted.
    normalisation : str
        How the scales were found, see `SiameseModel`; empty by default.
    initial_potential : float
        Initial membrane potential that the network was trained for, in units of the threshold; 0 by default.

    Returns
    -------
    SiameseModel
        The model.
    """
    tensors = {key: value.detach().cpu().float().numpy() for key, value in network.state_dict().items()}
    weights, scale, bias = read_network(tensors, network.layers, "network")
    scales = {}
    if bounds:
        for layer in convolutions(network.layers):
            scales[layer.name] = np.full(layer.out_channels, bounds[layer.name], np.float32)
    return SiameseModel(
        network.layers,
        weights,
        response_scale=scale,
        response_bias=bias,
        scales=scales,
        normalisation=normalisation,
        initial_potential=initial_potential,
        provenance=provenance,
    )
