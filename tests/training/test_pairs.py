"""Pairs of crops show the target in its labelled position."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from brian_siamsnn.crops import exemplar_side
from brian_siamsnn.training.augmentation import crop
from brian_siamsnn.training.pairs import PairSampler, Video, held_out_pairs, read_photos, read_videos
from brian_siamsnn.training.recipe import HELD_OUT
from tests.helpers.messages import refused


def centre_of_light(image):
    """Mean position (x, y) of the bright pixels."""
    y, x = np.nonzero(image.min(axis=2) > 127)
    return np.array([x.mean(), y.mean()])


def test_videos_are_read_with_any_separator(clips):
    a, b = read_videos(clips / "video")
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
def test_invalid_annotations_are_named(tmp_path, text, named):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "groundtruth_rect.txt").write_text(text)
    with refused(*named):
        read_videos(tmp_path)


def test_a_folder_without_videos_is_named(tmp_path):
    with refused("groundtruth_rect.txt"):
        read_videos(tmp_path)


def test_a_folder_without_photos_is_named(tmp_path):
    with refused("*.jpg"):
        read_photos(tmp_path)


def test_a_broken_image_is_named(clips, tmp_path):
    (tmp_path / "broken.jpg").write_text("not an image")
    video = read_videos(clips / "video")[0]._replace(files=(str(tmp_path / "broken.jpg"),) * 6)
    with refused(tmp_path / "broken.jpg"):
        held_out_pairs([video], 1)


def test_the_exemplar_region_by_hand():
    # 10 x 20: p = 15, sqrt(25 * 35)
    assert exemplar_side(10, 20) == pytest.approx(29.580399)
    # a square of side s has a region of 2 s
    assert exemplar_side(30, 30) == 60


@pytest.mark.parametrize(
    ("zoom", "displacement", "expected"),
    [(1, (0, 0), (63, 63)), (1, (8, -5), (71, 58)), (0.5, (8, -5), (71, 58))],
)
def test_crops_are_centred_correctly(zoom, displacement, expected):
    image = np.zeros((80, 100, 3), np.uint8)
    image[30, 40] = 255
    pixels = crop(image, (40, 30), np.eye(2) * zoom, 127, displacement).max(axis=2)
    y, x = np.unravel_index(pixels.argmax(), pixels.shape)
    assert (x, y) == expected
    assert pixels.max() == 255


def test_crops_show_the_mean_colour_outside_the_image():
    image = np.zeros((4, 4, 3), np.uint8)
    image[:, :2] = (200, 100, 40)
    pixels = crop(image, (2, 2), np.eye(2), 9)
    # crop pixel 4 shows image pixel 2, so the image lies at 2..5, the coloured half of it at 2 and 3
    inside = np.zeros((9, 9), bool)
    inside[2:6, 2:6] = True
    assert np.unique(pixels[~inside], axis=0).tolist() == [[100, 50, 20]]
    assert np.unique(pixels[2:6, 2:4].reshape(-1, 3), axis=0).tolist() == [[200, 100, 40]]
    assert pixels[2:6, 4:6].max() == 0


def test_held_out_pairs_show_the_target_at_its_labelled_position(clips):
    pairs = held_out_pairs(read_videos(clips / "video"), 10)
    assert [pair.target for pair in pairs] == [0] * 10 + [1] * 10
    for pair in pairs:
        assert pair.exemplar.shape == (127, 127, 3)
        assert pair.search.shape == (255, 255, 3)
        np.testing.assert_allclose(centre_of_light(pair.exemplar), 63, atol=0.5)
        np.testing.assert_allclose(centre_of_light(pair.search), 127 + pair.displacement, atol=0.5)
        # the disc takes up half the side of the exemplar region: 127/2 wide in both crops
        assert np.ptp(np.nonzero(pair.search.min(axis=2) > 127)[1]) + 1 == pytest.approx(63.5, abs=3)


def test_augmented_pairs_show_the_target_at_its_labelled_position(clips, tmp_path):
    # dark photos, so that only the disc of a video is bright
    cv2.imwrite(str(tmp_path / "dark.jpg"), np.zeros((90, 110, 3), np.uint8))
    sampler = PairSampler(read_videos(clips / "video"), [], read_photos(tmp_path), seed=3)
    shown = [pair for pair in map(sampler, range(60)) if pair.exemplar.max() > 127]
    assert 15 < len(shown) < 45
    errors = [np.abs(centre_of_light(pair.search) - 127 - pair.displacement).max() for pair in shown]
    # an occlusion shifts the centre of the visible part
    assert np.median(errors) < 1
    assert np.abs([pair.displacement for pair in shown]).max() <= 32


def test_another_photo_surrounds_a_video_frame(clips, tmp_path):
    # a white frame of 100 x 80 around its target, in a search region of 240 x 240, and black photos
    cv2.imwrite(str(tmp_path / "white.jpg"), np.full((80, 100, 3), 255, np.uint8))
    cv2.imwrite(str(tmp_path / "dark.jpg"), np.zeros((90, 110, 3), np.uint8))
    video = read_videos(clips / "video")[0]
    video = video._replace(files=(str(tmp_path / "white.jpg"),) * 6, boxes=np.tile([20.0, 10, 60, 60], (6, 1)))
    sampler = PairSampler([video], [], [str(tmp_path / "dark.jpg")], seed=4)
    # without the photo, the surroundings have the mean colour, white
    surrounded = [p for p in map(sampler, range(80)) if p.search.max() > 127 and p.search[[0, -1]].max() < 60]
    assert 5 < len(surrounded) < 30
    errors = [np.abs(centre_of_light(pair.search) - 127 - pair.displacement).max() for pair in surrounded]
    assert np.median(errors) < 1
    widths = [np.ptp(np.nonzero(pair.search.min(axis=2) > 127)[1]) + 1 for pair in surrounded]
    assert np.median(widths) == pytest.approx(100 * 255 / 240, rel=0.08)


@pytest.mark.parametrize(
    ("name", "scene"),
    [("MOT16-09_012", "MOT16-09"), ("segtrack2_monkey_b", "segtrack2_monkey"), ("davis_dog", "davis_dog"), ("a", "a")],
)
def test_the_scene_of_a_name(name, scene):
    assert Video(name, (), np.zeros((0, 4))).scene == scene


def test_held_out_pairs_are_drawn_by_scene(clips):
    one, other = read_videos(clips / "video")
    videos = [one._replace(name="place_1"), other._replace(name="elsewhere"), one._replace(name="place_2")]
    assert [pair.target for pair in held_out_pairs(videos, 4)] == [0, 2, 0, 2, 1, 1, 1, 1]


@pytest.fixture
def scenes(clips):
    """A sampler of two videos and five tracks of three places, and the scene of each target."""
    video = read_videos(clips / "video")[0]
    names = ["p_1", "p_2", "p_3", "q_1", "q_2", "r_1"]
    tracks = [video._replace(name=name) for name in names]
    sampler = PairSampler([video, video], tracks, read_photos(clips / "photos"), seed=0)
    return sampler, ["video", "video", *(name[0] for name in names)]


def test_couples_show_two_people_of_a_scene(scenes):
    sampler, of_target = scenes
    targets = [sampler(index).target for index in range(240)]
    couples = [(a, b) for a, b in zip(targets[::2], targets[1::2], strict=True) if a >= 2]
    assert 15 < len(couples) < 50  # a quarter of 120
    assert all(of_target[a] == of_target[b] for a, b in couples)
    # the third place has one person only
    assert all(a != b for a, b in couples if of_target[a] != "r")
    assert {of_target[a] for a, _ in couples} == {"p", "q", "r"}


def test_each_photo_shows_a_target_of_its_own(scenes):
    sampler, _ = scenes
    photos = [target for target in (sampler(index).target for index in range(100)) if target < 0]
    assert 20 < len(photos) < 60 and len(set(photos)) == len(photos)


def test_a_pair_does_not_depend_on_earlier_samples(clips):
    videos, photos = read_videos(clips / "video"), read_photos(clips / "photos")
    first, again = (PairSampler(videos, [], photos, seed=0) for _ in range(2))
    first(0)
    np.testing.assert_array_equal(first(5).search, again(5).search)


def test_pairs_differ_by_seed_and_number(clips):
    videos, photos = read_videos(clips / "video"), read_photos(clips / "photos")
    samplers = [PairSampler(videos, [], photos, seed) for seed in (0, 1)]
    shifts = [sampler(index).displacement for sampler in samplers for index in range(4, 8)]
    assert len(np.unique(shifts)) == 16


def test_a_video_without_a_target_is_named(clips):
    video = read_videos(clips / "video")[0]._replace(name="darkness", boxes=np.full((6, 4), np.nan))
    with refused("darkness", 8):
        PairSampler([video], [], read_photos(clips / "photos"), 0)


def test_an_empty_training_set_is_refused(clips):
    with refused("videos"):
        PairSampler([], [], read_photos(clips / "photos"), 0)


@pytest.mark.data
def test_real_videos_are_read_with_absent_targets(data):
    videos = read_videos(data / "train" / "video")
    assert [video.name for video in videos] == sorted(folder.name for folder in (data / "train" / "video").iterdir())
    tracks = read_videos(data / "train" / "tracks")
    assert len(tracks) == 120 and {len(track.files) for track in tracks} == {12}
    assert set(HELD_OUT) < {video.scene for video in (*videos, *tracks)}
    absent = {video.name: int(np.isnan(video.boxes[:, 0]).sum()) for video in videos}
    assert absent["tld_pedestrian3"] == 28
