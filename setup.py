"""Builds the event-driven kernel; everything else about the package is in pyproject.toml."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "brian_siamsnn._events",
            ["brian_siamsnn/_events.pyx"],
            depends=[
                f"brian_siamsnn/{name}.h" for name in ("event_kernel", "pooling_kernel", "spike_list", "thread_pool")
            ],
            include_dirs=["brian_siamsnn"],
            language="c++",
            # no contraction of a*b + c: explicit Synapses round the product too
            extra_compile_args=["-O3", "-std=c++17", "-ffp-contract=off", "-Wno-psabi", "-pthread"],
            extra_link_args=["-pthread"],
        )
    ]
)
