"""Builds the event-driven kernel; everything else about the package is in pyproject.toml."""

import sys

from setuptools import Extension, setup

# Apple's compiler has no OpenMP of its own: the kernel then runs on one thread.
openmp = ["-fopenmp"] if sys.platform.startswith("linux") else []

setup(
    ext_modules=[
        Extension(
            "brian_siamsnn._events",
            ["brian_siamsnn/_events.pyx"],
            depends=["brian_siamsnn/event_kernel.h"],
            include_dirs=["brian_siamsnn"],
            language="c++",
            # no contraction of a*b + c: explicit Synapses round the product too
            extra_compile_args=["-O3", "-std=c++17", "-ffp-contract=off", "-Wno-psabi", *openmp],
            extra_link_args=openmp,
        )
    ]
)
