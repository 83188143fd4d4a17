"""Pairs and training on synthetic data, made here."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from brian_siamsnn.crops import exemplar_side
from brian_siamsnn.model.files import SiameseModel, read_model
from brian_siamsnn.model.layers import COMPACT, compact
from brian_siamsnn.training.pairs import PairSampler, crop, held_out_pairs, read_photos, read_videos
from brian_siamsnn.training.recipe import HELD_OUT, Recipe
from tests.helpers.messages import assert_names, assert_shows, last_error, refused
from tests.helpers.paths import DATA

torch = pytest.importorskip("torch")

from brian_siamsnn.model.cnn import SiamFC  # noqa: E402
from brian_siamsnn.training import batches as training_batches  # noqa: E402
from brian_siamsnn.training import loop as training  # noqa: E402
from brian_siamsnn.training.run import TrainingRun  # noqa: E402

REAL = DATA / "train"
#: Small enough for seconds; the last three of six steps are quantised.
TINY = {"architecture": "4-6-5", "steps": 6, "batch": 2, "spiking_share": 0.5, "held_out": ("b",), "pairs": 5}


@pytest.fixture(autouse=True)
def few_held_out_pairs(monkeypatch):
    monkeypatch.setattr(training, "HELD_OUT_PAIRS", 4)


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
    ("text", "named"),
    [
        ("1,2,3\n", ["groundtruth_rect.txt", "line 1", 4, "'1,2,3'"]),
        ("1 2 3 4\nx\n", ["groundtruth_rect.txt", "line 2", 4, "'x'"]),
        ("1 2 3 4\n", ["groundtruth_rect.txt", 0, 1]),
    ],
)
def test_wrong_annotations_are_named(tmp_path, text, named):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "groundtruth_rect.txt").write_text(text)
    with refused(*named):
        read_videos(tmp_path)


def test_empty_folders_and_broken_images_are_named(tmp_path, data):
    with refused("groundtruth_rect.txt"):
        read_videos(tmp_path)
    with refused("*.jpg"):
        read_photos(tmp_path)
    (tmp_path / "broken.jpg").write_text("not an image")
    video = read_videos(data / "video")[0]._replace(files=(str(tmp_path / "broken.jpg"),) * 6)
    with refused(tmp_path / "broken.jpg"):
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
    with refused("darkness", 8):
        PairSampler([video._replace(name="darkness", boxes=np.full((6, 4), np.nan))], read_photos(data / "photos"), 0)
    with refused("videos"):
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


@pytest.fixture(scope="module")
def teacher():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = SiamFC(compact("4-6-5-5"))
        weights = {
            name: (stage[0].weight.detach().numpy(), stage[0].bias.detach().numpy())
            for name, stage in network.stages.items()
        }
    return SiameseModel(network.layers, weights, 0.01, -0.5)


@pytest.mark.parametrize("taught", [False, True])
@pytest.mark.parametrize("report_every", [2, 3])
def test_a_killed_run_goes_on_to_the_same_end(data, tmp_path, monkeypatch, teacher, taught, report_every):
    # noise in the last part, so that the state of the random numbers matters
    recipe = Recipe(report_every=report_every, activation="clip_noise", operations_weight=0.1, **TINY)
    options = {"teacher": teacher} if taught else {}
    whole = training.train(data, tmp_path / "whole.safetensors", recipe, **options)
    make_batch = training_batches.to_tensors

    def killed(arrays, device):
        calls.append(arrays)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return make_batch(arrays, device)

    calls = []
    output = tmp_path / "killed.safetensors"
    with monkeypatch.context() as patch:
        patch.setattr(training, "to_tensors", killed)
        with pytest.raises(KeyboardInterrupt):
            training.train(data, output, recipe, **options)
    assert not output.exists()
    # step 3 is the last before activations are quantised, step 4 the first report after it
    checkpoint = torch.load(tmp_path / "killed.checkpoint.pt", weights_only=True)
    assert checkpoint["step"] == {2: 4, 3: 3}[report_every]
    resumed = training.train(data, output, recipe, **options)
    assert _log(resumed) == _log(whole)
    for name, (w, b) in whole.weights.items():
        np.testing.assert_array_equal(resumed.weights[name][0], w)
        np.testing.assert_array_equal(resumed.weights[name][1], b)
        np.testing.assert_array_equal(resumed.scales[name], whole.scales[name])
    # from step 3 on the statistics of batch norm rest, while weights and, once in use, bounds are learnt
    final = torch.load(tmp_path / "killed.checkpoint.pt", weights_only=True)
    for part in ("backbone.conv1.1.running_mean", "backbone.conv3.1.running_var"):
        assert torch.equal(checkpoint["network"][part], final["network"][part])
    part = "backbone.conv1.0.weight"
    assert not torch.equal(checkpoint["network"][part], final["network"][part])
    assert all(checkpoint["gates"][f"{name}.bound"] != scale[0] for name, scale in whole.scales.items())


def _log(model):
    return {key: value for key, value in model.provenance["training"].items() if key != "seconds"}


def test_training_writes_a_model_that_spikes(data, tmp_path):
    output = tmp_path / "model.safetensors"
    model = training.train(data, output, Recipe(**TINY, report_every=4))
    assert [row["step"] for row in model.provenance["training"]["history"]] == [4, 6]
    assert (tmp_path / "model.png").stat().st_size > 1000

    written = read_model(output)
    assert written.layers == compact("4-6-5")
    assert written.provenance == model.provenance
    assert (written.normalisation, written.initial_potential) == ("learnt bounds, clip_floor_shift, T = 20", 0.5)
    # the file is the network of the checkpoint, batch norm folded in, and its bounds
    checkpoint = torch.load(tmp_path / "model.checkpoint.pt", weights_only=True)
    network = SiamFC(written.layers)
    network.load_state_dict(checkpoint["network"])
    folded = SiamFC.from_folded(written.layers, written.weights, written.response_scale, written.response_bias)
    crops = torch.rand(1, 3, 127, 127) * 255, torch.rand(2, 3, 255, 255) * 255
    with torch.no_grad():
        torch.testing.assert_close(folded(*crops), network.eval()(*crops), rtol=1e-3, atol=1e-3)
    for name, scale in written.scales.items():
        np.testing.assert_array_equal(scale, checkpoint["gates"][f"{name}.bound"].item())


def test_an_ordinary_network_gets_its_scales_from_photos(data, tmp_path):
    recipe = Recipe(**{**TINY, "activation": "relu"})
    model = training.train(data, tmp_path / "model.safetensors", recipe)
    assert (model.normalisation, model.initial_potential) == ("layer-norm, 99.9 percentile", 0)
    assert set(model.scales) == {"conv1", "conv2", "conv3"}


def test_a_run_can_be_trained_on(data, tmp_path, teacher):
    base = Recipe(**{**TINY, "activation": "relu"})
    training.train(data, tmp_path / "base.safetensors", base, teacher=teacher)
    recipe = Recipe(**{**TINY, "steps": 1, "spiking_share": 1.0, "learning_rate": 1e-12})
    initial = tmp_path / "base.checkpoint.pt"
    model = training.train(data, tmp_path / "model.safetensors", recipe, teacher=teacher, initial=initial)
    np.testing.assert_allclose(
        model.weights["conv3"][0], read_model(tmp_path / "base.safetensors").weights["conv3"][0], rtol=1e-5, atol=1e-9
    )
    # the adapter goes on as well
    states = [torch.load(tmp_path / f"{stem}.checkpoint.pt", weights_only=True) for stem in ("base", "model")]
    for name, tensor in states[0]["distillation"].items():
        torch.testing.assert_close(states[1]["distillation"][name], tensor)
    other = Recipe(**{**TINY, "architecture": "4-6-6"})
    with refused("initial", "architecture", "4-6-6", "4-6-5"):
        training.train(data, tmp_path / "other.safetensors", other, initial=initial)
    with refused(tmp_path / "base.safetensors"):
        training.train(data, tmp_path / "other.safetensors", recipe, initial=tmp_path / "base.safetensors")
    with refused(tmp_path / "nowhere.pt"):
        training.train(data, tmp_path / "other.safetensors", recipe, initial=tmp_path / "nowhere.pt")


def test_the_last_layer_learns_to_be_rectified():
    # AlexNet's conv5 is not in SiamFC, but spikes are never negative
    run = TrainingRun(Recipe(architecture="alexnet"))
    assert run.network.layers[-1].rectify and set(run.gates) == {f"conv{k}" for k in range(1, 6)}


def test_a_run_learns_its_batch_by_heart(data, teacher):
    sampler = PairSampler(read_videos(data / "video"), read_photos(data / "photos"), 0)
    cut = training_batches.new_batch(sampler, Recipe(batch=4), 0)
    z, x = (np.random.default_rng(side).normal(size=(4, side, side, 64)).astype(np.float32) for side in (6, 16))
    # features at random can hardly be explained, but no term may stand in another's way
    for taught, share in (((), 0.8), ((z, x), 0.95)):
        run = TrainingRun(Recipe(architecture="4-6-5", activation="relu"), teacher_response=(0.1, 0.0))
        losses = [run.advance(training_batches.to_tensors((*cut, *taught), "cpu")) for _ in range(12)]
        assert losses[-1] < share * losses[0]


def test_operations_are_rates_times_synapses_and_their_weight_lowers_them():
    rng = np.random.default_rng(0)
    exemplars, searches = (rng.integers(0, 256, (2, side, side, 3), dtype=np.uint8) for side in (127, 207))
    batch = training_batches.to_tensors((exemplars, searches, np.zeros((2, 2))), "cpu")
    operations = {}
    for weight in (0.0, 30.0):
        run = TrainingRun(
            Recipe(architecture="4-6-5", spiking_share=1.0, steps=15, learning_rate=0.02, operations_weight=weight)
        )
        for _ in range(15):
            run.advance(batch)
        # conv1: 62 x 62 pixels of 4 channels, conv2: 29 x 29 of 6; 25 and 9 places in the kernels
        synapses = {"conv1": 29 * 29 * 6 * 25 * 4, "conv2": 27 * 27 * 5 * 9 * 6}
        expected = 20 * sum(count * run.gates[name].rate.item() for name, count in synapses.items())
        operations[weight] = run.operations()
        assert operations[weight] == pytest.approx(expected, rel=1e-5)
    assert 0 < operations[30.0] < 0.7 * operations[0.0]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"architecture": "resnet"}, ["architecture", "alexnet", "compact", "'resnet'"]),
        ({"architecture": "16-x"}, ["architecture", "'16-x'"]),
        ({"architecture": "16-33g2"}, ["architecture", "33g2", "16-33g2", 33, 16]),
        ({"activation": "tanh"}, ["activation", "clip_floor_shift", "clip_noise", "relu", "'tanh'"]),
        ({"steps": 0}, ["steps", 0]),
        ({"learning_rate": float("nan")}, ["learning_rate", "nan"]),
        ({"operations_weight": -1.0}, ["operations_weight", 0, -1.0]),
        ({"spiking_share": 1.1}, ["spiking_share", 0, 1, 1.1]),
        ({"pairs": 1}, ["pairs", 2, 1]),
        ({"held_out": ("b", "c")}, ["held_out", "c", "a, b"]),
        ({"held_out": ()}, ["held_out"]),
        ({"held_out": ("a", "b")}, ["videos"]),
    ],
)
def test_wrong_settings_are_named(data, tmp_path, settings, named):
    with refused(*named):
        training.train(data, tmp_path / "model.safetensors", Recipe(**{**TINY, **settings}))


def test_an_output_without_folder_is_named_before_anything_is_trained(data, tmp_path):
    with refused(tmp_path / "nowhere" / "model.safetensors"):
        training.train(data, tmp_path / "nowhere" / "model.safetensors", Recipe(**TINY))


def test_a_checkpoint_of_other_settings_or_none_is_refused(data, tmp_path):
    settings = {**TINY, "steps": 1, "activation": "relu"}
    output = tmp_path / "model.safetensors"
    training.train(data, output, Recipe(**settings))
    with refused(tmp_path / "model.checkpoint.pt", "batch", "seed"):
        training.train(data, output, Recipe(**{**settings, "batch": 3, "seed": 1}))
    (tmp_path / "model.checkpoint.pt").write_bytes(b"nothing")
    with refused(tmp_path / "model.checkpoint.pt"):
        training.train(data, output, Recipe(**settings))


def test_a_diverging_run_says_so(data, tmp_path):
    with refused("nan", "learning_rate"):
        training.train(data, tmp_path / "model.safetensors", Recipe(**{**TINY, "learning_rate": 1e30}))


def test_windows_keep_their_targets_where_the_response_can_show_them():
    displacements = np.array([[32.0, -32.0], [0.0, 0.0], [-31.0, 4.0]])
    seen = [training_batches.windows(displacements, np.random.default_rng(seed)) for seed in range(300)]
    left = displacements - (np.array(seen) - 3) * 8
    assert np.abs(left).max() <= 32
    # a target in the middle can be anywhere within 24 pixels, one at the edge only nearer
    assert {start[1, 0] for start in seen} == set(range(7))
    assert {start[0, 0] for start in seen} == {3, 4, 5, 6}
    assert {start[0, 1] for start in seen} == {0, 1, 2, 3}


def test_the_command_trains_with_a_teacher(data, tmp_path, teacher, capsys):
    from brian_siamsnn.cli.main import main
    from brian_siamsnn.model.files import write_model

    write_model(teacher, tmp_path / "teacher.safetensors")
    output = tmp_path / "student.safetensors"
    arguments = [
        "train",
        "--data",
        str(data),
        "--output",
        str(output),
        "--architecture",
        "4-6-5",
        "--steps",
        "2",
        "--batch",
        "2",
        "--pairs",
        "3",
        "--held-out",
        "b",
        "--device",
        "cpu",
        "--teacher",
        str(tmp_path / "teacher.safetensors"),
    ]
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 0
    assert_shows(capsys.readouterr().out, output)
    assert read_model(output).provenance["training"]["recipe"]["pairs"] == 3
    assert (tmp_path / "student.pool" / "filled.json").read_text() == "3"
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--pool", str(tmp_path / "student.pool"), "--seed", "1"])
    assert end.value.code == 2
    assert_names(last_error(capsys), tmp_path / "student.checkpoint.pt", "seed")


@pytest.mark.data
@pytest.mark.skipif(not REAL.exists(), reason="needs the training data beside the checkout (shared/data/train)")
def test_real_videos_show_their_targets():
    videos = read_videos(REAL / "video")
    assert [video.name for video in videos] == sorted(folder.name for folder in (REAL / "video").iterdir())
    assert set(HELD_OUT) < {video.name for video in videos}
    assert {video.name: int(np.isnan(video.boxes[:, 0]).sum()) for video in videos}["tld_pedestrian3"] == 28
