"""Sequences to evaluate, and the output of an evaluation."""

import json

import cv2

from brian_siamsnn.sequences.synthetic import SyntheticSequence

#: With these options a sequence takes a tenth of a second.
FAST = "--steps 2 --scales 1".split()


def write_sequence(folder, frames=4, seed=0):
    """A sequence in OTB's layout."""
    sequence = SyntheticSequence(frames, size=(120, 160), seed=seed)
    (folder / "img").mkdir(parents=True)
    for k, frame in enumerate(sequence, start=1):
        cv2.imwrite(str(folder / "img" / f"{k:04}.jpg"), frame[:, :, ::-1])
    rows = sequence.boxes + [1, 1, 0, 0]
    (folder / "groundtruth_rect.txt").write_text("\n".join(",".join(f"{v:.3f}" for v in row) for row in rows))
    return sequence


def report_of(folder):
    return json.loads((folder / "report.json").read_text())


def box_files_of(folder):
    """The bytes of each file of boxes."""
    return {path.name: path.read_bytes() for path in sorted((folder / "boxes").glob("*.txt"))}


def scores_of(folder):
    """A report without its machine-dependent parts."""
    report = report_of(folder)
    rows = {
        name: {key: value for key, value in row.items() if key not in ("seconds", "fps")}
        for name, row in report["sequences"].items()
    }
    return report["mean"], report["attributes"], rows, report["success"], report["precision"]
