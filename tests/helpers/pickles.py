"""Pickles that would run code."""

import pickle


class Canary:
    """An object whose pickle creates a file when loaded."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return (open, (self.marker, "w"))


def poison(marker):
    """Pickles that run code when loaded, of every protocol, bare and inside a state dictionary."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        yield pickle.dumps(Canary(marker), protocol)
        yield pickle.dumps({"conv1.weight": Canary(marker)}, protocol)
