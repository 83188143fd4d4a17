"""Flags with which tests compile."""

#: Compiles in two thirds of the time of Brian2's own flags; no sum is contracted, so it gives what NumPy gives.
UNOPTIMISED = ["-w", "-O0", "-g0", "-ffp-contract=off"]
