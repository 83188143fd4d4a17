"""Model files: read, write, verify.

A model file is a safetensors file.  Its tensors are ``<layer>.weight`` and
``<layer>.bias`` with batch norm folded in, in the units of the CNN, and, once
the model is converted, ``<layer>.scale``: the activation that one spike a step
stands for (see `conversion`).  Its metadata has one entry,
``brian_siamsnn``, a JSON object with the layers, the response's scale and bias,
the input convention, where the weights come from, and a SHA-256 over all of it.
One file thus serves the CNN and the spiking network alike.
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
from .layers import check_layers, convolutions, layers_from_json, layers_to_json

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    from ..aliases import FilePath, Weights
    from .layers import Layer

__all__ = ["INPUT_CONVENTION", "SiameseModel", "check_tensor", "load_model", "read_model", "write_model"]

FORMAT = "brian_siamsnn model 1"

_MEND = "fetch it again, or make it with 'brian-siamsnn weights import' or 'train'"

_KINDS = {"response": (dict, "an object"), "normalisation": (str, "text"), "provenance": (dict, "an object")}

#: What every model takes; a checkpoint with another convention has it folded into conv1.
INPUT_CONVENTION = {"channels": "RGB", "range": [0, 255], "mean": 0}


@dataclass(frozen=True)
class SiameseModel:
    """A Siamese branch with its weights, and how to read its response.

    Attributes
    ----------
    layers : tuple
        Of `Convolution` and ``MaxPool``.
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

    layers: tuple[Layer, ...]
    weights: Weights
    response_scale: float = 1e-3
    response_bias: float = 0.0
    scales: dict[str, np.ndarray] = field(default_factory=dict)
    normalisation: str = ""
    initial_potential: float = 0.0
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        checked = {}
        check_layers(self.layers)
        if not np.isfinite([self.response_scale, self.response_bias]).all():
            raise InputError(
                f"response: expected a finite scale and bias, got {self.response_scale} and {self.response_bias}"
            )
        if not 0 <= self.initial_potential < 1:
            raise InputError(f"initial_potential: expected 0 or more, below 1, got {self.initial_potential}")
        for layer in convolutions(self.layers):
            if layer.name not in self.weights:
                raise InputError(f"{layer.name}: the model has no weights for it; it has {sorted(self.weights)}")
            with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused as that
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
    """Raise `InputError` with the tensor's name if it has another shape, or numbers that are not finite."""
    if array.shape != shape:
        raise InputError(f"{name}: expected shape {shape}, got {array.shape}; is this another architecture?")
    if not np.isfinite(array).all():
        raise InputError(
            f"{name}: {int((~np.isfinite(array)).sum())} of {array.size} numbers are not finite; "
            "did its training diverge, or is the file damaged?"
        )


def _digest(tensors, description):
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    for name in sorted(tensors):
        array = tensors[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def write_model(model: SiameseModel, path: FilePath, dtype: npt.DTypeLike = np.float32) -> None:
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


def read_model(path: FilePath) -> SiameseModel:
    """Read and verify a model file.

    Raises
    ------
    InputError
        If the file is not there, not a model file, cut short or altered, or if
        a layer's tensors do not fit its description.
    """
    path = Path(path)
    if os.path.isdir(path):
        raise InputError(f"{path}: expected a model file, got a folder")
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get("brian_siamsnn")
            if text is None:
                raise InputError(
                    f"{path}: a safetensors file, but not a model file of this program; "
                    "a checkpoint is taken by 'brian-siamsnn weights import'"
                )
            tensors = {name: _tensor(file, name, path) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (SafetensorError, OSError, MemoryError) as error:
        raise InputError(f"{path}: not a whole model file ({str(error):.200}); {_MEND}") from None
    try:
        return _model(json.loads(text), tensors)
    except InputError as error:
        raise InputError(f"{path}: {error}" + ("" if "; " in str(error) else f"; {_MEND}")) from None
    except KeyError as error:
        raise InputError(f"{path}: its description is incomplete ({error} is missing); {_MEND}") from None
    except (TypeError, ValueError, ArithmeticError, RecursionError) as error:  # no JSON, or other types in it
        raise InputError(f"{path}: its description cannot be read ({str(error):.200}); {_MEND}") from None


def _tensor(file, name, path):
    kind = file.get_slice(name).get_dtype()
    if kind not in ("F16", "F32", "F64"):
        raise InputError(f"{path}: {name}: expected floating-point numbers (F16, F32, F64), got {kind}; {_MEND}")
    return file.get_tensor(name)


def _model(description, tensors):
    """The model that a file's description and tensors make, the checksum verified first."""
    if not isinstance(description, dict):
        raise InputError(f"its description: expected a JSON object, got {type(description).__name__}")
    stated = description.pop("sha256")
    if description["format"] != FORMAT:
        raise InputError(f"expected the format {FORMAT!r}, got {description['format']!r:.60}")
    if stated != _digest(tensors, description):
        raise InputError("its checksum does not fit its content, for it was altered or damaged")
    for key, (kind, words) in _KINDS.items():
        if not isinstance(description[key], kind):
            raise InputError(f"its description: {key}: expected {words}, got {description[key]!r:.60}")
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
                raise InputError(
                    f"{layer.name}.{part}: expected in the file, which holds {', '.join(sorted(tensors)[:9]) or 'none'}"
                )
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

    Raises
    ------
    InputError
        If there is no such file, or it is not a valid model file.
    """
    return model if isinstance(model, SiameseModel) else read_model(find("weights", model, ".safetensors"))
