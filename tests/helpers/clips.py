"""Generated training data: videos with exact target boxes, and a small network that teaches."""

import cv2
import numpy as np
import pytest


def write_clips(folder):
    """Two videos of a white disc of 20 pixels on black, and two black photos with a white corner."""
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


def random_teacher():
    """A model with random weights and other layers than the students'."""
    torch = pytest.importorskip("torch")
    from brian_siamsnn.model.cnn import SiamFC
    from brian_siamsnn.model.files import SiameseModel
    from brian_siamsnn.model.layers import compact

    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = SiamFC(compact("4-6-5-5"))
        weights = {
            name: (stage[0].weight.detach().numpy(), stage[0].bias.detach().numpy())
            for name, stage in network.stages.items()
        }
    return SiameseModel(network.layers, weights, 0.01, -0.5)
