"""SiamRPN: counts equal the quantised network's, heads equal PyTorch's, and public checkpoints keep their function."""

import numpy as np
import pytest

from tests.helpers.messages import refused
from tests.helpers.reference import image

torch = pytest.importorskip("torch")

import brian_siamsnn as bs  # noqa: E402
from brian_siamsnn.matching.region_matchers import SpikingRegionMatcher  # noqa: E402
from brian_siamsnn.model.quantised_cnn import quantised_counts  # noqa: E402
from brian_siamsnn.model.siamrpn import SiamRPN, load_siamrpn  # noqa: E402
from brian_siamsnn.model.siamrpn_conversion import convert_siamrpn  # noqa: E402


def network(**options):
    """Three channels in the first layer, random weights, statistics that keep every layer active."""
    torch.manual_seed(1)
    net = SiamRPN(3, **options).train()
    with torch.no_grad():
        for _ in range(30):
            net(torch.rand(2, 3, 127, 127) * 255, torch.rand(2, 3, 159, 159) * 255)
    return net.eval()


def pictures(size, *seeds):
    return [image(size, seed) for seed in seeds]


@pytest.fixture(scope="module")
def net():
    return network()


@pytest.fixture(scope="module")
def converted(net):
    return convert_siamrpn(net, pictures(127, 0, 1), pictures(159, 2, 3), levels=4)


@pytest.fixture(scope="module")
def matcher(converted):
    matcher = SpikingRegionMatcher(converted, size=159)
    matcher.set_exemplar(image(127, 5))
    return matcher


@pytest.mark.parametrize(("side", "size"), [("exemplar", 127), ("search", 159)])
def test_every_count_equals_the_quantised_network(converted, side, size):
    model = getattr(converted, side)
    names = [layer.name for layer in model.layers]
    branch = bs.SpikingBranch(model, size, coding="wave", record=names)
    branch.run(image(size, 9))
    expected = quantised_counts(model, branch.first_layer.current(image(size, 9)), 4)
    for name in names:
        np.testing.assert_array_equal(branch.trains(name).counts(), expected[name], err_msg=name)
    # AlexNet's five convolutions and both heads' side by side
    assert sum(name in model.weights for name in names) == 6
    assert expected[names[-1]].shape[2] == 16 and 0 < expected[names[-1]].mean() < 4


def test_the_branches_are_those_of_the_network(net):
    x = torch.rand(1, 3, 159, 159) * 255
    with torch.no_grad():
        features = net.backbone.features(x)
        for side in ("exemplar", "search"):
            parts = [head.conv_kernel if side == "exemplar" else head.conv_search for head in net.heads]
            expected = torch.cat([part(features) for part in parts], 1)
            assert torch.allclose(net.branch(side)(x), expected, atol=1e-5)


def test_the_heads_read_the_correlation_of_counts(net, converted, matcher):
    """What follows the counts, computed by the network's own modules."""
    cls, loc = matcher.propose(image(159, 6))
    sides = ((converted.exemplar, 127, 5), (converted.search, 159, 6))
    counts = []
    for model, size, seed in sides:
        branch = bs.SpikingBranch(model, size, coding="wave")
        counts.append(quantised_counts(model, branch.first_layer.current(image(size, seed)), 4)[branch.last_layer])
    z, x = (torch.from_numpy(n).permute(2, 0, 1)[None].float() for n in counts)
    maps = (
        torch.nn.functional.conv2d(x, z.transpose(0, 1), groups=16)
        * torch.from_numpy(converted.gain / 16).float()[:, None, None]
    )
    for found, head, part in zip((cls, loc), net.heads, maps.chunk(2, 1), strict=True):
        with torch.no_grad():
            expected = head.head(part)[0].numpy()
        np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    # 159 pixels: (159 - 127) / 8 + 1 positions
    assert (cls.shape, loc.shape) == ((10, 5, 5), (20, 5, 5))


def test_many_levels_come_close_to_the_network(net):
    # what remains at 64 levels is rounding in six layers, one after the other
    crops = pictures(127, 5, 0), pictures(159, 6, 2)
    fine = convert_siamrpn(net, *crops, levels=64)
    matcher = SpikingRegionMatcher(fine, "wave:p=64", size=159)
    matcher.set_exemplar(crops[0][0])
    found = np.concatenate(matcher.propose(crops[1][0]))
    tensors = (torch.from_numpy(crop[0]).permute(2, 0, 1)[None].float() for crop in crops)
    with torch.no_grad():
        expected = torch.cat(net(*tensors), 1)[0].numpy()
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.97


def saved(net, path, prefix="", **more):
    torch.save({prefix + name: value for name, value in net.state_dict().items()} | more, path)
    return path


@pytest.mark.parametrize("prefix", ["", "module."])
def test_on_and_off_channels_compute_what_a_published_network_does(tmp_path, prefix):
    published = network(rectify=False)
    loaded = load_siamrpn(saved(published, tmp_path / "checkpoint.pth", prefix))
    pair = torch.rand(1, 3, 127, 127) * 255, torch.rand(1, 3, 159, 159) * 255
    with torch.no_grad():
        # pysot reads images with OpenCV, blue first
        expected, found = published(*(one.flip(1) for one in pair)), loaded(*pair)
        assert (published.backbone.features(pair[0]) < 0).any()
    for a, b in zip(expected, found, strict=True):
        assert torch.allclose(a, b, atol=1e-3 * float(a.abs().max()))
    # and it can be converted, unlike the published one
    assert len(convert_siamrpn(loaded, pictures(127, 0), pictures(159, 2)).gain) == 16
    with refused("features.14", "not rectified"):
        convert_siamrpn(published, pictures(127, 0), pictures(159, 2))


def test_other_checkpoints_are_refused(tmp_path):
    net, path = network(), tmp_path / "checkpoint.pth"
    with refused(path, "neck.weight"):
        load_siamrpn(saved(net, path, **{"neck.weight": torch.zeros(3)}))
    with refused(path, "rpn_head.loc.head.3.bias", (20,), (10,)):
        load_siamrpn(saved(net, path, **{"rpn_head.loc.head.3.bias": torch.zeros(10)}))
    torch.save({"rpn_head.template_cls_conv.weight": torch.zeros(3)}, path)
    with refused(path, "rpn_head.template_cls_conv.weight", "siamrpn_alex_dwxcorr"):
        load_siamrpn(path)
    with refused("width", 4):
        SiamRPN(4)
