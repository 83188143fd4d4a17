"""Colours that remain distinguishable with any colour vision (Okabe and Ito, 2008)."""

__all__ = ["BLACK", "BLUE", "GREEN", "ORANGE", "PALETTE", "PINK", "SKY", "VERMILION"]

BLUE = "#0072B2"
SKY = "#56B4E9"
GREEN = "#009E73"
ORANGE = "#E69F00"
VERMILION = "#D55E00"
PINK = "#CC79A7"
BLACK = "#000000"

#: Line colours in the order in which a plot assigns them.
PALETTE = (BLUE, VERMILION, GREEN, ORANGE, PINK, SKY, BLACK)
