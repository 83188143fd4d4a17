"""Matchers with known responses."""

import numpy as np


class Peak:
    """A matcher that puts a number into one cell of each response map."""

    def __init__(self, value):
        self.value = value

    def set_exemplar(self, crop):
        assert crop.shape == (127, 127, 3)

    def match(self, crops):
        responses = np.zeros((len(crops), 17, 17), np.float32)
        responses[:, 2, 15] = self.value
        return responses
