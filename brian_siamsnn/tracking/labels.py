"""Short names of configurations, for tables and plots."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from ..defaults import SCALES, STEPPED_CODING, STEPS, TEMPLATES
from ..files import printable

__all__ = ["SPIKING", "label_of"]

#: Settings of a `TrackerConfig` that mean nothing to the CNN.
SPIKING = (
    *("steps", "matching", "tau", "lambda_v", "lambda_t", "v_init", "threshold_scale", "early_stop", "seed"),
    *("coding", "hidden_coding", "pooling"),
)


def label_of(config: Any) -> str:
    """Name a configuration by its matching, its coding, and what differs from the defaults.

    Parameters
    ----------
    config : TrackerConfig
        The configuration. (`config` imports this module, so its type cannot be named here.)

    Returns
    -------
    str
        Such as ``SiamFC``, ``SiamSNN+PSM+wave`` or, with the paper's names, ``SiamSNN+HSM+TS, T=10``. Rate coding is
        the paper's unnamed one.
    """
    if config.tracker == "cnn":
        parts = ["SiamFC"]
    else:
        coding, _, values = printable(Path(config.coding or config.implied["coding"]).name).partition(":")
        parts = [f"SiamSNN+{(config.matching or config.implied['matching']).upper()}"]
        if coding != STEPPED_CODING:
            parts[0] += "+TS" if coding == "two_status" else f"+{coding.removesuffix('.toml')}"
        parts += [values] if values else []
        usual = {f.name: f.default for f in fields(config)} | config.implied
        # those of a wave follow from its values
        usual["steps"] = config.steps if config.wave else STEPS
        parts += [
            f"{'T' if name == 'steps' else name}={_short(getattr(config, name))}"
            for name in SPIKING
            if name not in ("matching", "coding") and getattr(config, name) not in (None, usual[name])
        ]
    if config.scales != SCALES:
        parts.append(f"{config.scales} scale{'s' * (config.scales > 1)}")
    if config.templates != TEMPLATES:
        parts.append(f"{config.templates} template{'s' * (config.templates > 1)}")
    return ", ".join(parts)


def _short(value):
    return f"{value:g}" if isinstance(value, float) else printable(Path(str(value)).name)
