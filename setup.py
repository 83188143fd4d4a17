"""Builds the kernels; everything else about the package is in pyproject.toml."""

from glob import glob

from setuptools import Extension, find_packages, setup

setup(
    packages=[*find_packages(include=["brian_siamsnn*"]), "brian_siamsnn.data.equations", "brian_siamsnn.data.weights"],
    ext_modules=[
        Extension(
            f"brian_siamsnn.connectivity.{name}",
            [f"brian_siamsnn/connectivity/{name}.pyx"],
            depends=glob("brian_siamsnn/connectivity/kernels/*.h"),
            include_dirs=["brian_siamsnn/connectivity/kernels"],
            language="c++",
            # no contraction of a*b + c: explicit Synapses round the product too
            extra_compile_args=["-O3", "-std=c++17", "-ffp-contract=off", "-Wno-psabi", "-pthread"],
            extra_link_args=["-pthread"],
        )
        for name in ("_events", "_windows")
    ],
    options={"build_ext": {"parallel": True}},
)
