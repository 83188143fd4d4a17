"""A spiking Siamese network, written as Brian2 equations, that tracks an object through a video."""

from importlib.metadata import version

__version__ = version("brian_siamsnn")
