"""Settings under a name: the paper's configuration, and the rows of its Table I."""

from __future__ import annotations

from typing import Any

__all__ = ["PAPER_CONFIGS", "PRESETS"]

#: Rows of the paper's Table I: Eq. 6 alone, Eq. 8 alone, both (Eq. 9), and both with Eq. 12 at the output.
PAPER_CONFIGS: dict[str, dict[str, Any]] = {
    "SiamFC": {"tracker": "cnn", "templates": 1},
    "SiamSNN+PSM": {"coding": "rate", "matching": "psm", "templates": 1},
    "SiamSNN+TSM": {"coding": "rate", "matching": "tsm", "templates": 1},
    "SiamSNN+HSM": {"coding": "rate", "matching": "hsm", "templates": 1},
    "SiamSNN+HSM+TS": {"matching": "hsm", "coding": "two_status", "templates": 1},
}

#: Settings of `TrackerConfig` by name. ``paper``: real-valued input, rate coding in the hidden layers, two-status
#: coding (Eq. 12) at the output, HSM with a response period of 1 and weights of 1 to 20, over 20 steps (IV.A), and the
#: exemplar of the first frame only.
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "steps": 20,
        "hidden_coding": "rate",
        "coding": "two_status",
        "pooling": "max_pool",
        "matching": "hsm",
        "tau": 1,
        "lambda_v": 1.0,
        "lambda_t": 20.0,
        "templates": 1,
    },
}
