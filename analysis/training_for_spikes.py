"""How should a network be trained that shall survive few time steps?

    python analysis/training_for_spikes.py DATA BASE --teacher siamfc.safetensors --pool FOLDER

BASE is an ordinary network (``brian-siamsnn train --activation relu``), with its checkpoint beside it. It is trained
on, with the same pairs and teacher, in each way of preparing activations for spikes, and every result tracks the
held-out videos as a CNN and as a spiking network at T = 20, 10 and 5. Writes ``table.csv`` and ``table.md``. What is
there already is not made again.
"""

import argparse
import csv
import json
import re
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

#: Settings of the training that follows; None for the base itself, with scales from a percentile of its activations.
VARIANTS = {
    "none (percentile)": None,
    "clip-floor-shift, T = 20": {},
    "clip-floor-shift, T = 10": {"levels": 10},
    "clip-floor-shift, T = 10, operations 1": {"levels": 10, "operations_weight": 1.0},
    "clip-floor-shift, T = 10, operations 4": {"levels": 10, "operations_weight": 4.0},
    "noise, T = 10": {"activation": "clip_noise", "levels": 10},
}
STEPS = (20, 10, 5)
#: First frames of each held-out video that are tracked.
FRAMES = 60


def run(variant, data, base, teacher, pool, steps, folder):
    """Train one variant and let it track; its row of the table."""
    name = re.sub(r"\W+", "-", variant).strip("-")
    result = folder / f"{name}.json"
    if result.exists():
        return json.loads(result.read_text())
    import brian2
    import torch

    from brian_siamsnn.files import write_json
    from brian_siamsnn.matching.matchers import ConvolutionalMatcher, SpikingMatcher
    from brian_siamsnn.model.files import load_model
    from brian_siamsnn.sequences.sources import open_sequence
    from brian_siamsnn.tracking.run import track
    from brian_siamsnn.tracking.tracker import SiameseTracker
    from brian_siamsnn.training.loop import train
    from brian_siamsnn.training.recipe import HELD_OUT, Recipe

    brian2.prefs.logging.console_log_level = "ERROR"
    brian2.BrianLogger.initialize()
    torch.set_num_threads(1)  # the variants share the processors
    if VARIANTS[variant] is None:
        model = load_model(base)
    else:
        # a quarter of the first learning rate: the weights are to settle, not to move away
        recipe = Recipe(
            steps=steps, spiking_share=1.0, learning_rate=5e-4, report_every=max(1, steps // 4), **VARIANTS[variant]
        )
        model = train(
            data,
            folder / f"{name}.safetensors",
            recipe,
            teacher=load_model(teacher),
            initial=Path(base).with_suffix(".checkpoint.pt"),
            pool=pool,
        )
    last = model.provenance["training"]["history"][-1]
    row = {"variant": variant, "distance": last["distance"], "within_1": last["within_1"]}
    for label, matcher in {
        "CNN": ConvolutionalMatcher(model),
        **{f"T = {t}": SpikingMatcher(model, t, threads=1) for t in STEPS},
    }.items():
        auc, frames = [], 0
        for video in HELD_OUT:
            tracked = track(open_sequence(data / "video" / video), SiameseTracker(matcher), frames=FRAMES)
            auc.append(tracked.metrics["auc"])
            frames += len(tracked.boxes) - 1
        row[f"AUC, {label}"] = float(np.mean(auc))
        if label != "CNN":
            row[f"operations a frame, {label}"] = matcher.operations / frames
    write_json(result, row)
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("base", metavar="BASE")
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--pool", type=Path, required=True, help="folder of the teacher's answers, of BASE's training")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/spikes"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    one = partial(
        run,
        data=arguments.data,
        base=arguments.base,
        teacher=arguments.teacher,
        pool=arguments.pool,
        steps=arguments.steps,
        folder=arguments.output,
    )
    with ProcessPoolExecutor(arguments.workers) as workers:
        rows = list(workers.map(one, arguments.variants))

    with open(arguments.output / "table.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    columns = ["CNN", *(f"T = {t}" for t in STEPS)]
    lines = [
        "| training | within 1 cell | " + " | ".join(columns) + " | operations a frame, T = 20 |",
        "|---" * (3 + len(columns)) + "|",
    ]
    lines += [
        f"| {r['variant']} | {r['within_1']:.3f} | "
        + " | ".join(f"{r[f'AUC, {c}']:.3f}" for c in columns)
        + f" | {r['operations a frame, T = 20'] / 1e6:.0f} M |"
        for r in rows
    ]
    text = "\n".join(lines) + "\n"
    (arguments.output / "table.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
