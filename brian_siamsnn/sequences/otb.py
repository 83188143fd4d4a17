"""What the OTB benchmark publishes about its sequences, apart from their folders.

From Wu, Lim and Yang, "Object Tracking Benchmark", TPAMI 2015: the range of
frames that is evaluated, which of the eleven challenge attributes each of the
100 targets has, and the 51 targets of the first edition ("Online Object
Tracking: A Benchmark", CVPR 2013).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

__all__ = ["ATTRIBUTES", "ATTRIBUTE_NAMES", "FRAME_WINDOWS", "OTB2013", "canonical", "window_rows"]

#: First and last file number of sequences of which the benchmark evaluates only a part. The entry for Tiger1 is
#: initOmit in the benchmark's own toolkit, which skips its first five frames.
FRAME_WINDOWS = {
    "David": (300, 770),
    "Diving": (1, 215),
    "Football1": (1, 74),
    "Freeman3": (1, 460),
    "Freeman4": (1, 283),
    "Tiger1": (6, 354),
}

#: Name of each challenge attribute by its code.
ATTRIBUTE_NAMES = {
    "IV": "illumination variation",
    "SV": "scale variation",
    "OCC": "occlusion",
    "DEF": "deformation",
    "MB": "motion blur",
    "FM": "fast motion",
    "IPR": "in-plane rotation",
    "OPR": "out-of-plane rotation",
    "OV": "out-of-view",
    "BC": "background clutters",
    "LR": "low resolution",
}

#: Attribute codes of each of the 100 targets of OTB100.
ATTRIBUTES = {
    name: tuple(codes.split())
    for name, codes in {
        "Basketball": "IV OCC DEF OPR BC",
        "Biker": "SV OCC MB FM OPR OV LR",
        "Bird1": "DEF FM OV",
        "Bird2": "OCC DEF FM IPR OPR",
        "BlurBody": "SV DEF MB FM IPR",
        "BlurCar1": "MB FM",
        "BlurCar2": "SV MB FM",
        "BlurCar3": "MB FM",
        "BlurCar4": "MB FM",
        "BlurFace": "MB FM IPR",
        "BlurOwl": "SV MB FM IPR",
        "Board": "SV MB FM OPR OV BC",
        "Bolt": "OCC DEF IPR OPR",
        "Bolt2": "DEF BC",
        "Box": "IV SV OCC MB IPR OPR OV BC",
        "Boy": "SV MB FM IPR OPR",
        "Car1": "IV SV BC LR",
        "Car2": "IV BC",
        "Car24": "IV SV BC",
        "Car4": "IV SV",
        "CarDark": "IV BC",
        "CarScale": "SV OCC FM IPR OPR",
        "ClifBar": "SV OCC MB FM IPR OV BC",
        "Coke": "IV OCC FM IPR OPR",
        "Couple": "SV DEF FM OPR BC",
        "Coupon": "OCC BC",
        "Crossing": "SV DEF BC",
        "Crowds": "IV DEF BC",
        "Dancer": "SV DEF IPR OPR",
        "Dancer2": "DEF",
        "David": "IV SV OCC DEF MB IPR OPR",
        "David2": "IPR OPR",
        "David3": "OCC DEF OPR BC",
        "Deer": "MB FM IPR BC",
        "Diving": "SV DEF IPR",
        "Dog": "SV DEF OPR",
        "Dog1": "SV IPR OPR",
        "Doll": "IV SV OCC IPR OPR",
        "DragonBaby": "SV OCC MB FM IPR OPR OV",
        "Dudek": "SV OCC DEF FM IPR OPR OV BC",
        "FaceOcc1": "OCC",
        "FaceOcc2": "IV OCC IPR OPR",
        "Fish": "IV",
        "FleetFace": "SV DEF MB FM IPR OPR",
        "Football": "OCC IPR OPR BC",
        "Football1": "IPR OPR BC",
        "Freeman1": "SV IPR OPR",
        "Freeman3": "SV IPR OPR LR",
        "Freeman4": "SV OCC IPR OPR LR",
        "Girl": "SV OCC IPR OPR",
        "Girl2": "SV OCC DEF MB OPR",
        "Gym": "SV DEF IPR OPR",
        "Human2": "IV SV MB OPR",
        "Human3": "SV OCC DEF OPR BC",
        "Human4-2": "IV SV OCC DEF",
        "Human5": "SV OCC DEF",
        "Human6": "SV OCC DEF FM OPR OV",
        "Human7": "IV SV OCC DEF MB FM",
        "Human8": "IV SV DEF",
        "Human9": "IV SV DEF MB FM",
        "Ironman": "IV SV OCC MB FM IPR OPR OV BC",
        "Jogging-1": "OCC DEF OPR",
        "Jogging-2": "OCC DEF OPR",
        "Jump": "SV OCC DEF MB IPR OPR",
        "Jumping": "MB FM",
        "KiteSurf": "IV OCC IPR OPR",
        "Lemming": "IV SV OCC FM OPR OV",
        "Liquor": "IV SV OCC MB FM OPR OV BC",
        "Man": "IV",
        "Matrix": "IV SV OCC FM IPR OPR BC",
        "Mhyang": "IV DEF OPR BC",
        "MotorRolling": "IV SV MB FM IPR BC",
        "MountainBike": "IPR OPR BC",
        "Panda": "SV OCC DEF IPR OPR OV LR",
        "RedTeam": "SV OCC IPR OPR LR",
        "Rubik": "SV OCC IPR OPR",
        "Shaking": "IV SV IPR OPR BC",
        "Singer1": "IV SV OCC OPR",
        "Singer2": "IV DEF IPR OPR BC",
        "Skater": "SV DEF IPR OPR",
        "Skater2": "SV DEF FM IPR OPR",
        "Skating1": "IV SV OCC DEF OPR BC",
        "Skating2-1": "SV OCC DEF FM OPR",
        "Skating2-2": "SV OCC DEF FM OPR",
        "Skiing": "IV SV DEF IPR OPR LR",
        "Soccer": "IV SV OCC MB FM IPR OPR BC",
        "Subway": "OCC DEF BC",
        "Surfer": "SV FM IPR OPR LR",
        "Suv": "OCC IPR OV",
        "Sylvester": "IV IPR OPR",
        "Tiger1": "IV OCC DEF MB FM IPR OPR",
        "Tiger2": "IV OCC DEF MB FM IPR OPR OV",
        "Toy": "SV FM IPR OPR",
        "Trans": "IV SV OCC DEF",
        "Trellis": "IV SV IPR OPR BC",
        "Twinnings": "SV OPR",
        "Vase": "SV FM IPR",
        "Walking": "SV OCC DEF LR",
        "Walking2": "SV OCC",
        "Woman": "IV SV OCC DEF MB FM OPR",
    }.items()
}

#: The 51 targets of OTB2013.
OTB2013 = tuple(
    """
    Basketball Bolt Boy Car4 CarDark CarScale Coke Couple Crossing David David2 David3 Deer Dog1 Doll Dudek FaceOcc1
    FaceOcc2 Fish FleetFace Football Football1 Freeman1 Freeman3 Freeman4 Girl Ironman Jogging-1 Jogging-2 Jumping
    Lemming Liquor Matrix Mhyang MotorRolling MountainBike Shaking Singer1 Singer2 Skating1 Skiing Soccer Subway Suv
    Sylvester Tiger1 Tiger2 Trellis Walking Walking2 Woman
    """.split()
)

# Human4's first target has no annotation, so the second is also known without a number
_BY_KEY = {name.lower(): name for name in ATTRIBUTES} | {"human4": "Human4-2"}


def canonical(name: str) -> str:
    """Convert a sequence name to the benchmark's spelling.

    ``jogging_1`` and ``Jogging.1``, for example, become ``Jogging-1``.

    Parameters
    ----------
    name : str
        Name in any spelling.

    Returns
    -------
    str
        The benchmark's spelling; names that are not OTB's are returned
        unchanged.
    """
    return _BY_KEY.get(name.lower().replace("_", "-").replace(".", "-"), name)


def window_rows(name: str, rows: np.ndarray) -> np.ndarray:
    """Select the frames that the benchmark evaluates.

    Lists of boxes cover either every file of the folder or only the evaluated
    range in `FRAME_WINDOWS`; their length tells which.

    Parameters
    ----------
    name : str
        Sequence name in the benchmark's spelling.
    rows : ndarray, shape (N, ...)
        One row per frame.

    Returns
    -------
    ndarray
        The rows of the evaluated frames.
    """
    first, last = FRAME_WINDOWS.get(name, (1, float("inf")))
    return rows[first - 1 : last] if len(rows) >= last else rows
