"""Turn PyTorch networks, published checkpoints or networks trained here, into models with batch norm folded in."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..files import printable
from .files import SiameseModel, check_tensor
from .layers import ALEXNET, convolutions

if TYPE_CHECKING:
    from ..aliases import FilePath
    from .cnn import SiamFC
    from .layers import Layer

__all__ = ["export", "fold_batch_norm", "import_checkpoint"]

#: SiamFC's batch norm (siamfc-pytorch, backbones.py).
BATCH_NORM_EPSILON = 1e-6

_FIX = "use a file written by torch.save(network.state_dict(), ...)"


def fold_batch_norm(
    w: np.ndarray,
    b: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    epsilon: float = BATCH_NORM_EPSILON,
) -> tuple[np.ndarray, np.ndarray]:
    """Fold a batch norm into the convolution before it.

    The folded weights and bias are

        w' = gamma / sqrt(variance + epsilon) * w
        b' = gamma / sqrt(variance + epsilon) * (b - mean) + beta

    Parameters
    ----------
    w : ndarray, shape (out, in/groups, kernel, kernel)
        Weights of the convolution.
    b : ndarray, shape (out,)
        Bias of the convolution.
    gamma : ndarray, shape (out,)
        Scale of the batch norm.
    beta : ndarray, shape (out,)
        Shift of the batch norm.
    mean : ndarray, shape (out,)
        Running mean of the batch norm.
    variance : ndarray, shape (out,)
        Running variance of the batch norm.
    epsilon : float
        Constant that the batch norm adds to the variance; 1e-6 by default, as in siamfc-pytorch.

    Returns
    -------
    w : ndarray, shape (out, in/groups, kernel, kernel)
        Folded weights, computed in double precision and rounded to single.
    b : ndarray, shape (out,)
        Folded bias, likewise.
    """
    w, b, gamma, beta, mean, variance = (np.asarray(a, dtype=np.float64) for a in (w, b, gamma, beta, mean, variance))
    factor = gamma / np.sqrt(variance + epsilon)
    return (w * factor[:, None, None, None]).astype(np.float32), (beta + factor * (b - mean)).astype(np.float32)


def import_checkpoint(path: FilePath, layers: tuple[Layer, ...] = ALEXNET) -> SiameseModel:
    """Read the weights of a SiamFC checkpoint.

    The file is loaded without running code from it. Accepted key names are those of siamfc-pytorch
    (``backbone.conv1.0.weight``, batch norm in ``backbone.conv1.1.*``) and plain ones (``conv1.weight``, batch norm
    already folded in), each with or without the prefix ``module.``. Scale and bias of the response are read from
    ``adjust.scale`` and ``adjust.bias`` if present.

    Parameters
    ----------
    path : str or path
        PyTorch file with a state dictionary.
    layers : tuple of Convolution and MaxPool
        Architecture of the network; SiamFC's AlexNet by default.

    Returns
    -------
    SiameseModel
        The network, not yet converted. Its provenance names the file and its SHA-256.

    Raises
    ------
    InputError
        If PyTorch is not installed, the file is missing, is not a plain PyTorch state dictionary, or belongs to another
        architecture; the message names the layer.
    """
    try:
        import torch
    except ImportError:
        raise InputError("importing a checkpoint needs PyTorch: pip install 'brian_siamsnn[torch]'") from None
    path = Path(path)
    if not os.path.isfile(path):
        raise InputError(f"{path}: {'expected a checkpoint, got a folder' if os.path.isdir(path) else 'no such file'}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # torch raises many undocumented types, with advice to load unsafely
        raise InputError(
            f"{path}: not a PyTorch checkpoint of plain tensors; it is damaged, another kind of file, "
            f"or contains Python objects, which are not loaded because they can run code; {_FIX}"
        ) from None
    for key in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict):
        raise InputError(f"{path}: expected a state dictionary, got {type(state).__name__}; {_FIX}")
    tensors = {
        str(key).removeprefix("module."): _array(value, f"{path}: {key}")
        for key, value in state.items()
        if isinstance(value, torch.Tensor)
    }
    weights = {layer.name: _layer_weights(tensors, layer, path) for layer in convolutions(layers)}
    response = {"adjust.scale": 1e-3, "adjust.bias": 0.0}
    for key in response.keys() & tensors.keys():
        if tensors[key].size != 1:
            raise InputError(f"{path}: {key}: expected one number, got shape {tensors[key].shape}")
        response[key] = float(tensors[key].item())
    for key, value in response.items():
        if not np.isfinite(value):
            raise InputError(f"{path}: {key}: expected a finite number, got {value}")
    return SiameseModel(
        layers,
        weights,
        response_scale=response["adjust.scale"],
        response_bias=response["adjust.bias"],
        provenance={"source": printable(path.name), "sha256_of_source": hashlib.sha256(path.read_bytes()).hexdigest()},
    )


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
        message = f"{name}: expected a plain tensor of numbers, got another kind ({reason:.120}); {_FIX}"
        raise InputError(message) from None


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
    layers, scales = convolutions(network.layers), {}
    if bounds:
        scales = {layer.name: np.full(layer.out_channels, bounds[layer.name], np.float32) for layer in layers}
    return SiameseModel(
        network.layers,
        {layer.name: _layer_weights(tensors, layer, "network") for layer in layers},
        response_scale=float(tensors["adjust.scale"]),
        response_bias=float(tensors["adjust.bias"]),
        scales=scales,
        normalisation=normalisation,
        initial_potential=initial_potential,
        provenance=provenance,
    )


def _layer_weights(tensors, layer, path):
    """Return weights and bias of one convolution, with batch norm folded in."""
    prefixes = [f"backbone.{layer.name}.0", f"{layer.name}.0", f"backbone.{layer.name}", layer.name]
    prefix = next((p for p in prefixes if f"{p}.weight" in tensors), None)
    if prefix is None:
        found = ", ".join(sorted(tensors)[:6]) or "none"
        raise InputError(
            f"{path}: no weights for {layer.name} (expected a key such as {prefixes[0]}.weight, "
            f"its first keys are {found}); is it another --architecture, or not SiamFC?"
        )
    w = tensors[f"{prefix}.weight"]
    check_tensor(f"{path}: {prefix}.weight", w, layer.weight_shape)
    b = tensors.get(f"{prefix}.bias", np.zeros(layer.out_channels, np.float32))
    check_tensor(f"{path}: {prefix}.bias", b, (layer.out_channels,))
    norm = prefix[:-1] + "1" if prefix.endswith(".0") else None
    if norm and f"{norm}.running_mean" in tensors:
        parts = [tensors.get(f"{norm}.{key}") for key in ("weight", "bias", "running_mean", "running_var")]
        for key, part in zip(("weight", "bias", "running_mean", "running_var"), parts, strict=True):
            if part is None:
                raise InputError(f"{path}: {norm}.{key} is missing, but {norm}.running_mean is there; {_FIX}")
            check_tensor(f"{path}: {norm}.{key}", part, (layer.out_channels,))
        if (parts[-1] < 0).any():
            raise InputError(f"{path}: {norm}.running_var: expected variances of 0 or more, got {parts[-1].min():g}")
        w, b = fold_batch_norm(w, b, *parts)
    return w, b
