"""PyTorch networks as models: a published SiamFC checkpoint, or one that was trained here; batch norm folded in."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from .files import SiameseModel, check_tensor
from .layers import ALEXNET, convolutions

if TYPE_CHECKING:
    from ..aliases import FilePath
    from .cnn import SiamFC
    from .layers import Layer

__all__ = ["export", "fold_batch_norm", "import_checkpoint"]

#: SiamFC's batch norm (siamfc-pytorch, backbones.py).
BATCH_NORM_EPSILON = 1e-6

_MEND = "take one that torch.save(network.state_dict(), ...) wrote"


def fold_batch_norm(
    w: np.ndarray,
    b: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    epsilon: float = BATCH_NORM_EPSILON,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Fold a batch norm into the convolution before it.

    .. math:: w' = \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}} w, \qquad
              b' = \beta + \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}} (b - \mu)

    Parameters
    ----------
    w : ndarray, shape (out, in/groups, kernel, kernel)
    b, gamma, beta, mean, variance : ndarray, shape (out,)
    epsilon : float
        What the batch norm adds to the variance.

    Returns
    -------
    w, b : ndarray
        Of the same shapes, single precision; worked out in double precision.
    """
    w, b, gamma, beta, mean, variance = (np.asarray(a, dtype=np.float64) for a in (w, b, gamma, beta, mean, variance))
    factor = gamma / np.sqrt(variance + epsilon)
    return (w * factor[:, None, None, None]).astype(np.float32), (beta + factor * (b - mean)).astype(np.float32)


def import_checkpoint(path: FilePath, layers: tuple[Layer, ...] = ALEXNET) -> SiameseModel:
    """Read the weights of a SiamFC checkpoint (a PyTorch file, loaded safely).

    Taken are the key names of siamfc-pytorch (``backbone.conv1.0.weight``, with
    batch norm in ``backbone.conv1.1.*``) and plain ones (``conv1.weight``,
    batch norm folded already), with or without ``module.`` before them; the
    response from ``adjust.scale`` and ``adjust.bias`` where they are.

    Returns
    -------
    SiameseModel
        Not converted yet.

    Raises
    ------
    InputError
        If the file is missing, is not a plain PyTorch state dictionary, or
        belongs to another architecture; the message names the layer.
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
    except Exception:  # torch raises many kinds, none of them documented, with advice to load unsafely
        raise InputError(
            f"{path}: not a PyTorch checkpoint of plain tensors; it is damaged, another kind of file, "
            f"or holds Python objects, which are not loaded because they can run code; {_MEND}"
        ) from None
    for key in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict):
        raise InputError(f"{path}: expected a state dictionary, got {type(state).__name__}; {_MEND}")
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
        provenance={"source": path.name, "sha256_of_source": hashlib.sha256(path.read_bytes()).hexdigest()},
    )


def _array(tensor, name):
    """A tensor of a checkpoint in NumPy, single precision."""
    try:
        if tensor.is_sparse or tensor.is_complex():
            raise RuntimeError("it is sparse" if tensor.is_sparse else "its numbers are complex")
        # a view such as expand() makes says a huge shape and stores a few numbers
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise RuntimeError(f"of shape {tuple(tensor.shape)} it stores fewer numbers")
        return tensor.detach().float().numpy()
    except (RuntimeError, TypeError, NotImplementedError) as error:  # sparse, quantised, without data, ...
        reason = str(error).splitlines()[0].split(". ")[0]
        raise InputError(
            f"{name}: expected a plain tensor of numbers, got another kind ({reason:.120}); {_MEND}"
        ) from None


def export(
    network: SiamFC,
    provenance: dict[str, Any],
    bounds: dict[str, float] | None = None,
    normalisation: str = "",
    initial_potential: float = 0.0,
) -> SiameseModel:
    """A trained network as a model, batch norm folded in.

    Parameters
    ----------
    network : SiamFC
    provenance : dict
    bounds : dict of str to float, optional
        Learnt upper bound of each convolution's activation: its scale.
    normalisation, initial_potential
        See `SiameseModel`.

    Returns
    -------
    SiameseModel
    """
    tensors = {key: value.detach().cpu().float().numpy() for key, value in network.state_dict().items()}
    layers = convolutions(network.layers)
    return SiameseModel(
        network.layers,
        {layer.name: _layer_weights(tensors, layer, "network") for layer in layers},
        response_scale=float(tensors["adjust.scale"]),
        response_bias=float(tensors["adjust.bias"]),
        scales={layer.name: np.full(layer.out_channels, bounds[layer.name], np.float32) for layer in layers}
        if bounds
        else {},
        normalisation=normalisation,
        initial_potential=initial_potential,
        provenance=provenance,
    )


def _layer_weights(tensors, layer, path):
    """Weights and bias of one convolution, batch norm folded in."""
    prefixes = [f"backbone.{layer.name}.0", f"{layer.name}.0", f"backbone.{layer.name}", layer.name]
    prefix = next((p for p in prefixes if f"{p}.weight" in tensors), None)
    if prefix is None:
        found = ", ".join(sorted(tensors)[:6]) or "none"
        raise InputError(
            f"{path}: no weights for {layer.name} (looked for {prefixes[0]}.weight and the like); "
            f"its first keys: {found}; is it another --architecture, or not SiamFC?"
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
                raise InputError(f"{path}: {norm}.{key} is missing beside {norm}.running_mean; {_MEND}")
            check_tensor(f"{path}: {norm}.{key}", part, (layer.out_channels,))
        if (parts[-1] < 0).any():
            raise InputError(f"{path}: {norm}.running_var: expected variances of 0 or more, got {parts[-1].min():g}")
        w, b = fold_batch_norm(w, b, *parts)
    return w, b
