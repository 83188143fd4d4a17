"""``python -m brian_siamsnn``, the same as ``brian-siamsnn``."""

from .cli import main

main()
