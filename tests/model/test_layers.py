"""Layers are validated before anything is built from them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brian_siamsnn.model.layer_json import layers_from_json
from brian_siamsnn.model.layers import Convolution, MaxPool, architecture, check_layers, sizes
from brian_siamsnn.training.recipe import Recipe
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


def test_a_description_names_channels_kernels_and_groups():
    assert architecture("16k7-32-64k5g2-32") == (
        Convolution("conv1", 3, 16, 7, 4),
        Convolution("conv2", 16, 32, 5, 2),
        Convolution("conv3", 32, 64, 5, 1, groups=2),
        Convolution("conv4", 64, 32, 3, 1),
    )
    assert architecture("16k11-32k5-48k3g1") == architecture("16-32-48")


@given(st.lists(st.integers(1, 7), min_size=2, max_size=4))
def test_the_response_map_is_17_wide_with_any_kernels(kernels):
    layers = architecture("-".join(f"2k{kernel}" for kernel in kernels))
    exemplar, search = (sizes(layers, side)[layers[-1].name] for side in (127, 255))
    assert search - exemplar + 1 == 17


@pytest.mark.parametrize(
    ("description", "named"),
    [
        ("16", ["architecture", "16-32-48-32", "'16'"]),
        ("16-32g2k3", ["architecture", "16k7-64k5g2-32", "'16-32g2k3'"]),
        ("16k0-32", ["architecture", "16k0", "16k0-32", 1]),
        ("16-32g3", ["architecture", "32g3", 32, 16]),
        ("16-32k32-32", ["conv2", 30, 32]),  # 127 pixels are 30 after conv1
        ("large", ["architecture", "compact", "16k7-32-48-32", "'large'"]),
    ],
)
def test_an_architecture_that_cannot_be_is_refused(description, named):
    with refused(*named):
        Recipe(architecture=description)
