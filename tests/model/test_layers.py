"""Layers are validated before anything is built from them."""

import pytest

from brian_siamsnn.model.layer_json import layers_from_json
from brian_siamsnn.model.layers import Convolution, MaxPool, check_layers
from tests.helpers.messages import refused


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"kernel": 10**9}, ["conv1", "kernel", 1, 65536, 10**9]),
        ({"stride": 0}, ["conv1", "stride", 0]),
        ({"stride": True}, ["conv1", "stride", True]),
        ({"kernel": 3.0}, ["conv1", "kernel", 3.0]),
        ({"groups": 2}, ["conv1", "groups", 3, 4, 2]),
        ({"rectify": 1}, ["conv1", "rectify", 1]),
        ({"name": "conv1_input"}, ["layer", "'conv1_input'"]),
        ({"name": "../conv"}, ["layer", "'../conv'"]),
        ({"type": "Pickle"}, ["layers", ["Convolution", "MaxPool", "Neurons", "Gates"], "'Pickle'"]),
        ({"padding": 1}, ["'conv1'", "'padding'", "'stride'"]),
    ],
)
def test_an_invalid_layer_setting_is_named(change, named):
    convolution = {"type": "Convolution", "name": "conv1", "in_channels": 3, "out_channels": 4, "kernel": 3}
    with refused(*named):
        layers_from_json([{**convolution, **change}])


def test_layers_must_be_a_list():
    with refused("layers", "'conv1'"):
        layers_from_json("conv1")


FIRST = Convolution("conv1", 3, 4, 3)


@pytest.mark.parametrize(
    ("layers", "named"),
    [
        ((), ["layers"]),
        ((MaxPool("pool1", 2, 2), FIRST), ["layers", "pool1"]),
        ((FIRST, Convolution("conv1", 4, 4, 3)), ["layers", ["conv1"]]),
        ((FIRST, MaxPool("p", 2, 2), Convolution("conv2", 3, 4, 3)), ["conv2", 4, 3]),
    ],
    ids=["none", "pooling first", "two of one name", "channels that do not follow"],
)
def test_incompatible_layers_are_named(layers, named):
    with refused(*named):
        check_layers(layers)
