"""Model files: one safetensors file serves both the CNN and the spiking network.

Its tensors are ``<layer>.weight`` and ``<layer>.bias``, with batch norm folded in and in the units of the CNN, and,
once the model is converted, ``<layer>.scale``: the activation that one spike per time step stands for (see
`conversion`). Its metadata has one entry, ``brian_siamsnn``: a JSON object with the layers, the scale and bias of the
response, the input convention, the provenance, and a SHA-256 over all of it.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..errors import InputError
from ..files import find, write_whole
from .graph import check_graph, is_graph
from .layer_json import layers_from_json, layers_to_json
from .layers import check_layers, convolutions

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    from ..aliases import FilePath, Weights
    from .layers import Layer

__all__ = ["INPUT_CONVENTION", "SiameseModel", "check_tensor", "load_model", "read_model", "write_model"]

FORMAT = "brian_siamsnn model 1"

_FIX = "download it again, or create it with 'brian-siamsnn weights import' or 'train'"

#: Expected type of each entry of the description, and its name in messages.
_TYPES = {"response": (dict, "an object"), "normalisation": (str, "text"), "provenance": (dict, "an object")}

#: Input of every model; for a checkpoint with another convention, the difference is folded into conv1.
INPUT_CONVENTION = {"channels": "RGB", "range": [0, 255], "mean": 0}


@dataclass(frozen=True, eq=False, repr=False)
class SiameseModel:
    """A Siamese branch: layers, weights, scale and bias of the response, and activation scales once it is converted.

    Attributes
    ----------
    layers : tuple of Convolution and MaxPool
        Layers of the branch.
    weights : dict of str to (ndarray, ndarray)
        Weights, shape (out, in/groups, kernel, kernel), and bias, shape (out,), of each convolution, with batch norm
        folded in, single precision.
    response_scale : float
        Scale of the response f(z, x) = scale * (z * x) + bias (Eq. 1); 0.001 by default.
    response_bias : float
        Bias of the response (Eq. 1); 0 by default.
    scales : dict of str to ndarray, shape (out,)
        Activation that one spike per time step stands for, for each channel of each convolution. Empty until the model
        is converted.
    normalisation : str
        How the scales were found. Empty until the model is converted.
    initial_potential : float
        Initial membrane potential that the weights were trained for, in units of the threshold: at least 0 and below 1.
    provenance : dict
        Source, licence and training data, as free text.

    Raises
    ------
    InputError
        If the layers do not fit together, or a tensor is missing, has the wrong shape or a number that is not allowed.
    """

    layers: tuple[Layer, ...]
    weights: Weights
    response_scale: float = 1e-3
    response_bias: float = 0.0
    scales: dict[str, np.ndarray] = field(default_factory=dict)
    normalisation: str = ""
    initial_potential: float = 0.0
    provenance: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        names = "-".join(str(layer.out_channels) for layer in convolutions(self.layers))
        return f"<SiameseModel {names} channels, {self.normalisation or 'not converted'}>"

    def __eq__(self, other: object) -> bool:
        return self.digest() == other.digest() if isinstance(other, SiameseModel) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest())

    def digest(self) -> str:
        """SHA-256 of all weights and settings.

        Returns
        -------
        str
            64 hexadecimal digits.
        """
        return _digest(_tensors(self), _description(self))

    def __post_init__(self) -> None:
        checked = {}
        (check_graph if is_graph(self.layers) else check_layers)(self.layers)
        if not np.isfinite([self.response_scale, self.response_bias]).all():
            raise InputError(
                f"response: expected a finite scale and bias, got {self.response_scale} and {self.response_bias}"
            )
        if not 0 <= self.initial_potential < 1:
            raise InputError(f"initial_potential: expected 0 or more and below 1, got {self.initial_potential}")
        for layer in convolutions(self.layers):
            if layer.name not in self.weights:
                raise InputError(f"{layer.name}: the model has no weights for it; it has {sorted(self.weights)}")
            with np.errstate(over="ignore"):  # an overflow becomes infinite, which check_tensor rejects
                w, b = (np.ascontiguousarray(a, dtype=np.float32) for a in self.weights[layer.name])
            check_tensor(f"{layer.name}.weight", w, layer.weight_shape)
            check_tensor(f"{layer.name}.bias", b, (layer.out_channels,))
            checked[layer.name] = (w, b)
            if self.scales:
                with np.errstate(over="ignore"):
                    scale = np.asarray(self.scales.get(layer.name, ()), dtype=np.float32)
                check_tensor(f"{layer.name}.scale", scale, (layer.out_channels,))
                if not (scale > 0).all():
                    raise InputError(f"{layer.name}.scale: expected positive numbers, the smallest is {scale.min()}")
        object.__setattr__(self, "weights", checked)


def check_tensor(name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    """Require that a tensor has a given shape and only finite numbers.

    Parameters
    ----------
    name : str
        Name of the tensor, for the message.
    array : ndarray
        The tensor.
    shape : tuple of int
        Expected shape.

    Raises
    ------
    InputError
        If the shape differs, or a number is not finite.
    """
    if array.shape != shape:
        raise InputError(f"{name}: expected shape {shape}, got {array.shape}; is this another architecture?")
    if not np.isfinite(array).all():
        raise InputError(
            f"{name}: {int((~np.isfinite(array)).sum())} of {array.size} numbers are not finite; "
            "did the training diverge, or is the file damaged?"
        )


def _tensors(model, dtype=np.float32):
    """The arrays of a model as they are written to its file, by name."""
    tensors = {}
    for name, (w, b) in model.weights.items():
        tensors[f"{name}.weight"] = np.ascontiguousarray(w, dtype=dtype)
        tensors[f"{name}.bias"] = np.ascontiguousarray(b, dtype=np.float32)
        if model.scales:
            tensors[f"{name}.scale"] = np.ascontiguousarray(model.scales[name], dtype=np.float32)
    return tensors


def _digest(tensors, description):
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    for name in sorted(tensors):
        array = tensors[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _description(model):
    return {
        "format": FORMAT,
        "layers": layers_to_json(model.layers),
        "response": {"scale": model.response_scale, "bias": model.response_bias},
        "input": INPUT_CONVENTION,
        "normalisation": model.normalisation,
        "initial_potential": model.initial_potential,
        "provenance": model.provenance,
    }


def write_model(model: SiameseModel, path: FilePath, dtype: npt.DTypeLike = np.float32) -> None:
    """Write a model file, whole or not at all.

    Parameters
    ----------
    model : SiameseModel
        The model.
    path : str or path
        The file, which is replaced if it exists.
    dtype : dtype
        Type of the stored weights; single precision by default. ``numpy.float16`` halves the file. `read_model` returns
        single precision in either case.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    tensors = _tensors(model, dtype)
    description = _description(model)
    description["sha256"] = _digest(tensors, description)
    write_whole(path, save(tensors, {"brian_siamsnn": json.dumps(description)}))


def read_model(path: FilePath) -> SiameseModel:
    """Read and verify a model file.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    SiameseModel
        The model, weights in single precision.

    Raises
    ------
    InputError
        If the file does not exist, is not a model file, is truncated or altered, or the tensors of a layer do not match
        its description.
    """
    path = Path(path)
    if os.path.isdir(path):
        raise InputError(f"{path}: expected a model file, got a folder")
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get("brian_siamsnn")
            if text is None:
                raise InputError(
                    f"{path}: a safetensors file, but not a model file of brian_siamsnn; "
                    "to import a checkpoint, use 'brian-siamsnn weights import'"
                )
            tensors = {name: _tensor(file, name, path) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (SafetensorError, OSError, MemoryError) as error:
        raise InputError(f"{path}: not a complete model file ({str(error):.200}); {_FIX}") from None
    try:
        return _model(json.loads(text), tensors)
    except InputError as error:
        raise InputError(f"{path}: {error}" + ("" if "; " in str(error) else f"; {_FIX}")) from None
    except KeyError as error:
        raise InputError(f"{path}: its description is incomplete ({error} is missing); {_FIX}") from None
    except (TypeError, ValueError, ArithmeticError, RecursionError) as error:  # not JSON, or of unexpected types
        raise InputError(f"{path}: its description cannot be read ({str(error):.200}); {_FIX}") from None


def _tensor(file, name, path):
    dtype = file.get_slice(name).get_dtype()
    if dtype not in ("F16", "F32", "F64"):
        raise InputError(f"{path}: {name}: expected floating-point numbers (F16, F32, F64), got {dtype}; {_FIX}")
    return file.get_tensor(name)


def _model(description, tensors):
    """Build a model from the description and the tensors of a file, after verifying the checksum."""
    if not isinstance(description, dict):
        raise InputError(f"its description: expected a JSON object, got {type(description).__name__}")
    checksum = description.pop("sha256")
    if description["format"] != FORMAT:
        raise InputError(f"expected the format {FORMAT!r}, got {description['format']!r:.60}")
    if checksum != _digest(tensors, description):
        raise InputError("its checksum does not match its content, so it was altered or damaged")
    for key, (expected, name) in _TYPES.items():
        if not isinstance(description[key], expected):
            raise InputError(f"its description: {key}: expected {name}, got {description[key]!r:.60}")
    numbers = {
        **{f"response {key}": description["response"][key] for key in ("scale", "bias")},
        "initial_potential": description["initial_potential"],
    }
    for key, value in numbers.items():
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise InputError(f"its description: {key}: expected a number, got {value!r:.60}")
    layers = layers_from_json(description["layers"])
    parts = ("weight", "bias", "scale") if description["normalisation"] else ("weight", "bias")
    for layer in convolutions(layers):
        for part in parts:
            if f"{layer.name}.{part}" not in tensors:
                found = ", ".join(sorted(tensors)[:9]) or "none"
                raise InputError(f"{layer.name}.{part}: missing from the file; its first tensors are {found}")
    names = [layer.name for layer in convolutions(layers)]
    return SiameseModel(
        layers,
        {name: (tensors[f"{name}.weight"], tensors[f"{name}.bias"]) for name in names},
        response_scale=float(description["response"]["scale"]),
        response_bias=float(description["response"]["bias"]),
        scales={name: tensors[f"{name}.scale"] for name in names} if "scale" in parts else {},
        normalisation=description["normalisation"],
        initial_potential=float(description["initial_potential"]),
        provenance=description["provenance"],
    )


def load_model(model: FilePath | SiameseModel) -> SiameseModel:
    """Load a model.

    Parameters
    ----------
    model : str, path or SiameseModel
        Name of a shipped model, such as ``"compact"``, or path of a model file;
        a model that is loaded already is returned as it is.

    Returns
    -------
    SiameseModel
        The model.

    Raises
    ------
    InputError
        If there is no such file, or it is not a valid model file.
    """
    return model if isinstance(model, SiameseModel) else read_model(find("weights", model, ".safetensors"))
