"""A run as one HTML file: a player, plots, spikes and energies, with nothing to be fetched from anywhere.

The page is ``report.html``, which holds its own style and script; this module
puts the data into it.
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
    from .collector import Recorder

__all__ = ["report_page", "write_report"]

#: Where the template takes the title and the data.
_TITLE, _DATA = "<!--title-->", "<!--data-->"


def report_page(name: str, recorder: Recorder, summary: dict[str, Any], fps: float | None = None) -> str:
    """The page of a run.

    Parameters
    ----------
    name : str
        Of the sequence.
    recorder : Recorder
        That watched the run.
    summary : dict
        Settings and results, as in ``summary.json``.
    fps : float, optional
        Speed of the player: that of the source.

    Returns
    -------
    str
        HTML.
    """
    pictures = [{key: _text(value) for key, value in picture.items()} for picture in recorder.pictures]
    data = {
        "name": name,
        "fps": fps,
        "summary": summary,
        "boxes": recorder.boxes,
        "truth": recorder.truth,
        "overlap": recorder.overlap,
        "score": recorder.score,
        "rates": recorder.rates,
        "operations": recorder.operations,
        "energy": recorder.energy,
        "hardware": recorder.hardware,
        "raster": {"layer": recorder.layer, "neurons": len(recorder.neurons), "steps": recorder.steps},
        "pictures": pictures,
        "stride": recorder.stride,
        "palette": PALETTE[:-1],
    }
    # inside a script element nothing but "<" could end it
    encoded = json.dumps(data, default=str, separators=(",", ":")).replace("<", "\\u003c")
    template = files(__package__).joinpath("report.html").read_text(encoding="utf-8")
    head, rest = template.split(_TITLE)
    middle, tail = rest.split(_DATA)
    return head + html.escape(name) + middle + encoded + tail


def write_report(path: FilePath, *arguments: Any, **options: Any) -> None:
    """Write a page of `report_page`, whole or not at all.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    write_whole(path, report_page(*arguments, **options).encode())


def _text(value):
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else value
