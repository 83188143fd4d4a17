"""Connects the tracker to the VOT toolkit, as a process that speaks TraX.

The toolkit can then run its own experiments and measures (accuracy, robustness,
expected average overlap) on this tracker like on any other. TraX (Čehovin, "TraX:
The visual Tracking eXchange protocol", 2017) uses standard input and output; the
toolkit starts and stops the process.
"""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from ..crops import rgb_image
from ..errors import InputError
from ..sequences.annotations import polygon_to_box
from ..sequences.images import read_image
from ..tracking.tracker import SiameseTracker

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["box_of_region", "registry_entry", "serve"]

#: Time that the toolkit waits for an answer, in seconds; before the first one, the equations may have to be compiled.
TIMEOUT = 600


def registry_entry(identifier: str, label: str, arguments: Iterable[str]) -> str:
    """Make an entry for the toolkit's ``trackers.ini``.

    Parameters
    ----------
    identifier : str
        Identifier of the tracker in the toolkit.
    label : str
        Name of the tracker in the toolkit's reports.
    arguments : iterable of str
        Arguments of the command ``brian-siamsnn vot``.

    Returns
    -------
    str
        The entry: a section of the INI file.
    """
    # the toolkit starts trackers in another working directory, so the interpreter is given by its full path
    command = shlex.join([sys.executable, "-m", "brian_siamsnn", "vot", *arguments])
    return f"[{identifier}]\nlabel = {label}\nprotocol = trax\ncommand = {command}\ntimeout = {TIMEOUT}\n"


def box_of_region(region: Any) -> np.ndarray:
    """Convert a TraX region to an upright box.

    Parameters
    ----------
    region : trax.Rectangle or trax.Polygon
        Rectangle, or polygon with four corners, which is converted by
        `polygon_to_box`.

    Returns
    -------
    ndarray, shape (4,)
        x, y, w, h in pixels.

    Raises
    ------
    InputError
        If the region is of another type or does not have four corners.
    """
    if region.type == "rectangle":
        return np.array(region.bounds())
    corners = list(region) if region.type == "polygon" else []
    if len(corners) != 4:
        raise InputError(f"TraX: expected a rectangle or four corners, got a {region.type} of {len(corners)}")
    return polygon_to_box(np.ravel(corners))


def serve(tracker: SiameseTracker) -> None:
    """Answer the toolkit's requests until it ends the session.

    Parameters
    ----------
    tracker : SiameseTracker
        Its matcher is prepared at the first request.

    Raises
    ------
    InputError
        If vot-trax is not installed, or an image or region cannot be read.
    """
    try:
        import trax
    except ImportError:
        raise InputError(
            "VOT: expected the package vot-trax, which is not installed; pip install 'brian_siamsnn[vot]'"
        ) from None
    formats = [trax.Region.RECTANGLE, trax.Region.POLYGON]
    # the toolkit sends paths; other clients may send pixels or encoded images
    images = [trax.Image.PATH, trax.Image.MEMORY, trax.Image.BUFFER]
    with trax.Server(formats, images, tracker_name="brian_siamsnn") as server:
        while (request := server.wait()).type in (trax.TraxStatus.INITIALIZE, trax.TraxStatus.FRAME):
            image = _read(request.image[trax.ImageChannel.COLOR])
            if request.type == trax.TraxStatus.INITIALIZE:
                tracker.prepare()
                tracker.init(image, box_of_region(request.objects[0][0]))
            else:
                tracker.update(image)
            server.status([(trax.Rectangle.create(*tracker.box), {"confidence": tracker.score})])


def _read(image):
    """Pixels of a TraX image."""
    kind = image.type()
    if kind == "path":
        return read_image(image.path())
    if kind == "memory":
        return rgb_image(image.array())
    pixels = cv2.imdecode(np.frombuffer(image.buffer(), np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise InputError("TraX: expected an encoded image, but its bytes cannot be decoded")
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
