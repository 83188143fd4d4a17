"""Model files: read, write, verify, and import a SiamFC checkpoint.

A model file is a safetensors file.  Its tensors are ``<layer>.weight`` and
``<layer>.bias`` with batch norm folded in, in the units of the CNN, and, once
the model is converted, ``<layer>.scale``: the activation that one spike a step
stands for (see :mod:`brian_siamsnn.conversion`).  Its metadata has one entry,
``brian_siamsnn``, a JSON object with the layers, the response's scale and bias,
the input convention, where the weights come from, and a SHA-256 over all of it.
One file thus serves the CNN and the spiking network alike.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from .architecture import ALEXNET, convolutions, layers_from_json, layers_to_json
from .errors import InputError
from .resources import find, write_whole

__all__ = [
    "INPUT_CONVENTION",
    "SiameseModel",
    "export",
    "fold_batch_norm",
    "import_checkpoint",
    "load",
    "read",
    "write",
]

FORMAT = "brian_siamsnn model 1"

#: What every model takes; a checkpoint with another convention has it folded into conv1.
INPUT_CONVENTION = {"channels": "RGB", "range": [0, 255], "mean": 0}

#: SiamFC's batch norm (siamfc-pytorch, backbones.py).
BATCH_NORM_EPSILON = 1e-6


@dataclass(frozen=True)
class SiameseModel:
    """A Siamese branch with its weights, and how to read its response.

    Attributes
    ----------
    layers : tuple
        Of :class:`~brian_siamsnn.architecture.Convolution` and ``MaxPool``.
    weights : dict of str to (ndarray, ndarray)
        Weights (out, in/groups, kernel, kernel) and bias (out,) of each
        convolution, batch norm folded in, single precision.
    response_scale, response_bias : float
        f(z, x) = scale * (z * x) + bias  (Eq. 1).
    scales : dict of str to ndarray
        Per convolution, the activation of one spike a step, shape (out,).
        Empty until the model is converted.
    normalisation : str
        How the scales came about; empty until the model is converted.
    initial_potential : float
        Membrane potential before the first step that the weights were trained
        for, in thresholds.
    provenance : dict
        Free text: source, licence, training data.
    """

    layers: tuple
    weights: dict
    response_scale: float = 1e-3
    response_bias: float = 0.0
    scales: dict = field(default_factory=dict)
    normalisation: str = ""
    initial_potential: float = 0.0
    provenance: dict = field(default_factory=dict)

    def __post_init__(self):
        checked = {}
        if not 0 <= self.initial_potential < 1:
            raise InputError(f"initial_potential: expected 0 or more, below 1, got {self.initial_potential}")
        for layer in convolutions(self.layers):
            if layer.name not in self.weights:
                raise InputError(f"{layer.name}: the model has no weights for it; it has {sorted(self.weights)}")
            w, b = (np.ascontiguousarray(a, dtype=np.float32) for a in self.weights[layer.name])
            _check(f"{layer.name}.weight", w, layer.weight_shape)
            _check(f"{layer.name}.bias", b, (layer.out_channels,))
            checked[layer.name] = (w, b)
            if self.scales:
                scale = np.asarray(self.scales.get(layer.name, ()), dtype=np.float32)
                _check(f"{layer.name}.scale", scale, (layer.out_channels,))
                if not (scale > 0).all():
                    raise InputError(f"{layer.name}.scale: expected positive numbers, the smallest is {scale.min()}")
        object.__setattr__(self, "weights", checked)


def _check(name, array, shape):
    if array.shape != shape:
        raise InputError(f"{name}: expected shape {shape}, got {array.shape}; is this another architecture?")
    if not np.isfinite(array).all():
        raise InputError(f"{name}: {int((~np.isfinite(array)).sum())} of {array.size} numbers are not finite")


def fold_batch_norm(w, b, gamma, beta, mean, variance, epsilon=BATCH_NORM_EPSILON):
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


def import_checkpoint(path, layers=ALEXNET):
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
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # torch raises many kinds, none of them documented, with advice to load unsafely
        raise InputError(f"{path}: not a PyTorch checkpoint of plain tensors; it is damaged, another kind of file, or "
                         "holds Python objects, which are not loaded because they can run code") from None  # fmt: skip
    for key in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict):
        raise InputError(f"{path}: expected a state dictionary, got {type(state).__name__}")
    tensors = {
        str(key).removeprefix("module."): value.detach().to(torch.float32).numpy()
        for key, value in state.items()
        if isinstance(value, torch.Tensor)
    }
    weights = {layer.name: _layer_weights(tensors, layer, path) for layer in convolutions(layers)}
    return SiameseModel(
        layers,
        weights,
        response_scale=float(tensors.get("adjust.scale", np.float32(1e-3)).item()),
        response_bias=float(tensors.get("adjust.bias", np.float32(0)).item()),
        provenance={"source": path.name, "sha256_of_source": hashlib.sha256(path.read_bytes()).hexdigest()},
    )


def export(network, provenance, bounds=None, normalisation="", initial_potential=0.0):
    """A trained network as a model, batch norm folded in.

    Parameters
    ----------
    network : SiamFC
    provenance : dict
    bounds : dict of str to float, optional
        Learnt upper bound of each convolution's activation: its scale.
    normalisation, initial_potential
        See :class:`SiameseModel`.

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
        raise InputError(f"{path}: no weights for {layer.name} (looked for {prefixes[0]}.weight and the like); "
                         f"its first keys: {found}")  # fmt: skip
    w = tensors[f"{prefix}.weight"]
    _check(f"{path}: {prefix}.weight", w, layer.weight_shape)
    b = tensors.get(f"{prefix}.bias", np.zeros(layer.out_channels, np.float32))
    _check(f"{path}: {prefix}.bias", b, (layer.out_channels,))
    norm = prefix[:-1] + "1" if prefix.endswith(".0") else None
    if norm and f"{norm}.running_mean" in tensors:
        parts = [tensors.get(f"{norm}.{key}") for key in ("weight", "bias", "running_mean", "running_var")]
        for key, part in zip(("weight", "bias", "running_mean", "running_var"), parts, strict=True):
            if part is None:
                raise InputError(f"{path}: {norm}.{key} is missing beside {norm}.running_mean")
            _check(f"{path}: {norm}.{key}", part, (layer.out_channels,))
        w, b = fold_batch_norm(w, b, *parts)
    return w, b


def _digest(tensors, description):
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    for name in sorted(tensors):
        array = tensors[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def write(model, path, dtype=np.float32):
    """Write a model file, whole or not at all.

    Parameters
    ----------
    model : SiameseModel
    path : str or path
        Replaced if it is there.
    dtype : dtype
        ``numpy.float16`` halves the file; what is read back is single precision.
    """
    tensors = {}
    for name, (w, b) in model.weights.items():
        tensors[f"{name}.weight"] = np.ascontiguousarray(w, dtype=dtype)
        tensors[f"{name}.bias"] = np.ascontiguousarray(b, dtype=np.float32)
        if model.scales:
            tensors[f"{name}.scale"] = np.ascontiguousarray(model.scales[name], dtype=np.float32)
    description = {
        "format": FORMAT,
        "layers": layers_to_json(model.layers),
        "response": {"scale": model.response_scale, "bias": model.response_bias},
        "input": INPUT_CONVENTION,
        "normalisation": model.normalisation,
        "initial_potential": model.initial_potential,
        "provenance": model.provenance,
    }
    description["sha256"] = _digest(tensors, description)
    write_whole(path, save(tensors, {"brian_siamsnn": json.dumps(description)}))


def read(path):
    """Read and verify a model file.

    Raises
    ------
    InputError
        If the file is not there, not a model file, cut short or altered, or if
        a layer's tensors do not fit its description.
    """
    path = Path(path)
    try:
        with safe_open(path, framework="numpy") as file:
            description = (file.metadata() or {}).get("brian_siamsnn")
            if description is None:
                raise InputError(f"{path}: a safetensors file, but not a model file of this program; "
                                 "a checkpoint is taken by 'brian-siamsnn weights import'")  # fmt: skip
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a whole model file ({error})") from None
    try:
        description = json.loads(description)
        stated = description.pop("sha256")
        if description["format"] != FORMAT:
            raise InputError(f"{path}: expected the format {FORMAT!r}, got {description['format']!r}")
        if stated != _digest(tensors, description):
            raise InputError(f"{path}: its checksum does not fit its content; it was altered or damaged")
        layers = layers_from_json(description["layers"])
        names = [layer.name for layer in convolutions(layers)]
        return SiameseModel(
            layers,
            {name: (tensors[f"{name}.weight"], tensors[f"{name}.bias"]) for name in names},
            response_scale=float(description["response"]["scale"]),
            response_bias=float(description["response"]["bias"]),
            scales={name: tensors[f"{name}.scale"] for name in names} if description["normalisation"] else {},
            normalisation=description["normalisation"],
            initial_potential=float(description["initial_potential"]),
            provenance=description["provenance"],
        )
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: its description is incomplete ({error})") from None


def load(name):
    """Read a model by the name of a shipped one, such as ``"compact"``, or by its path."""
    return read(find("weights", name, ".safetensors"))
