"""CIResNet22: the published sizes and names, and every count as the quantised network has it."""

import numpy as np
import pytest

from tests.helpers.messages import refused
from tests.helpers.reference import image

torch = pytest.importorskip("torch")

import brian_siamsnn as bs  # noqa: E402
from brian_siamsnn.matching.convolutional import ConvolutionalMatcher  # noqa: E402
from brian_siamsnn.matching.spiking import SpikingMatcher  # noqa: E402
from brian_siamsnn.model.checkpoints import import_checkpoint, import_ciresnet22  # noqa: E402
from brian_siamsnn.model.ciresnet import CIResNet22, load_ciresnet22  # noqa: E402
from brian_siamsnn.model.ciresnet_names import ciresnet22_width  # noqa: E402
from brian_siamsnn.model.cnn import SiamFC  # noqa: E402
from brian_siamsnn.model.graph import total_stride  # noqa: E402
from brian_siamsnn.model.quantised_cnn import quantised_counts  # noqa: E402


def network(width=4):
    torch.manual_seed(2)
    net = CIResNet22(width)
    net.train()
    with torch.no_grad():  # statistics of batch norm that keep every layer active
        for _ in range(3):
            net(torch.rand(2, 3, 127, 127) * 255)
    return net.eval()


@pytest.fixture(scope="module")
def converted():
    return bs.convert(network(), [image(127, seed) for seed in range(3)], levels=4)


def test_the_published_network_has_its_published_size():
    # 3 units of 256 channels and 4 of 512; without batch norm 1.42 million weights, counted by hand:
    # conv1 9,408; layer1: 4,096 + 36,864 + 16,384 + 16,384, then twice 16,384 + 36,864 + 16,384;
    # layer2: 32,768 + 147,456 + 65,536 + 131,072, then three times 65,536 + 147,456 + 65,536
    by_hand = 9408 + 73728 + 2 * 69632 + 376832 + 3 * 278528
    assert sum(p.numel() for name, p in CIResNet22().named_parameters() if p.ndim == 4) == by_hand
    with torch.no_grad():
        assert network(8)(torch.zeros(1, 3, 127, 127)).shape == (1, 64, 5, 5)
        assert network(8)(torch.zeros(1, 3, 255, 255)).shape == (1, 64, 21, 21)


def test_sizes_stride_and_crops_of_the_spiking_network(converted):
    shapes = [converted.shapes(side)[converted.layers[-1].name] for side in (127, 255)]
    assert shapes == [(5, 5, 32), (21, 21, 32)]
    assert total_stride(converted.layers) == 8
    # what a crop cuts off is never simulated: conv1 is 64x64 of which 60x60 are seen
    assert converted.shapes(127)["conv1"] == (60, 60, 4)


def test_counts_equal_the_quantised_network(converted):
    names = [layer.name for layer in converted.layers]
    branch = bs.SpikingBranch(converted, 127, coding="wave", record=names)
    branch.run(image(127, 9))
    expected = quantised_counts(converted, branch.first_layer.current(image(127, 9)), 4)
    for name in names:
        np.testing.assert_array_equal(branch.trains(name).counts(), expected[name], err_msg=name)
    assert expected[names[-1]].any()


def test_a_tracker_uses_its_file(converted, tmp_path):
    path = tmp_path / "ciresnet.safetensors"
    converted.write(path)
    crops = [image(255, 4)]
    responses = []
    for matcher in (SpikingMatcher(path, coding="wave", crops=1), ConvolutionalMatcher(path)):
        matcher.set_exemplar(crops[0][64:191, 64:191])
        responses.append(matcher.match(crops))
        assert responses[-1].shape == (1, 17, 17)
        assert np.unravel_index(responses[-1].argmax(), (1, 17, 17)) == (0, 8, 8)


def saved(net, path, prefix="features.features.", **more):
    """A checkpoint of a network, with names of SiamDW and further tensors."""
    state = {prefix + name: value for name, value in net.state_dict().items()}
    torch.save({"state_dict": {**state, **more}, "epoch": 50}, path)
    return path


# SiamDW's tracker reads images with OpenCV, blue first; a backbone of one's own sees RGB
@pytest.mark.parametrize(
    ("prefix", "reversed_channels"),
    [("", False), ("module.", False), ("features.features.", True), ("module.features.features.", True)],
)
def test_checkpoints_load_by_their_public_names(tmp_path, prefix, reversed_channels):
    net = network()
    loaded = load_ciresnet22(saved(net, tmp_path / "checkpoint.pth", prefix))
    picture = torch.rand(1, 3, 127, 127) * 255
    with torch.no_grad():
        expected = net(picture.flip(1) if reversed_channels else picture)
        assert torch.allclose(loaded(picture), expected, atol=1e-4 * float(expected.abs().max()))


def test_a_checkpoint_is_recognised_and_becomes_a_graph_with_siamdws_response(tmp_path):
    net = network()
    model = import_checkpoint(saved(net, tmp_path / "checkpoint.pth"))
    images = torch.rand(2, 3, 255, 255) * 255
    with torch.no_grad():
        z, x = net(images[:1, :, 64:191, 64:191].flip(1)), net(images.flip(1))
        # connect.py: 0.1 * F.conv2d(x_f, z_f)
        expected = 0.1 * torch.nn.functional.conv2d(x, z)[:, 0]
        found = SiamFC.from_model(model)(images[:1, :, 64:191, 64:191], images)
    assert torch.allclose(found, expected, atol=1e-4 * float(expected.abs().max()))
    assert model.provenance["source"] == "checkpoint.pth" and not model.scales


def test_scale_and_bias_of_a_file_replace_those_of_siamdw(tmp_path):
    more = {"adjust.scale": torch.tensor(0.5), "adjust.bias": torch.tensor(-2.0)}
    model = import_ciresnet22(saved(network(), tmp_path / "checkpoint.pth", **more))
    assert (model.response_scale, model.response_bias) == (0.5, -2.0)


def test_other_checkpoints_are_refused(tmp_path):
    path = tmp_path / "checkpoint.pth"
    torch.save(network(8).state_dict(), path)
    with refused("conv1.weight", "(4, 3, 7, 7)", "(8, 3, 7, 7)"):
        load_ciresnet22(path, 4)
    torch.save({"other.weight": torch.zeros(3)}, path)
    with refused("other.weight"):
        load_ciresnet22(path)
    with refused("no such file"):
        load_ciresnet22(tmp_path / "none.pth")


@pytest.mark.parametrize("name", ["connect_model.template_cls.weight", "features.features.layer3.0.conv1.weight"])
def test_tensors_of_another_network_are_refused(tmp_path, name):
    # the head of SiamRPN, and a third stage, as in ResNet50
    path = saved(network(), tmp_path / "checkpoint.pth", **{name: torch.zeros(4, 4, 3, 3)})
    with refused(path, name):
        import_checkpoint(path)


def test_widths_are_read_from_names():
    assert [ciresnet22_width(name) for name in ("ciresnet22", "ciresnet22:16", "alexnet", "16-32")] == [
        64,
        16,
        None,
        None,
    ]
    for name in ("ciresnet22:", "ciresnet22:0", "ciresnet22:x"):
        with refused("architecture", name):
            ciresnet22_width(name)
