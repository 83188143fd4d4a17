"""A rendered sequence with exactly known boxes: a clownfish on a reef.

It needs no files, so it is always available for demonstrations and tests. A
clownfish swims across the view along a smooth path, approaches and recedes
(scale 0.8 to 1.3), tilts, and passes behind a mooring post that partly occludes
it. The water is fractal noise: octaves of random values, each twice as fine and
half as strong as the one before. The view pans slowly, and other fish swim
around.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..errors import InputError
from .frames import Sequence

__all__ = ["SyntheticSequence"]

# Fish are drawn on a canvas of this height and width and then scaled down, which smooths their edges.
_CANVAS = (320, 480)
_CLOWNFISH = {"body": (238, 112, 28), "belly": (255, 172, 72), "fin": (214, 78, 16), "band": (250, 247, 240)}
_OTHER_FISH = (
    {"body": (52, 92, 190), "belly": (104, 150, 222), "fin": (238, 206, 72), "band": None},
    {"body": (214, 196, 82), "belly": (240, 230, 160), "fin": (176, 148, 40), "band": (70, 64, 50)},
    {"body": (128, 96, 150), "belly": (176, 148, 190), "fin": (92, 64, 120), "band": None},
)
# Range over which the view pans, in pixels.
_PAN = 40


class SyntheticSequence(Sequence):
    """A fish that swims across a reef, rendered with NumPy and OpenCV.

    Parameters
    ----------
    frames : int
        Number of frames. The path does not depend on it: more frames make the
        motion slower.
    size : tuple of int
        Height and width of a frame in pixels, each at least 64.
    seed : int
        Seed for the water, the reef, the path, the post and the other fish.

    Attributes
    ----------
    boxes : ndarray, shape (frames, 4)
        Upright bounding boxes of the whole fish, occluded parts included, as
        x, y, w, h in zero-based pixels. They are exact to a fraction of a pixel.

    Raises
    ------
    InputError
        If an argument is not an integer, or is too small.
    """

    def __init__(self, frames: int = 120, size: tuple[int, ...] = (360, 480), seed: int = 0) -> None:
        height, width = _checked_int("size", size[0], 64), _checked_int("size", size[1], 64)
        count = _checked_int("frames", frames, 1)
        rng = np.random.default_rng(_checked_int("seed", seed, 0))
        self._seed, self._size = seed, (height, width)
        self._background = _reef(rng, height, width + _PAN)
        self._sprite, outline = _fish(rng, _CLOWNFISH)
        self._others = [_Swimmer(rng, colours, height, width) for colours in _OTHER_FISH]

        length = 0.27 * min(height, width * 0.75)
        start = rng.uniform(0, 2 * np.pi, 2)

        def path(progress):
            """Centre x, y of the fish and shift of the view, in pixels; `progress` runs from 0 to 1."""
            x = 0.8 * length + (width - 1.6 * length) * progress
            y = height * (0.48 + 0.17 * np.sin(2.6 * np.pi * progress + start[0]))
            return x, y, _PAN / 2 * (1 + np.sin(2 * np.pi * progress))

        progress = np.linspace(0, 1, count)
        x, y, self._shift = path(progress)
        # the fish is nearest, and so largest, around the post, which then occludes the smallest part of it
        nearness = np.cos(2 * np.pi * (progress - 0.55) + 0.4 * np.sin(start[1]))
        scale = length / np.ptp(outline[:, 0]) * (1.05 + 0.25 * nearness)
        tilt = 0.16 * np.cos(2.6 * np.pi * progress + start[0])
        self._placements = [_placement(*values) for values in zip(x, y, scale, tilt, strict=True)]

        self._post = _post(rng, height, round(0.25 * length))
        meeting = path(rng.uniform(0.52, 0.62))
        self._post_x = meeting[0] + meeting[2] - self._post.shape[1] / 2

        boxes = np.array([_box(outline, placement) for placement in self._placements])
        super().__init__("synthetic", self._frames, count, 30.0, boxes)

    def render(self, index: int, target: bool = True) -> np.ndarray:
        """Render one frame.

        Parameters
        ----------
        index : int
            Index of the frame, from 0.
        target : bool
            Whether to draw the target; True by default.

        Returns
        -------
        ndarray of uint8, shape (H, W, 3)
            The frame, with the channels R, G, B.
        """
        height, width = self._size
        shift = self._shift[index]
        view = np.array([[1, 0, -shift], [0, 1, 0]], np.float32)
        frame = cv2.warpAffine(self._background, view, (width, height), borderMode=cv2.BORDER_REPLICATE)
        for swimmer in self._others:
            _paste(frame, swimmer.sprite, swimmer.placement(index / len(self._placements)))
        if target:
            _paste(frame, self._sprite, self._placements[index])
        _paste(frame, self._post, np.array([[1, 0, self._post_x - shift], [0, 1, 0]], np.float32))
        noise = np.random.default_rng((self._seed, index)).normal(0, 2.5, frame.shape)
        return np.clip(np.rint(frame + noise), 0, 255).astype(np.uint8)

    def _frames(self):
        return map(self.render, range(len(self._placements)))


class _Swimmer:
    """A smaller fish that drifts along a slow figure of eight."""

    def __init__(self, rng, colours, height, width):
        self.sprite, _ = _fish(rng, colours)
        self._centre = rng.uniform(0.15, 0.85) * width, rng.uniform(0.15, 0.8) * height
        self._radius = 0.12 * width, 0.05 * height
        self._scale = rng.uniform(0.2, 0.28) * min(height, width) / 300
        self._phase = rng.uniform(0, 2 * np.pi)

    def placement(self, progress):
        angle = 2 * np.pi * progress + self._phase
        x, y = self._centre[0] + self._radius[0] * np.cos(angle), self._centre[1] + self._radius[1] * np.sin(2 * angle)
        return _placement(x, y, self._scale, 0.1 * np.cos(2 * angle))


def _checked_int(name, value, least):
    if not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"synthetic sequence: {name}: expected an integer from {least}, got {value!r}")
    return int(value)


def _noise(rng, height, width, coarsest=4, octaves=6):
    """Fractal noise in about [-1, 1], shape (height, width)."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        cells = coarsest * 2**octave
        grid = rng.uniform(-1, 1, (max(cells * height // width, 2), cells)).astype(np.float32)
        total += 0.5**octave * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    return total


def _reef(rng, height, width):
    """Background, float32 (height, width, 3): water that darkens with depth, above stones and sand."""
    depth = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    image = (1 - depth) * np.array([98, 178, 196], np.float32) + depth * np.array([22, 74, 104], np.float32)
    image = image + 26 * _noise(rng, height, width)[..., None] * np.array([0.8, 1, 0.9], np.float32)
    image += 12 * _noise(rng, height, width, coarsest=16)[..., None]
    ground = height * 0.84 + 0.03 * height * _noise(rng, 2, width, octaves=3)[0]
    for _ in range(26):
        x, radius = rng.uniform(0, width), rng.uniform(0.03, 0.1) * height
        y = np.interp(x, np.arange(width), ground) + 0.2 * radius
        colour = np.array([(122, 112, 96), (86, 98, 92), (150, 92, 110), (104, 84, 128)][rng.integers(4)], np.float32)
        mask = np.zeros((height, width), np.float32)
        axes = (radius, radius * rng.uniform(0.6, 1.1))
        cv2.ellipse(mask, ((x, y), (2 * axes[0], 2 * axes[1]), 0), 1, -1, cv2.LINE_AA)
        shade = 1.1 - 0.5 * (np.arange(height, dtype=np.float32)[:, None] - y) / radius
        stone = colour * (shade + 0.35 * _noise(rng, height, width, coarsest=24, octaves=4))[..., None]
        image += (stone - image) * mask[..., None]
    is_sand = np.arange(height)[:, None] > ground + 0.05 * height
    grain = (1 + 0.12 * _noise(rng, height, width, coarsest=32, octaves=4))[..., None]
    sand = np.array([176, 164, 128], np.float32) * grain
    return np.clip(np.where(is_sand[..., None], sand, image), 0, 255).astype(np.float32)


def _post(rng, height, width):
    """Wooden post as high as the frame, RGBA float32."""
    x = np.linspace(-1, 1, width, dtype=np.float32)
    grain = cv2.resize(_noise(rng, max(height // 12, 2), width), (width, height), interpolation=cv2.INTER_CUBIC)
    wood = np.array([112, 84, 58], np.float32) * ((1.25 - 0.55 * x**2) * (1 + 0.3 * grain))[..., None]
    for y in np.arange(0.2, 1, 0.3) * height:
        rows = slice(int(y), int(y + 0.03 * height) + 1)
        wood[rows] = wood[rows] * 0.3 + np.array([120, 132, 110], np.float32) * 0.6
    return np.dstack([np.clip(wood, 0, 255), np.ones((height, width), np.float32)]).astype(np.float32)


def _fish(rng, colours):
    """Draw a fish facing right.

    Returns the sprite, RGBA float32 with alpha in [0, 1], and the corners of the
    convex hull of its opaque pixels, float64 (K, 2) in sprite pixels.
    """
    height, width = _CANVAS
    centre = (int(width * 0.54), height // 2)
    axes = (int(width * 0.31), int(height * 0.29))
    fins, body = np.zeros(_CANVAS, np.uint8), np.zeros(_CANVAS, np.uint8)
    for points in (
        [(0.30, 0.50), (0.04, 0.24), (0.10, 0.50), (0.04, 0.76)],
        [(0.38, 0.32), (0.46, 0.06), (0.60, 0.14), (0.74, 0.34)],
        [(0.44, 0.68), (0.42, 0.94), (0.56, 0.86), (0.62, 0.70)],
    ):
        cv2.fillPoly(fins, [(np.array(points) * (width, height)).astype(np.int32)], 255)
    fins = np.where(cv2.GaussianBlur(fins, (0, 0), 5) > 127, 255, 0).astype(np.uint8)
    cv2.ellipse(body, centre, axes, 0, 0, 360, 255, -1)
    y, x = np.mgrid[:height, :width].astype(np.float32)

    image = np.broadcast_to(np.float32(colours["fin"]), (*_CANVAS, 3)).copy()
    image *= 1 + 0.22 * np.sin(y / 5 + x / 9)[..., None]
    depth = np.clip((y - centre[1]) / axes[1] * 0.5 + 0.5, 0, 1)[..., None]
    skin = np.float32(colours["body"]) * (1 - depth) + np.float32(colours["belly"]) * depth
    image = np.where(body[..., None] > 0, skin, image)
    if colours["band"] is not None:
        for position, half in ((0.30, 0.030), (0.53, 0.042), (0.74, 0.036)):
            away = np.abs(x - width * position - 0.02 * width * np.cos((y - centre[1]) / axes[1] * 1.5))
            image[(away < half * width * 1.35) & (body > 0)] = (24, 20, 26)
            image[(away < half * width) & (body > 0)] = colours["band"]
    image *= (1.12 - 0.34 * depth) * (1 + 0.10 * _noise(rng, height, width, coarsest=12, octaves=4))[..., None]
    rim = cv2.morphologyEx(body, cv2.MORPH_GRADIENT, np.ones((7, 7), np.uint8)) > 0
    image[rim] *= 0.45
    eye = (int(width * 0.80), int(height * 0.44))
    for radius, colour in ((17, (250, 250, 240)), (10, (14, 14, 20)), (3, (255, 255, 255))):
        shine = 4 if radius == 3 else 0
        cv2.circle(image, (eye[0] + shine, eye[1] - shine), radius, colour, -1, cv2.LINE_AA)
    cv2.ellipse(fins, (int(width * 0.6), int(height * 0.6)), (34, 20), 20, 0, 360, 255, -1)
    alpha = np.maximum(fins, body)
    pixels = cv2.convexHull(cv2.findNonZero(alpha))[:, 0].astype(float)
    # a pixel extends half a pixel beyond its centre on each side
    corners = (pixels[:, None] + np.array([(-0.5, -0.5), (-0.5, 0.5), (0.5, -0.5), (0.5, 0.5)])).reshape(-1, 2)
    sprite = np.dstack([np.clip(image, 0, 255), (alpha > 0).astype(np.float32)]).astype(np.float32)
    return cv2.resize(sprite, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), (corners + 0.5) / 2 - 0.5


def _placement(x, y, scale, tilt):
    """Affine map (2, 3) from sprite to frame: centre at (x, y), rotated by `tilt` radians."""
    rotation = scale * np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    centre = (np.array(_CANVAS[::-1]) / 2 - 1) / 2
    return np.column_stack([rotation, np.array([x, y]) - rotation @ centre])


def _box(outline, placement):
    """Bounding box of the placed outline; a box of w pixels at x covers the interval x - 0.5 to x - 0.5 + w."""
    points = outline @ placement[:, :2].T + placement[:, 2]
    return np.concatenate([points.min(axis=0) + 0.5, np.ptp(points, axis=0)])


def _paste(frame, sprite, placement):
    """Draw a sprite onto a float frame, in place."""
    scale = np.sqrt(abs(np.linalg.det(placement[:, :2])))
    if scale < 1:
        # the warp interpolates between four pixels only, so a scaled-down sprite would flicker as it moves
        sprite = cv2.GaussianBlur(sprite, (0, 0), 0.35 / scale)
    height, width = frame.shape[:2]
    placed = cv2.warpAffine(sprite, placement, (width, height))
    frame += (placed[..., :3] - frame) * placed[..., 3:]
