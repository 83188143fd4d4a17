"""The commands for model files: import, fixed point and NIR."""

import numpy as np
import pytest

from brian_siamsnn.files import find
from brian_siamsnn.model.conversion import SpikingModel
from brian_siamsnn.model.files import load_model, read_model, write_model
from brian_siamsnn.model.fixed_point_weights import fixed_point
from brian_siamsnn.model.layers import convolutions
from tests.helpers.commands import command, output_of
from tests.helpers.messages import assert_names, assert_shows, last_error

# checkpoints


def test_a_missing_checkpoint_is_named(tmp_path, capsys):
    pytest.importorskip("torch", reason="checkpoints are PyTorch's")
    assert command("weights", "import", tmp_path / "nowhere.pth", "--output", tmp_path / "out.safetensors") == 2
    assert_names(last_error(capsys), tmp_path / "nowhere.pth")


def test_a_checkpoint_of_another_architecture_is_refused_and_nothing_is_written(tmp_path, capsys):
    torch = pytest.importorskip("torch", reason="checkpoints are PyTorch's")
    torch.save({"conv1.weight": torch.zeros(16, 3, 11, 11)}, tmp_path / "c.pth")
    assert command("weights", "import", tmp_path / "c.pth", "--output", tmp_path / "m.safetensors") == 2
    assert_names(last_error(capsys), tmp_path / "c.pth", "conv1.weight", (96, 3, 11, 11), (16, 3, 11, 11))
    assert not (tmp_path / "m.safetensors").exists()


def test_scales_for_levels_replace_those_of_a_model_file(tmp_path):
    pytest.importorskip("torch", reason="calibration needs the CNN")
    source, output = find("weights", "compact", ".safetensors"), tmp_path / "four.safetensors"
    output_of("weights", "import", source, "--levels", 4, "--output", output)
    before, after = load_model("compact"), load_model(output)
    assert after.initial_potential == 0.5 and "4 levels" in after.normalisation
    for name, (w, b) in before.weights.items():
        np.testing.assert_array_equal(after.weights[name][0], w)
        np.testing.assert_array_equal(after.weights[name][1], b)
        assert len(set(after.scales[name])) == 1 and after.scales[name][0] != before.scales[name][0]


def test_levels_and_a_percentile_contradict_each_other(tmp_path, capsys):
    arguments = ["--levels", 4, "--percentile", 99, "--output", tmp_path / "m.safetensors"]
    assert command("weights", "import", "any.pth", *arguments) == 2
    assert_names(last_error(capsys), "--levels", "--percentile", 4, 99)


def test_a_checkpoint_of_siamdw_becomes_a_model_that_trackers_take(tmp_path):
    torch = pytest.importorskip("torch", reason="checkpoints are PyTorch's")
    from brian_siamsnn.model.ciresnet import CIResNet22

    torch.manual_seed(0)
    network = CIResNet22(2)
    with torch.no_grad():
        network(torch.rand(4, 3, 127, 127) * 255)  # statistics of batch norm
    state = {f"module.features.features.{name}": value for name, value in network.state_dict().items()}
    torch.save(state, tmp_path / "CIResNet22.pth")
    output = tmp_path / "ciresnet.safetensors"
    output_of("weights", "import", tmp_path / "CIResNet22.pth", "--levels", 4, "--output", output)
    model = read_model(output)
    # 7 units of three convolutions, conv1 and a pixel-wise one beside the first unit of each stage, which is an input
    assert len(convolutions(model.layers)) == 22 and "4 levels" in model.normalisation
    output_of("track", "synthetic", "--frames", 2, "--model", output, "--coding", "wave", "--output", tmp_path / "run")
    assert len((tmp_path / "run" / "boxes.csv").read_text().splitlines()) == 3


# fixed point


@pytest.fixture(scope="module")
def rounding(tmp_path_factory):
    """The shipped model in fixed point as a file, and the printed output."""
    output = tmp_path_factory.mktemp("fixed") / "rounded.safetensors"
    return output, output_of("weights", "fixed-point", "compact", "--output", output)


def test_the_option_that_loads_the_rounded_model_is_printed(rounding):
    output, printed = rounding
    assert f"--model {output}" in printed


def test_an_already_rounded_model_is_unchanged(rounding, tmp_path):
    write_model(fixed_point(read_model(rounding[0])), tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == rounding[0].read_bytes()


# NIR


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The NIR graph of the shipped model as a file, and the printed output."""
    pytest.importorskip("nir", reason="NIR graphs need the extra nir")
    output = tmp_path_factory.mktemp("nir") / "compact.nir"
    return output, output_of("weights", "export", "compact", "--output", output, "--image-size", 127)


@pytest.fixture(scope="module")
def again(exported):
    """The model imported from that graph."""
    output = exported[0].with_name("again.safetensors")
    assert command("weights", "import-nir", exported[0], "--output", output) == 0
    return load_model(output)


def test_the_exported_graph_has_the_image_size(exported):
    import nir

    assert nir.read(exported[0]).nodes["output"].output_type["output"].tolist() == [32, 7, 7]


def test_node_types_are_printed(exported):
    graph, printed = exported
    assert_shows(printed, graph, "Conv2d", "IF")


def test_an_exported_model_is_imported_with_the_same_weights(again):
    expected, found = (SpikingModel.from_model(model) for model in (load_model("compact"), again))
    assert expected.layers == found.layers and expected.initial_potential == found.initial_potential
    for name, (w, b) in expected.weights.items():
        np.testing.assert_array_equal(found.weights[name][0], w)
        np.testing.assert_array_equal(found.weights[name][1], b)


@pytest.fixture
def in_seconds(exported):
    """The graph with r = 1/dt for a step of 0.1 ms, and a reset that NIR defines."""
    import nir

    graph = nir.read(exported[0])
    for node in graph.nodes.values():
        if isinstance(node, nir.IF):
            node.r, node.metadata = 10_000 * node.r, {}
    nir.write(exported[0].with_name("seconds.nir"), graph)
    return exported[0].with_name("seconds.nir")


def test_a_graph_in_seconds_needs_its_time_step(in_seconds, tmp_path, capsys):
    output = tmp_path / "m.safetensors"
    assert command("weights", "import-nir", in_seconds, "--output", output) == 2
    assert_names(last_error(capsys), "conv1_spikes", "10000", "--dt", "0.0001")
    assert not output.exists()
    assert command("weights", "import-nir", in_seconds, "--output", output, "--dt", "1e-4") == 0
    assert_names(capsys.readouterr().err.strip(), in_seconds, "v_reset", "--coding", "--hidden-coding")
    w, expected = (SpikingModel.from_model(load_model(model)).weights["conv1"][0] for model in (output, "compact"))
    np.testing.assert_array_equal(w, expected)


def test_an_imported_model_records_its_source(again):
    assert again.provenance["source"] == "compact.nir"
    assert [layer.name for layer in convolutions(again.layers)] == ["conv1", "conv2", "conv3", "conv4", "conv5"]
