"""Writes a run as one self-contained HTML file with a player, plots, spikes and energies.

The template ``report.html`` contains its own style and script; this module fills
in the data. The page loads nothing from the network.
"""

from __future__ import annotations

import base64
import html
import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ..files import write_whole
from ..palette import PALETTE

if TYPE_CHECKING:
    from ..aliases import FilePath
    from .collector import ReportCollector

__all__ = ["report_page", "write_report"]

#: Placeholders in the template.
_TITLE, _DATA = "<!--title-->", "<!--data-->"


def report_page(name: str, collector: ReportCollector, summary: dict[str, Any], fps: float | None = None) -> str:
    """Make the HTML page of a run.

    Parameters
    ----------
    name : str
        Name of the sequence.
    collector : ReportCollector
        ReportCollector that watched the run.
    summary : dict
        Settings and results, as in ``summary.json``.
    fps : float, optional
        Speed of the player in frames per second; by default, the page chooses 12.

    Returns
    -------
    str
        The page.
    """
    pictures = [{key: _text(value) for key, value in picture.items()} for picture in collector.pictures]
    data = {
        "name": name,
        "fps": fps,
        "summary": summary,
        "boxes": collector.boxes,
        "truth": collector.truth,
        "overlap": collector.overlap,
        "score": collector.score,
        "lost": collector.lost,
        "rates": collector.rates,
        "operations": collector.operations,
        "energy": collector.energy,
        "hardware": collector.hardware,
        "raster": {"layer": collector.layer, "neurons": len(collector.neurons), "steps": collector.steps},
        "pictures": pictures,
        "stride": collector.stride,
        "response_reach": collector.response_reach,
        "palette": PALETTE[:-1],
    }
    # only a "<" could end the script element that contains the data
    encoded = json.dumps(data, default=str, separators=(",", ":")).replace("<", "\\u003c")
    template = files(__package__).joinpath("report.html").read_text(encoding="utf-8")
    head, rest = template.split(_TITLE)
    middle, tail = rest.split(_DATA)
    return head + html.escape(name) + middle + encoded + tail


def write_report(path: FilePath, *arguments: Any, **options: Any) -> None:
    """Write the HTML page of a run to a file atomically.

    Parameters
    ----------
    path : path-like
        File to write; an existing file is replaced.
    *arguments
        Positional arguments of `report_page`.
    **options
        Keyword arguments of `report_page`.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    write_whole(path, report_page(*arguments, **options).encode())


def _text(value):
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else value
