"""``python -m brian_siamsnn``, the same as ``brian-siamsnn``."""

from .cli.main import main

main()
