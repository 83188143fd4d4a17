"""Conversion errors against a CNN whose activations are known, and the command that prints them."""

import csv

import numpy as np
import pytest

from brian_siamsnn.cli.main import main
from brian_siamsnn.diagnostics.inspection import inspect_conversion, inspection_crops
from brian_siamsnn.diagnostics.inspection_figure import inspection_figure
from brian_siamsnn.model.conversion import scale_thresholds
from brian_siamsnn.model.files import SiameseModel, load_model
from brian_siamsnn.model.layers import Convolution
from brian_siamsnn.model.numpy_cnn import cnn_activations
from brian_siamsnn.sequences.synthetic import SyntheticSequence
from tests.helpers.messages import assert_names, last_error, refused
from tests.helpers.reference import NETWORKS, image, small_model


def siamese(layers, weights, scales):
    return SiameseModel(layers=tuple(layers), weights=weights, scales=scales)


@pytest.mark.parametrize("name", NETWORKS)
def test_activations_equal_pytorch(name):
    torch = pytest.importorskip("torch", reason="the CNN to compare with is PyTorch's")
    from brian_siamsnn.model.cnn import SiamFC

    model = small_model(NETWORKS[name])
    network = SiamFC.from_folded(model.layers, model.weights)
    picture = image(26)
    with torch.inference_mode():
        expected = network.activations(torch.from_numpy(picture).permute(2, 0, 1)[None].float())
    found = cnn_activations(model, picture)
    assert list(found) == [layer.name for layer in model.layers]
    for layer, values in found.items():
        np.testing.assert_allclose(values, expected[layer][0].permute(1, 2, 0).numpy(), rtol=1e-5, atol=1e-5)


def one_layer(activation):
    """A network of one 1x1 convolution whose channels have these activations for every image."""
    n = len(activation)
    layer = Convolution("conv1", 3, n, 1)
    weights = {"conv1": (np.zeros((n, 3, 1, 1), np.float32), np.array(activation, np.float32))}
    return siamese([layer], weights, {"conv1": np.full(n, 2.0, np.float32)})


def test_numbers_of_one_layer_by_hand():
    # scale 2, T = 4: drives of 0, .25, .5, .75 and 2 a step, so 0, 1, 2, 3 and 4 spikes; the last should be 2 * 2 = 4
    model = one_layer([-1.0, 0.5, 1.0, 1.5, 4.0])
    (layer,) = inspect_conversion(model, [np.zeros((2, 2, 3), np.uint8)] * 3, steps=4)
    assert layer.spikes == 3 * 4 * (0 + 1 + 2 + 3 + 4)
    assert layer.rate == pytest.approx(10 / 20)
    assert (layer.silent, layer.saturated) == (0.2, 0.2)
    # estimates 0 .5 1 1.5 2 are the clipped activations exactly; unclipped, the last misses 2 of 4
    assert layer.error == layer.relative_error == 0
    assert layer.correlation == pytest.approx(1)
    assert layer.error_unclipped == pytest.approx(2 / 5)
    assert layer.correlation_unclipped == pytest.approx(np.corrcoef([0, 0.5, 1, 1.5, 4], [0, 0.5, 1, 1.5, 2])[0, 1])
    # after one step only the last has fired: errors 0 .25 .5 .75 0 of the scale; after two also .5 and .75, once
    # each: 0 .25 0 .25 0
    np.testing.assert_allclose(layer.relative_error_by_step[:2], [1.5 / 5, 0.5 / 5])
    assert layer.density.sum() == 3 * 4 * 5


def test_scale_and_coding_are_seen():
    picture = [np.zeros((2, 2, 3), np.uint8)]
    model = one_layer([0.5, 1.0, 1.5, 4.0])
    # twice the scale: the last neuron no longer saturates at half of its activation
    (wide,) = inspect_conversion(scale_thresholds(model, 2.0), picture, steps=8)
    assert wide.error_unclipped == 0 and wide.saturated == 0.25
    # the paper's burst cannot send strong activations, as its amplitudes shrink
    (burst,) = inspect_conversion(model, picture, steps=8, coding="burst")
    (rate,) = inspect_conversion(model, picture, steps=8)
    assert burst.relative_error > 0.3 > rate.relative_error == 0
    assert burst.rate > rate.rate
    with refused("brian-siamsnn weights import"):
        inspect_conversion(siamese(model.layers, model.weights, None), picture)


def test_without_variation_there_is_no_correlation():
    (layer,) = inspect_conversion(one_layer([-1.0, -2.0]), [np.zeros((2, 2, 3), np.uint8)], steps=3)
    assert np.isnan(layer.correlation) and layer.silent == 1


def test_crops_are_those_around_the_boxes():
    crops = list(inspection_crops(SyntheticSequence(frames=9), 3))
    assert len(crops) == 3 and {c.shape for c in crops} == {(255, 255, 3)}
    assert not np.array_equal(crops[0], crops[1])


def test_the_error_of_the_shipped_network_falls_with_the_steps():
    crop = next(inspection_crops(SyntheticSequence(frames=4), 1))
    layers = inspect_conversion(load_model("compact"), [crop], steps=12)
    for layer in layers:
        assert layer.relative_error_by_step[-1] < 0.6 * layer.relative_error_by_step[1]
        assert layer.correlation > 0.6
    figure = inspection_figure(layers)
    titles = [axes.get_title() for axes in figure.axes]
    assert any(title.startswith("conv5: r = 0.") for title in titles)


def test_command_line_writes_table_and_picture(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(
            ["inspect", "--frames", "1", "--steps", "3", "--output", str(tmp_path / "out"), "--hidden-coding", "burst"]
        )
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()[1:6]] == ["conv1", "conv2", "conv3", "conv4", "conv5"]
    with open(tmp_path / "out" / "inspection.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["correlation"]) > 0.5 and int(rows[0]["spikes"]) > 0
    with open(tmp_path / "out" / "inspection_steps.csv", encoding="utf-8") as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["1", "2", "3"]
    assert (tmp_path / "out" / "inspection.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(SystemExit) as stop:
        main(["inspect", "--threshold-scale", "0"])
    assert stop.value.code == 2
    assert_names(last_error(capsys), "'--threshold-scale'")
