"""Colours that people with any colour vision tell apart (Okabe and Ito, 2008)."""

__all__ = ["BLACK", "BLUE", "GREEN", "ORANGE", "PALETTE", "PINK", "SKY", "VERMILION"]

BLUE, SKY, GREEN, ORANGE, VERMILION, PINK, BLACK = (
    "#0072B2",
    "#56B4E9",
    "#009E73",
    "#E69F00",
    "#D55E00",
    "#CC79A7",
    "#000000",
)

#: In the order in which lines of a plot take them.
PALETTE = (BLUE, VERMILION, GREEN, ORANGE, PINK, SKY, BLACK)
