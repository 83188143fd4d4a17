"""What does training for a wave gain?

    python analysis/training_for_spikes.py DATA BASE --teacher siamfc.safetensors --pool FOLDER

BASE is an ordinary network (``brian-siamsnn train --spiking-share 0``), with its checkpoint in the same folder. Each
variant continues its training with other levels or weights of the operations, on the same pairs and with the same
teacher. All variants track the held-out videos as a CNN, as a wave with these levels and with rate coding, T = 20.
Writes ``table.csv`` and ``table.md``. Finished variants are skipped.
"""

import argparse
import json
import re
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

import brian_siamsnn as bs
from brian_siamsnn.environment import quiet
from brian_siamsnn.evaluation.report import write_csv
from brian_siamsnn.evaluation.tables import markdown
from brian_siamsnn.files import write_json, write_whole
from brian_siamsnn.model.calibration import calibration_crops

#: Training settings of each variant; None for BASE itself, whose scales minimise the squared error of 4 levels.
VARIANTS = {
    "none, p = 4": None,
    "p = 8": {"levels": 8},
    "p = 4": {"levels": 4},
    "p = 3": {"levels": 3},
    "p = 2": {"levels": 2},
    "p = 4, operations 1": {"levels": 4, "operations_weight": 1.0},
    "p = 4, operations 4": {"levels": 4, "operations_weight": 4.0},
}
#: First frames of each held-out video that are tracked.
FRAMES = 60


def run(variant, data, base, teacher, pool, steps, folder):
    """Train one variant, track with it, and return its row of the table."""
    name = re.sub(r"\W+", "-", variant).strip("-")
    result = folder / f"{name}.json"
    if result.exists():
        return json.loads(result.read_text())
    import torch

    from brian_siamsnn.training.loop import train
    from brian_siamsnn.training.pairs import read_videos
    from brian_siamsnn.training.recipe import HELD_OUT, Recipe

    quiet()
    torch.set_num_threads(1)  # the variants share the processors
    settings = VARIANTS[variant] or {"levels": 4}
    if VARIANTS[variant] is None:
        crops = calibration_crops(bs.open_sequence(data / "photos"))
        model = bs.convert(bs.load_model(base), crops, levels=settings["levels"])
        history = model.provenance["training"]["history"]
    else:
        # a quarter of the default learning rate, for fine-tuning
        common = {"steps": steps, "report_every": max(1, steps // 4), "spiking_share": 1.0}
        initial = Path(base).with_suffix(".checkpoint.pt")
        file = folder / f"{name}.safetensors"
        recipe = Recipe(**common, **settings)
        model = train(data, file, recipe, teacher=bs.load_model(teacher), initial=initial, pool=pool)
        history = model.provenance["training"]["history"]
    row = {"variant": variant, "distance": history[-1]["distance"], "within_1": history[-1]["within_1"]}
    configs = {
        "CNN": bs.TrackerConfig(model=model, tracker="cnn"),
        "wave": bs.TrackerConfig(model=model, coding=f"wave:p={settings['levels']}"),
        "rate, T = 20": bs.TrackerConfig(model=model, coding="rate"),
    }
    videos = [video.name for video in read_videos(data / "video") if video.scene in HELD_OUT]
    for label, config in configs.items():
        tracker = config.build_tracker(threads=1)
        auc, frames = [], 0
        for video in videos:
            tracked = bs.track(bs.open_sequence(data / "video" / video), tracker, frames=FRAMES)
            auc.append(tracked.metrics["auc"])
            frames += len(tracked.boxes) - 1
        row[f"AUC, {label}"] = float(np.mean(auc))
        if config.tracker == "snn":
            row[f"operations a frame, {label}"] = tracker.matcher.operations / frames
    write_json(result, row)
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("base", metavar="BASE")
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--pool", type=Path, required=True, help="teacher's pool from the training of BASE")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME")
    parser.add_argument("--steps", type=int, default=800, help="training batches of each variant")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/spikes"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    settings = {key: getattr(arguments, key) for key in ("data", "base", "teacher", "pool", "steps")}
    train_variant = partial(run, folder=arguments.output, **settings)
    with ProcessPoolExecutor(arguments.workers) as workers:
        rows = list(workers.map(train_variant, arguments.variants))

    write_csv(arguments.output / "table.csv", rows)
    columns = ["CNN", "wave", "rate, T = 20"]
    head = ["training", "within 1 cell", *columns, "operations per frame, wave"]
    lines = [
        [
            *(row["variant"], f"{row['within_1']:.3f}"),
            *(f"{row[f'AUC, {column}']:.3f}" for column in columns),
            f"{row['operations a frame, wave'] / 1e6:.0f} M",
        ]
        for row in rows
    ]
    text = markdown([head, *lines])
    write_whole(arguments.output / "table.md", text.encode())
    print(text)


if __name__ == "__main__":
    main()
