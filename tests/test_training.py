"""Pairs and training on synthetic data, made here."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from brian_siamsnn.architecture import COMPACT
from brian_siamsnn.errors import InputError
from brian_siamsnn.geometry import exemplar_side
from brian_siamsnn.pairs import PairSampler, crop, held_out_pairs, read_photos, read_videos
from brian_siamsnn.weights import import_checkpoint

torch = pytest.importorskip("torch")

from brian_siamsnn import training  # noqa: E402
from brian_siamsnn.siamfc import SiamFC  # noqa: E402

REAL = Path(__file__).parents[2] / "shared" / "data" / "train"
#: Small enough for seconds; the last three of six steps are quantised.
TINY = {"steps": 6, "batch": 2, "spiking_share": 0.5, "held_out": ("b",)}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two videos of a white disc of 20 pixels on black, and two black photos with a white corner."""
    folder = tmp_path_factory.mktemp("data")
    for name, separator in (("a", ","), ("b", "\t")):
        images = folder / "video" / name / "img"
        images.mkdir(parents=True)
        lines = []
        for number in range(6):
            x, y = 60 + 9 * number, 70 - 4 * number
            image = np.zeros((120, 180, 3), np.uint8)
            cv2.circle(image, (x, y), 10, (255, 255, 255), -1)
            cv2.imwrite(str(images / f"{number:04}.jpg"), image)
            # 21 pixels wide around x (0-based), so x - 10 is the left one, x - 9 when counted from 1
            lines.append(separator.join(map(str, (x - 9, y - 9, 21, 21))))
        lines[3] = separator.join(["NaN"] * 4)
        (images.parent / "groundtruth_rect.txt").write_text("\n".join(lines) + "\n")
    (folder / "photos").mkdir()
    for number in range(2):
        image = np.zeros((90, 110, 3), np.uint8)
        image[:10, :10] = 255
        cv2.imwrite(str(folder / "photos" / f"{number}.jpg"), image)
    return folder


def centre_of_light(image):
    """Mean position (x, y) of the bright pixels."""
    y, x = np.nonzero(image.min(axis=2) > 127)
    return np.array([x.mean(), y.mean()])


def test_videos_are_read_with_any_separator(data):
    a, b = read_videos(data / "video")
    assert (a.name, b.name) == ("a", "b")
    assert a.boxes[0].tolist() == [50, 60, 21, 21]
    np.testing.assert_array_equal(a.boxes, b.boxes)
    assert np.isnan(a.boxes[3]).all()
    assert [Path(file).name for file in a.files[:2]] == ["0000.jpg", "0001.jpg"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3\n", r"line 1: expected 4 numbers .* got '1,2,3'"),
        ("1 2 3 4\nx\n", r"line 2: expected 4 numbers .* got 'x'"),
        ("1 2 3 4\n", "expected a box for each of 0 frames, got 1"),
    ],
)
def test_wrong_annotations_are_named(tmp_path, text, message):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "groundtruth_rect.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        read_videos(tmp_path)


def test_empty_folders_and_broken_images_are_named(tmp_path, data):
    with pytest.raises(InputError, match="groundtruth_rect.txt, found none"):
        read_videos(tmp_path)
    with pytest.raises(InputError, match=r"expected photos \*.jpg, found none"):
        read_photos(tmp_path)
    (tmp_path / "broken.jpg").write_text("not an image")
    video = read_videos(data / "video")[0]._replace(files=(str(tmp_path / "broken.jpg"),) * 6)
    with pytest.raises(InputError, match="broken.jpg: not an image"):
        held_out_pairs([video], 1)


def test_context_by_hand():
    # 10 x 20: p = 15, sqrt(25 * 35)
    assert exemplar_side(10, 20) == pytest.approx(29.580399)
    # a square of side s has a region of 2 s
    assert exemplar_side(30, 30) == 60


@pytest.mark.parametrize(
    ("zoom", "displacement", "expected"),
    [(1, (0, 0), (63, 63)), (1, (8, -5), (71, 58)), (0.5, (8, -5), (71, 58))],
)
def test_crop_puts_the_centre_where_it_should_be(zoom, displacement, expected):
    image = np.zeros((80, 100, 3), np.uint8)
    image[30, 40] = 255
    pixels = crop(image, (40, 30), np.eye(2) * zoom, 127, displacement).max(axis=2)
    y, x = np.unravel_index(pixels.argmax(), pixels.shape)
    assert (x, y) == expected
    assert pixels.max() == 255


def test_crop_shows_the_mean_colour_outside_of_the_image():
    image = np.zeros((4, 4, 3), np.uint8)
    image[:, :2] = (200, 100, 40)
    pixels = crop(image, (2, 2), np.eye(2), 9)
    # crop pixel 4 shows image pixel 2, so the image lies at 2..5, the coloured half of it at 2 and 3
    inside = np.zeros((9, 9), bool)
    inside[2:6, 2:6] = True
    assert np.unique(pixels[~inside], axis=0).tolist() == [[100, 50, 20]]
    assert np.unique(pixels[2:6, 2:4].reshape(-1, 3), axis=0).tolist() == [[200, 100, 40]]
    assert pixels[2:6, 4:6].max() == 0


def test_held_out_pairs_show_the_target_where_they_say(data):
    pairs = held_out_pairs(read_videos(data / "video"), 10)
    assert len(pairs) == 20
    for pair in pairs:
        assert pair.exemplar.shape == (127, 127, 3)
        assert pair.search.shape == (255, 255, 3)
        np.testing.assert_allclose(centre_of_light(pair.exemplar), 63, atol=0.5)
        np.testing.assert_allclose(centre_of_light(pair.search), 127 + pair.displacement, atol=0.5)
        # the disc takes half the side of the exemplar region: 127/2 wide in both crops
        assert np.ptp(np.nonzero(pair.search.min(axis=2) > 127)[1]) + 1 == pytest.approx(63.5, abs=3)


def test_augmented_pairs_show_the_target_where_they_say(data, tmp_path):
    # photos without light, so that nothing but the disc of a video shines
    cv2.imwrite(str(tmp_path / "dark.jpg"), np.zeros((90, 110, 3), np.uint8))
    sampler = PairSampler(read_videos(data / "video"), read_photos(tmp_path), seed=3)
    shown = [pair for pair in map(sampler, range(60)) if pair.exemplar.max() > 127]
    assert 15 < len(shown) < 45
    errors = [np.abs(centre_of_light(pair.search) - 127 - pair.displacement).max() for pair in shown]
    # an occlusion moves the centre of what is left
    assert np.median(errors) < 1
    assert np.abs([pair.displacement for pair in shown]).max() <= 32


def test_another_photo_surrounds_the_frame_of_a_video(data, tmp_path):
    # a white frame of 100 x 80 around its target, in a search region of 240 x 240, and black photos
    cv2.imwrite(str(tmp_path / "white.jpg"), np.full((80, 100, 3), 255, np.uint8))
    cv2.imwrite(str(tmp_path / "dark.jpg"), np.zeros((90, 110, 3), np.uint8))
    video = read_videos(data / "video")[0]
    video = video._replace(files=(str(tmp_path / "white.jpg"),) * 6, boxes=np.tile([20.0, 10, 60, 60], (6, 1)))
    sampler = PairSampler([video], [str(tmp_path / "dark.jpg")], seed=4)
    # without the photo the surroundings have the mean colour, white
    surrounded = [p for p in map(sampler, range(80)) if p.search.max() > 127 and p.search[[0, -1]].max() < 60]
    assert 5 < len(surrounded) < 30
    errors = [np.abs(centre_of_light(pair.search) - 127 - pair.displacement).max() for pair in surrounded]
    assert np.median(errors) < 1
    widths = [np.ptp(np.nonzero(pair.search.min(axis=2) > 127)[1]) + 1 for pair in surrounded]
    assert np.median(widths) == pytest.approx(100 * 255 / 240, rel=0.08)


def test_a_pair_depends_on_seed_and_number_alone(data):
    videos, photos = read_videos(data / "video"), read_photos(data / "photos")
    first, again, other = (PairSampler(videos, photos, seed) for seed in (0, 0, 1))
    first(0)
    np.testing.assert_array_equal(first(5).search, again(5).search)
    shifts = [sampler(index).displacement for sampler in (first, other) for index in range(4, 8)]
    assert len(np.unique(shifts)) == 16


def test_a_video_without_target_is_named(data):
    video = read_videos(data / "video")[0]
    with pytest.raises(InputError, match="video a: no box has sides of at least 8 pixels"):
        PairSampler([video._replace(boxes=np.full((6, 4), np.nan))], read_photos(data / "photos"), 0)
    with pytest.raises(InputError, match="at least one to train on"):
        PairSampler([], read_photos(data / "photos"), 0)


def test_score_of_a_perfect_and_of_a_blind_network(data, monkeypatch):
    pairs = held_out_pairs(read_videos(data / "video"), 4)
    network = SiamFC(COMPACT)
    cells = torch.tensor(np.array([pair.displacement for pair in pairs]) / 8, dtype=torch.float32)
    grid = torch.arange(17.0) - 8
    near = -(grid - cells[:, :1])[:, None, :].abs() - (grid - cells[:, 1:])[:, :, None].abs()
    monkeypatch.setattr(network, "forward", lambda exemplars, searches: near)
    score = training.held_out_score(network, pairs)
    assert score["within_1"] == 1
    assert score["distance"] < 0.71  # half a cell in x and in y
    # a flat map has its first peak in the corner, 8 cells to the left of and above the centre
    monkeypatch.setattr(network, "forward", lambda exemplars, searches: torch.zeros_like(near))
    score = training.held_out_score(network, pairs)
    assert score["held_out_loss"] == pytest.approx(np.log(2), rel=1e-5)
    assert score["distance"] == pytest.approx(np.linalg.norm(cells.numpy() + 8, axis=1).mean(), rel=1e-5)


@pytest.mark.parametrize("report_every", [2, 3])
def test_a_killed_run_goes_on_to_the_same_end(data, tmp_path, monkeypatch, report_every):
    whole = training.train(data, tmp_path / "whole.pt", report_every=report_every, **TINY)
    make_pair = PairSampler.__call__

    def killed(self, index):
        if index == 10:
            raise KeyboardInterrupt
        return make_pair(self, index)

    with monkeypatch.context() as patch:
        patch.setattr(PairSampler, "__call__", killed)
        with pytest.raises(KeyboardInterrupt):
            training.train(data, tmp_path / "killed.pt", report_every=report_every, **TINY)
    assert not (tmp_path / "killed.pt").exists()
    # step 3 is the last before activations are quantised, step 4 the first report after it
    checkpoint = torch.load(tmp_path / "killed.checkpoint.pt", weights_only=True)
    assert checkpoint["step"] == {2: 4, 3: 3}[report_every]
    resumed = training.train(data, tmp_path / "killed.pt", report_every=report_every, **TINY)
    assert resumed["log"]["history"] == whole["log"]["history"]
    assert resumed["log"]["bounds"] == whole["log"]["bounds"]
    for name, tensor in whole["state_dict"].items():
        assert torch.equal(resumed["state_dict"][name], tensor), name
    # from step 3 on the statistics of batch norm rest, while weights and, once in use, bounds are learnt
    for part in ("backbone.conv1.1.running_mean", "backbone.conv4.1.running_var"):
        assert torch.equal(checkpoint["network"][part], whole["state_dict"][part])
    assert not torch.equal(
        checkpoint["network"]["backbone.conv1.0.weight"], whole["state_dict"]["backbone.conv1.0.weight"]
    )
    assert all(checkpoint["gates"][f"{name}.bound"] != bound for name, bound in whole["log"]["bounds"].items())


def test_training_learns_and_writes_a_model(data, tmp_path):
    output = tmp_path / "model.pt"
    result = training.train(data, output, steps=30, batch=4, report_every=10, held_out=("b",))
    losses = [row["loss"] for row in result["log"]["history"]]
    assert [row["step"] for row in result["log"]["history"]] == [10, 20, 30]
    assert losses[-1] < losses[0]
    assert set(result["log"]["bounds"]) == {"conv1", "conv2", "conv3", "conv4"}
    assert min(result["log"]["bounds"].values()) > 0
    assert (tmp_path / "model.png").stat().st_size > 1000

    written = torch.load(output, weights_only=True)
    assert written["layers"] == "compact"
    assert written["log"] == result["log"]
    network = SiamFC(COMPACT)
    network.load_state_dict(written["state_dict"])
    # what the importer makes of the file is the same network
    model = import_checkpoint(output, COMPACT)
    folded = SiamFC.from_folded(COMPACT, model.weights, model.response_scale, model.response_bias)
    crops = torch.rand(1, 3, 127, 127) * 255, torch.rand(2, 3, 255, 255) * 255
    with torch.no_grad():
        torch.testing.assert_close(folded(*crops), network.eval()(*crops), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"architecture": "resnet"}, "architecture: expected one of alexnet, compact, got 'resnet'"),
        ({"steps": 0}, "steps: expected a positive number, got 0"),
        ({"spiking_share": 1.0}, "spiking_share: expected at least 0 and less than 1"),
        ({"held_out": ("b", "c")}, "held_out: expected names of videos in .*, got c"),
        ({"held_out": ()}, "held_out: expected names of videos in .*, got none"),
        ({"held_out": ("a", "b")}, "at least one to train on"),
    ],
)
def test_wrong_settings_are_named(data, tmp_path, settings, message):
    with pytest.raises(InputError, match=message):
        training.train(data, tmp_path / "model.pt", **{**TINY, **settings})


def test_an_output_without_folder_is_named_before_anything_is_trained(data, tmp_path):
    with pytest.raises(InputError, match="create .*nowhere first"):
        training.train(data, tmp_path / "nowhere" / "model.pt", **TINY)


def test_a_checkpoint_of_other_settings_is_refused(data, tmp_path):
    settings = {**TINY, "steps": 1, "spiking_share": 0}
    training.train(data, tmp_path / "model.pt", **settings)
    with pytest.raises(InputError, match="checkpoint with another batch, seed; delete it"):
        training.train(data, tmp_path / "model.pt", **{**settings, "batch": 3, "seed": 1})


def test_a_diverging_run_says_so(data, tmp_path):
    with pytest.raises(InputError, match="lower learning_rate"):
        training.train(data, tmp_path / "model.pt", **{**TINY, "learning_rate": 1e30})


@pytest.mark.data
@pytest.mark.skipif(not REAL.exists(), reason="needs the training data beside the checkout (shared/data/train)")
def test_real_videos_show_their_targets():
    videos = read_videos(REAL / "video")
    assert len(videos) == 25
    assert set(training.HELD_OUT) < {video.name for video in videos}
    assert {video.name: int(np.isnan(video.boxes[:, 0]).sum()) for video in videos}["tld_pedestrian3"] == 28
