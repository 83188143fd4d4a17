"""Find the layers of a network in a PyTorch state dictionary, with nothing left over.

A state dictionary says neither what its tensors are used for nor in which order. Names are therefore read as published
SiamFC networks use them, and a tensor that has no part in the result is an error, because the network that it belongs
to computes something else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from .files import check_tensor
from .layers import convolutions

if TYPE_CHECKING:
    from ..aliases import Weights
    from .layers import Layer

__all__ = ["fold_batch_norm", "find_state_dict", "left_over", "read_network", "read_response"]

#: SiamFC's batch norm (siamfc-pytorch, backbones.py). A state dictionary does not store it; PyTorch's own is 1e-5.
BATCH_NORM_EPSILON = 1e-6

FIX = "use a file written by torch.save(network.state_dict(), ...)"

#: Last part of the names of a module's parameters and buffers.
_PARAMETERS = {"weight", "bias", "scale", "running_mean", "running_var"}

_NORM = ("weight", "bias", "running_mean", "running_var")

#: Scale and bias of the response: those of SiamFC, or those of a convolution of one weight.
_RESPONSE = {"scale": ("adjust.scale", "adjust.weight"), "bias": ("adjust.bias",)}

#: Number of names that a message lists.
_LISTED = 6


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


def find_state_dict(content: Any, path: object) -> dict[str, Any]:
    """Find the state dictionary in what a file contains, as itself or anywhere in nested dictionaries.

    Parameters
    ----------
    content : object
        What ``torch.load`` returned.
    path : path-like
        The file, for messages.

    Returns
    -------
    dict of str to object
        The only dictionary of a network's parameters.

    Raises
    ------
    InputError
        If there is none, or there are several; the message lists the keys.
    """
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a state dictionary, got {type(content).__name__}; {FIX}")
    found = list(_state_dicts(content))
    if not found:
        raise InputError(f"{path}: expected a state dictionary, got one with the keys {_listed(content)}; {FIX}")
    if len(found) > 1:
        names = " and ".join(sorted(name or "the file itself" for name, _ in found)[:_LISTED])
        raise InputError(
            f"{path}: expected one state dictionary, got {len(found)}, in {names}; "
            "save the one to import with torch.save(torch.load(FILE)[KEY], ...)"
        )
    return found[0][1]


def _state_dicts(content, before=""):
    """Yield path and content of all dictionaries that hold parameters of a network."""
    import torch

    if not all(isinstance(key, str) for key in content):  # the state of an optimizer
        return
    if any(isinstance(value, torch.Tensor) and key.split(".")[-1] in _PARAMETERS for key, value in content.items()):
        yield before, content
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _state_dicts(value, f"{before}.{key}" if before else key)


def read_network(
    tensors: dict[str, np.ndarray], layers: tuple[Layer, ...], path: object
) -> tuple[Weights, float, float]:
    """Read all layers, with batch norm folded in.

    Parameters
    ----------
    tensors : dict of str to ndarray
        The state dictionary.
    layers : tuple of Convolution and MaxPool
        Architecture of the network.
    path : object
        The file, for messages.

    Returns
    -------
    weights : dict of str to (ndarray, ndarray)
        Weights and bias of each convolution.
    scale : float
        Scale of the response; 0.001 if the dictionary has none.
    bias : float
        Bias of the response; 0 if the dictionary has none.

    Raises
    ------
    InputError
        If a tensor is missing, has the wrong shape or numbers, contradicts another one, or is left over.
    """
    left = {key for key in tensors if key.split(".")[-1] != "num_batches_tracked"}
    weights = {layer.name: _layer(tensors, layer, path, left) for layer in convolutions(layers)}
    scale, bias = read_response(tensors, path, left)
    if unused := left_over(tensors, left):
        raise InputError(
            f"{path}: expected nothing but the layers {', '.join(weights)} and scale and bias of the response, got "
            f"{unused} as well, and the network that they belong to computes something else; choose its "
            "--architecture, or remove them from the file if they are not in use"
        )
    return weights, scale, bias


def _layer(tensors, layer, path, left):
    """Return weights and bias of one convolution, and remove its tensors from those left."""
    pattern = re.compile(rf"((?:.+\.)?{layer.name}(?:\.0)?)\.weight")
    prefixes = [found[1] for key in sorted(tensors) if (found := pattern.fullmatch(key))]
    if not prefixes:
        raise InputError(
            f"{path}: no weights for {layer.name} (expected a key such as backbone.{layer.name}.0.weight, "
            f"its first keys are {_listed(tensors)}); is it another --architecture, or not SiamFC?"
        )
    results = [_folded(tensors, prefix, layer, path, left) for prefix in prefixes]
    for prefix, result in zip(prefixes, results, strict=True):
        # two names of one layer, as for the two branches of a Siamese network, are fine
        if not all(np.array_equal(ours, first) for ours, first in zip(result, results[0], strict=True)):
            raise InputError(
                f"{path}: expected one set of weights for {layer.name}, got different ones in {prefixes[0]} and "
                f"{prefix}; remove those that are not in use"
            )
    return results[0]


def _folded(tensors, prefix, layer, path, left):
    w = tensors[f"{prefix}.weight"]
    check_tensor(f"{path}: {prefix}.weight", w, layer.weight_shape)
    b = tensors.get(f"{prefix}.bias", np.zeros(layer.out_channels, np.float32))
    check_tensor(f"{path}: {prefix}.bias", b, (layer.out_channels,))
    left -= {f"{prefix}.weight", f"{prefix}.bias"}
    norms = [name for name in _norms(prefix, layer.name) if any(f"{name}.{part}" in tensors for part in _NORM)]
    if len(norms) > 1:
        raise InputError(f"{path}: {layer.name}: expected at most one batch norm, got {' and '.join(norms)}")
    for norm in norms:
        w, b = fold_batch_norm(w, b, *_norm(tensors, norm, layer.out_channels, path, left))
    return w, b


def _is_same(array, other):
    """Whether two names stand for one tensor: a file stores it once, and it is loaded once."""
    return array.shape == other.shape and array.size > 0 and np.shares_memory(array, other)


def _norms(prefix, name):
    """Yield the names that the batch norm after a convolution may have."""
    if prefix.endswith(".0"):
        yield f"{prefix[:-1]}1"
    before = prefix.removesuffix(".0").removesuffix(name)
    number = name.lstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    for stem in ("bn", "norm", "batchnorm", "batch_norm"):
        yield f"{before}{stem}{number}"
        yield f"{before}{name}_{stem}"
        yield f"{before}{name}.{stem}"


def _norm(tensors, norm, channels, path, left):
    """Return gamma, beta, mean and variance of a batch norm, and remove them from those left."""
    parts = {key: tensors.get(f"{norm}.{key}") for key in _NORM}
    if parts["running_mean"] is None and parts["running_var"] is None:
        raise InputError(
            f"{path}: {norm}: expected a batch norm with running_mean and running_var, which can be folded into the "
            "convolution, got one without: it depends on each image; train with track_running_stats=True"
        )
    if parts["weight"] is None and parts["bias"] is None:  # affine=False
        parts["weight"], parts["bias"] = np.ones(channels, np.float32), np.zeros(channels, np.float32)
    for key, part in parts.items():
        if part is None:
            raise InputError(f"{path}: {norm}.{key} is missing, but other tensors of {norm} are there; {FIX}")
        check_tensor(f"{path}: {norm}.{key}", part, (channels,))
    if (parts["running_var"] < 0).any():
        least = parts["running_var"].min()
        raise InputError(f"{path}: {norm}.running_var: expected variances of 0 or more, got {least:g}")
    left -= {f"{norm}.{key}" for key in _NORM}
    return tuple(parts.values())


def left_over(tensors: dict[str, np.ndarray], left: set[str]) -> str:
    """List the tensors that have no part in a network, apart from second names of those that have.

    Parameters
    ----------
    tensors : dict of str to ndarray
        The state dictionary.
    left : set of str
        Names that were not read.

    Returns
    -------
    str
        The first names, and how many there are; empty if nothing is left over.
    """
    read = [key for key in tensors if key not in left]
    unused = {key for key in left if not any(_is_same(tensors[key], tensors[other]) for other in read)}
    return _listed(unused) if unused else ""


def read_response(
    tensors: dict[str, np.ndarray], path: object, left: set[str], scale: float = 1e-3
) -> tuple[float, float]:
    """Read scale and bias of the response: ``adjust.*``, or a batch norm of one channel.

    Parameters
    ----------
    tensors : dict of str to ndarray
        The state dictionary.
    path : object
        The file, for messages.
    left : set of str
        Names that were not read yet; those of the response are removed.
    scale : float
        Scale where the dictionary has none; 0.001 by default.

    Returns
    -------
    scale : float
        Scale of the response.
    bias : float
        Bias of the response; 0 if the dictionary has none.

    Raises
    ------
    InputError
        If one of them is not a finite number.
    """
    values: dict[str, float] = {}
    for part, names in _RESPONSE.items():
        for key in sorted(left):
            if part in values or not any(f".{key}".endswith(f".{name}") for name in names):
                continue
            if tensors[key].size != 1:
                raise InputError(f"{path}: {key}: expected one number, got shape {tensors[key].shape}")
            values[part] = float(tensors[key].item())
            if not np.isfinite(values[part]):
                raise InputError(f"{path}: {key}: expected a finite number, got {values[part]}")
            left.remove(key)
    # a norm of one channel that no layer has is one after the match, in place of scale and bias
    norms = [
        key.removesuffix(".running_mean") for key in left if key.endswith("running_mean") and tensors[key].size == 1
    ]
    if len(norms) == 1 and not values:
        gamma, beta, mean, variance = (part.item() for part in _norm(tensors, norms[0], 1, path, left))
        gain = gamma / np.sqrt(variance + BATCH_NORM_EPSILON)
        values = {"scale": float(gain), "bias": float(beta - gain * mean)}
    return values.get("scale", scale), values.get("bias", 0.0)


def _listed(names):
    """The first names, and how many there are."""
    names = sorted(map(str, names))
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return (", ".join(f"{name:.60}" for name in names[:_LISTED]) or "none") + more
