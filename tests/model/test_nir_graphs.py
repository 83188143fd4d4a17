"""NIR graphs: written and read back, run by another simulator, and imported from one."""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest

from brian_siamsnn.files import find
from brian_siamsnn.model.conversion import SpikingModel, unit_scales
from brian_siamsnn.model.files import load_model
from brian_siamsnn.model.layers import Convolution
from brian_siamsnn.model.nir_files import read_nir, write_nir
from brian_siamsnn.model.nir_graphs import from_nir, resets_hard, to_nir
from brian_siamsnn.network.runtime import SpikingBranch
from tests.helpers.messages import refused
from tests.helpers.reference import NETWORKS, image, small_model

nir = pytest.importorskip("nir", reason="NIR graphs need the extra nir")

SIZE, STEPS = 26, 12


def spikes(model, **options):
    names = tuple(layer.name for layer in model.layers)
    branch = SpikingBranch(model, SIZE, STEPS, record=names, **options)
    branch.run(image(SIZE))
    return {name: branch.trains(name).dense() for name in names}


def same(a, b):
    assert a.layers == b.layers and a.initial_potential == b.initial_potential
    for name, (w, bias) in a.weights.items():
        np.testing.assert_array_equal(w, b.weights[name][0])
        np.testing.assert_array_equal(bias, b.weights[name][1])


@pytest.mark.parametrize("network", ["plain", "strides", "groups"])
def test_a_round_trip_keeps_weights_and_spikes(network, tmp_path):
    model = replace(small_model(NETWORKS[network]), initial_potential=0.5)
    write_nir(model, SIZE, tmp_path / "model.nir")
    back = read_nir(tmp_path / "model.nir")
    same(model, back)
    expected, trains = spikes(model), spikes(back)
    for name, train in trains.items():
        assert train.any()
        np.testing.assert_array_equal(train, expected[name])


@pytest.fixture
def graph():
    """Shapes by hand: 26 -> 5x5/2 -> 11 -> 4x4/2 -> 4 -> 2x2/3 -> 1, channels first."""
    return to_nir(small_model(NETWORKS["strides"]), SIZE)


SHAPES = {"conv1": (12, 11, 11), "conv2": (40, 4, 4), "conv3": (20, 1, 1)}


def test_the_graph_is_a_chain_of_convolutions_and_neurons(graph):
    assert {name: type(node).__name__ for name, node in graph.nodes.items()} == {
        "input": "Input",
        **{name: "Conv2d" for name in SHAPES},
        **{f"{name}_spikes": "IF" for name in SHAPES},
        "output": "Output",
    }


def test_the_graph_input_has_the_image_shape(graph):
    assert graph.nodes["input"].input_type["input"].tolist() == [3, 26, 26]


@pytest.mark.parametrize("name", SHAPES)
def test_nodes_have_the_shapes_of_their_layers(graph, name):
    assert graph.nodes[name].output_type["output"].tolist() == list(SHAPES[name])
    assert graph.nodes[f"{name}_spikes"].v_threshold.shape == SHAPES[name]


@pytest.mark.parametrize("name", SHAPES)
def test_neurons_have_threshold_one_and_reset_by_subtraction(graph, name):
    neurons = graph.nodes[f"{name}_spikes"]
    assert (neurons.v_threshold == 1).all() and (neurons.r == 1).all()
    assert neurons.metadata == {"reset": "subtract", "v_init": 0.0}


@pytest.fixture
def sinabs():
    pytest.importorskip("sinabs", reason="the peer is sinabs (pip install sinabs)")
    return pytest.importorskip("sinabs.nir", reason="sinabs here has no NIR")


@pytest.mark.parametrize("network", ["strides", "groups"])
def test_sinabs_fires_the_same_spikes_with_the_exported_graph(network, sinabs, tmp_path):
    import torch
    from sinabs.activation import MembraneSubtract, SingleSpike
    from sinabs.layers import IAFSqueeze

    model = replace(small_model(NETWORKS[network]), initial_potential=0.5)
    write_nir(model, SIZE, tmp_path / "model.nir")
    peer = sinabs.from_nir(nir.read(tmp_path / "model.nir"), batch_size=1)
    neurons = [module for module in peer.modules() if isinstance(module, IAFSqueeze)]
    assert len(neurons) == len(model.layers)
    for layer in neurons:
        # not part of NIR: at most one spike per step, no floor, reset by subtraction, and the initial potentials
        layer.spike_fn, layer.min_v_mem, layer.reset_fn = SingleSpike, None, MembraneSubtract()
        layer.init_state_with_shape((1, *layer.spike_threshold.shape))
        layer.v_mem.fill_(model.initial_potential)
    pixels = torch.from_numpy(image(SIZE)).permute(2, 0, 1).float()
    with torch.inference_mode():
        out = peer(pixels.expand(STEPS, -1, -1, -1))
    out = out[0] if isinstance(out, tuple) else out
    expected = spikes(model)[model.layers[-1].name]
    assert 0.05 < expected.mean() < 0.95
    np.testing.assert_array_equal(out.permute(0, 2, 3, 1).numpy(), expected)


def test_a_network_built_in_sinabs_runs_after_import(sinabs):
    import torch
    from sinabs.activation import SingleSpike
    from sinabs.layers import IAFSqueeze

    model = small_model(NETWORKS["plain"])
    parts = []
    for layer in model.layers:
        convolution = torch.nn.Conv2d(layer.in_channels, layer.out_channels, layer.kernel)
        convolution.weight.data, convolution.bias.data = (torch.from_numpy(a) for a in model.weights[layer.name])
        parts += [convolution, IAFSqueeze(batch_size=1, spike_fn=SingleSpike)]
    peer = torch.nn.Sequential(*parts)
    pixels = torch.from_numpy(image(SIZE)).permute(2, 0, 1).float()
    with torch.no_grad():
        graph = sinabs.to_nir(peer, pixels[None])
        for neurons in parts[1::2]:
            neurons.reset_states()
        counts = peer(pixels.expand(STEPS, -1, -1, -1)).sum(0).permute(1, 2, 0).numpy()
    imported = from_nir(graph)
    same(model, imported)
    np.testing.assert_array_equal(spikes(imported)["conv3"].sum(0), counts)


# the time step


def in_seconds(dt):
    """A graph as programs that count in seconds write it, spikingjelly for one: r = 1/dt, and no metadata."""
    graph = to_nir(small_model(NETWORKS["strides"]), SIZE)
    for node in graph.nodes.values():
        if isinstance(node, nir.IF):
            node.r, node.metadata = node.r / dt, {}
    return graph


@pytest.mark.parametrize("dt", [1e-4, 1e-3, 1 / 3, 1.0, 50.0])
def test_a_graph_in_seconds_has_the_same_weights_with_its_time_step(dt):
    model = from_nir(in_seconds(dt), dt)
    for name, (w, b) in small_model(NETWORKS["strides"]).weights.items():
        np.testing.assert_allclose(model.weights[name][0], w, rtol=2e-7)
        np.testing.assert_allclose(model.weights[name][1], b, rtol=2e-7)


def test_weights_of_a_graph_of_spikingjelly_are_exact():
    same(from_nir(in_seconds(1e-4), 1e-4), small_model(NETWORKS["strides"]))


@pytest.mark.parametrize(("dt", "r"), [(1e-4, "10000"), (1e-3, "1000"), (50.0, "0.02")])
def test_a_graph_in_seconds_without_a_time_step_is_refused(dt, r):
    with refused("conv1_spikes", "r", r, "--dt", f"{dt:g}", "spikingjelly"):
        from_nir(in_seconds(dt))


def test_a_resistance_that_is_meant_is_accepted_with_a_time_step_of_one():
    w, _ = from_nir(in_seconds(1 / 64), 1.0).weights["conv1"]
    np.testing.assert_array_equal(w, 64 * small_model(NETWORKS["strides"]).weights["conv1"][0])


@pytest.mark.parametrize("dt", [0.0, -1e-3, float("nan"), float("inf")])
def test_a_time_step_that_is_not_positive_is_refused(dt):
    with refused("dt", dt):
        from_nir(in_seconds(1e-4), dt)


def test_the_reset_of_a_graph_is_hard_unless_its_metadata_say_otherwise():
    assert resets_hard(in_seconds(1.0)) and not resets_hard(to_nir(small_model(NETWORKS["plain"]), SIZE))


@pytest.fixture
def spikingjelly():
    pytest.importorskip("spikingjelly", reason="the peer is spikingjelly (pip install spikingjelly)")
    return pytest.importorskip("spikingjelly.activation_based.nir_exchange", reason="spikingjelly here has no NIR")


@pytest.mark.parametrize("network", ["strides", "groups"])
def test_spikingjelly_fires_the_same_spikes_with_the_exported_graph(network, spikingjelly, tmp_path):
    import torch
    from spikingjelly.activation_based.neuron import IFNode

    model = replace(small_model(NETWORKS[network]), initial_potential=0.5)
    write_nir(model, SIZE, tmp_path / "model.nir")
    peer, state, out = spikingjelly.import_from_nir(str(tmp_path / "model.nir"), dt=1.0), None, []
    for neurons in peer.modules():
        if isinstance(neurons, IFNode):  # not part of NIR: reset by subtraction, and the initial potentials
            neurons.v_reset, neurons._memories["v"] = None, model.initial_potential
    pixels = torch.from_numpy(image(SIZE)).permute(2, 0, 1).float()[None]
    with torch.inference_mode():
        for _ in range(STEPS):
            spike, state = peer(pixels, state)
            out.append(spike[0].permute(1, 2, 0).numpy())
    expected = spikes(model)[model.layers[-1].name]
    assert 0.05 < expected.mean() < 0.95
    np.testing.assert_array_equal(out, expected)


def test_snntorch_fires_the_same_spikes_with_the_exported_graph(tmp_path):
    importer = pytest.importorskip("snntorch.import_nir", reason="the peer is snnTorch (pip install snntorch)")
    import torch
    from snntorch import Leaky

    model = replace(small_model(NETWORKS["groups"]), initial_potential=0.5)
    write_nir(model, SIZE, tmp_path / "model.nir")
    graph = nir.read(tmp_path / "model.nir")
    peer = importer.import_from_nir(graph)
    nodes = [node for node in graph.nodes.values() if isinstance(node, nir.IF)]
    for neurons, node in zip((m for m in peer.modules() if isinstance(m, Leaky)), nodes, strict=True):
        neurons.beta.fill_(1.0)
        neurons.threshold.fill_(1 - 2**-20)  # it fires above the threshold, and these weights often reach it exactly
        neurons.init_hidden = neurons.reset_delay = True
        neurons.mem = torch.full((1, *node.v_threshold.shape), model.initial_potential)
    pixels = torch.from_numpy(image(SIZE)).permute(2, 0, 1).float()[None]
    with torch.inference_mode():
        out = [peer(pixels)[0][0].permute(1, 2, 0).numpy() for _ in range(STEPS)]
    np.testing.assert_array_equal(out, spikes(model)[model.layers[-1].name])


def test_a_network_of_spikingjelly_fires_the_same_spikes_after_import(spikingjelly, tmp_path):
    """Spikingjelly counts in seconds and resets to zero."""
    import torch
    from spikingjelly.activation_based.functional import reset_net
    from spikingjelly.activation_based.layer import Conv2d
    from spikingjelly.activation_based.neuron import IFNode

    model, parts = small_model(NETWORKS["strides"]), []
    for layer in model.layers:
        convolution = Conv2d(layer.in_channels, layer.out_channels, layer.kernel, layer.stride)
        convolution.weight.data, convolution.bias.data = (torch.from_numpy(a) for a in model.weights[layer.name])
        parts += [convolution, IFNode(v_reset=0.0)]
    peer = torch.nn.Sequential(*parts)
    pixels = torch.from_numpy(image(SIZE)).permute(2, 0, 1).float()[None]
    spikingjelly.export_to_nir(peer, pixels, str(tmp_path / "peer.nir"))
    reset_net(peer)
    with torch.no_grad():
        expected = [peer(pixels)[0].permute(1, 2, 0).numpy() for _ in range(STEPS)]
    hard = find("equations", "rate", ".toml").read_text().replace('"v -= v_th"', '"v = 0"')
    (tmp_path / "hard.toml").write_text(hard)
    equations = dict.fromkeys(("coding", "hidden_coding"), str(tmp_path / "hard.toml"))
    trains = spikes(read_nir(tmp_path / "peer.nir", 1e-4), **equations)
    assert np.sum(expected) > 0
    np.testing.assert_array_equal(trains["conv3"], expected)


@pytest.fixture
def folded():
    """Weights of conv2, and the model of a graph whose neurons have v_th = 4, R = 1 or 2 and v_init = 1."""
    graph = to_nir(replace(small_model(NETWORKS["plain"]), initial_potential=0.25), SIZE)
    neurons = graph.nodes["conv2_spikes"]
    neurons.v_threshold, neurons.r = 4 * np.ones((16, 22, 22)), np.ones((16, 22, 22))
    neurons.r[3] = 2
    neurons.metadata = {"v_init": 1.0}
    return small_model(NETWORKS["plain"]).weights["conv2"], from_nir(graph)


def test_resistance_and_threshold_are_folded_into_the_weights(folded):
    """w R / v_th and b R / v_th, feature map by feature map."""
    (w, b), model = folded
    factor = np.full(16, 1 / 4)
    factor[3] = 2 / 4
    np.testing.assert_array_equal(model.weights["conv2"][0], w * factor[:, None, None, None])
    np.testing.assert_array_equal(model.weights["conv2"][1], b * factor)


def test_initial_potentials_are_in_units_of_the_threshold(folded):
    assert folded[1].initial_potential == 0.25


def test_unit_scales_leave_weights_unchanged():
    model = SpikingModel.from_model(load_model("compact"))
    same(model, SpikingModel.from_model(unit_scales(model)))


def graph_with(**changes):
    """The exported graph of a small network, with some settings of conv2 or its neurons changed."""
    graph = to_nir(small_model(NETWORKS["plain"]), SIZE)
    for name, value in changes.items():
        node = graph.nodes["conv2_spikes" if name in ("r", "v_threshold", "v_reset", "metadata") else "conv2"]
        setattr(node, name, value)
    return graph


uneven = np.ones((16, 22, 22))
uneven[0, 0, 0] = 2


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"padding": (1, 1)}, ["conv2", "padding", (1, 1)]),
        ({"padding": "same"}, ["conv2", "padding", "same"]),
        ({"dilation": (2, 2)}, ["conv2", "dilation", (2, 2)]),
        ({"stride": (1, 2)}, ["conv2", "stride", (1, 2)]),
        ({"weight": np.zeros((16, 8, 3, 2))}, ["conv2", (16, 8, 3, 2)]),
        ({"weight": np.full((16, 8, 3, 3), np.nan)}, ["conv2.weight", 1152]),
        ({"r": uneven}, ["conv2_spikes", "r", 16]),
        ({"r": np.zeros(0)}, ["conv2_spikes", "r", 16]),
        ({"groups": "two"}, ["conv2", "conv2_spikes", "'two'"]),
        ({"v_threshold": -uneven}, ["conv2_spikes", "v_threshold", 16]),
        ({"v_reset": uneven}, ["conv2_spikes", "v_reset", 0]),
        ({"metadata": {"reset": "zero"}}, ["conv2_spikes", "reset", "'zero'", "'subtract'"]),
        ({"metadata": {"v_init": "half"}}, ["conv2_spikes", "v_init", "'half'"]),
        ({"metadata": {"v_init": 0.5}}, ["v_init", "'conv1_spikes': 0.0", "'conv2_spikes': 0.5"]),
    ],
)
def test_settings_that_cannot_be_imported_are_named(changes, named):
    with refused(*named):
        from_nir(graph_with(**changes))


def test_an_unsupported_neuron_type_is_refused():
    graph = graph_with()
    graph.nodes["conv2_spikes"] = nir.Threshold(np.ones((16, 22, 22)))
    with refused("conv2_spikes", "IF", "Threshold"):
        from_nir(graph)


def test_a_branching_graph_is_refused():
    graph = graph_with()
    graph.edges.append(("conv1_spikes", "conv3"))
    with refused("conv1_spikes", "conv3"):
        from_nir(graph)


def test_a_disconnected_graph_is_refused():
    graph = graph_with()
    graph.edges.remove(("conv2", "conv2_spikes"))
    with refused("Input", "Output", "conv2 (Conv2d)", "conv2_spikes (IF)"):
        from_nir(graph)


def test_a_graph_for_gray_images_is_refused():
    graph = to_nir(small_model((Convolution("conv1", 3, 4, 3), Convolution("conv2", 4, 2, 3))), SIZE)
    graph.nodes["conv1"].weight = np.zeros((4, 1, 3, 3), np.float32)
    with refused("conv1", 3):
        from_nir(graph)


@pytest.fixture
def grouped():
    """A model whose second layer has two groups, and its graph."""
    model = small_model(NETWORKS["groups"])
    return model, to_nir(model, SIZE)


def test_groups_are_exported_as_blocks_of_zeros(grouped):
    model, graph = grouped
    dense, weights = graph.nodes["conv2"].weight, model.weights["conv2"][0]
    assert dense.shape == (36, 8, 3, 3) and weights.shape == (36, 4, 3, 3)
    # the first 18 outputs see the first 4 channels, the others the last 4
    np.testing.assert_array_equal(dense[:18, :4], weights[:18])
    np.testing.assert_array_equal(dense[18:, 4:], weights[18:])
    assert not dense[:18, 4:].any() and not dense[18:, :4].any()


def test_groups_are_detected_from_the_weights_regardless_of_metadata(grouped):
    _, graph = grouped
    assert from_nir(graph).layers[1].groups == 2
    graph.nodes["conv2"].weight[0, 7] = 1
    assert from_nir(graph).layers[1].groups == 1


def test_max_pooling_is_refused():
    with refused("pool1", "pool2", "NIR"):
        to_nir(small_model(NETWORKS["pools"]), SIZE)


@pytest.mark.parametrize(("found", "accepted"), [("1.0.4", False), ("1.0.8", True), ("1.0.10", True), ("2.0rc1", True)])
def test_nir_is_as_new_as_asked_for(found, accepted, monkeypatch):
    """Nodes of older versions have no metadata."""
    monkeypatch.setattr("importlib.metadata.version", lambda package: found)
    with nullcontext() if accepted else refused("nir", "1.0.8", found):
        to_nir(small_model(NETWORKS["plain"]), SIZE)


def test_a_missing_file_is_named(tmp_path):
    with refused(tmp_path / "none.nir"):
        read_nir(tmp_path / "none.nir")


def test_a_file_without_a_graph_is_named(tmp_path):
    (tmp_path / "text.nir").write_text("not HDF5")
    with refused(tmp_path / "text.nir", "NIR"):
        read_nir(tmp_path / "text.nir")
