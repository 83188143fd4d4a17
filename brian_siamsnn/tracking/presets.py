"""Settings under a name: the paper's configuration, and the rows of its Table I."""

from __future__ import annotations

from typing import Any

__all__ = ["PAPER_CONFIGS", "PRESETS"]

#: Rows of the paper's Table I: Eq. 6 alone, Eq. 8 alone, both (Eq. 9), and both with Eq. 12 at the output.
PAPER_CONFIGS: dict[str, dict[str, Any]] = {
    "SiamFC": {"tracker": "cnn"},
    "SiamSNN+PSM": {"matching": "psm"},
    "SiamSNN+TSM": {"matching": "tsm"},
    "SiamSNN+HSM": {"matching": "hsm"},
    "SiamSNN+HSM+TS": {"matching": "hsm", "coding": "two_status"},
}

#: Settings of `TrackerConfig` by name. ``paper``: real-valued input, rate coding in the hidden layers, two-status
#: coding (Eq. 12) at the output, and HSM with a response period of 1 and weights of 1 to 20, over 20 steps (IV.A).
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
    },
}
