"""Accuracy and operations of waves with few levels, beside the CNN and rate coding, with paired bootstrap intervals.

    python analysis/wave_levels.py ROOT --calibration PHOTOS [--models compact] [--levels 8 5 4 3 2] [--steps 20 10 5]
                                        [--matchings psm hsm] [--frames 100] [--workers 2]

ROOT is a folder of sequences. For each p, the scales of a model are chosen anew on the images of PHOTOS, by the least
squared error (``weights import --levels p``); without ``--calibration`` the model's own scales are kept. Rate coding
uses the model's own scales. The interval is that of the difference of mean AUC to the CNN, over sequences. Writes the
boxes of every run, the models, ``levels.csv``, ``levels.md``, and AUC against T for each model. An interrupted run
continues.
"""

import argparse
from pathlib import Path

from tqdm import tqdm

import brian_siamsnn as bs
from brian_siamsnn.defaults import MODEL
from brian_siamsnn.evaluation.bootstrap import paired_bootstrap
from brian_siamsnn.evaluation.plots import latency_figure, save
from brian_siamsnn.evaluation.report import write_csv
from brian_siamsnn.evaluation.store import evaluation_identity
from brian_siamsnn.evaluation.tables import markdown
from brian_siamsnn.files import write_whole
from brian_siamsnn.matching.similarity import MATCHINGS
from brian_siamsnn.model.calibration import calibration_crops, convert
from brian_siamsnn.model.files import write_model
from brian_siamsnn.sequences.datasets import open_dataset
from brian_siamsnn.tracking.config import identity_hash


def chosen(model, levels, crops, folder):
    """Write the model with scales for so many levels, and return its path."""
    path = folder / f"{Path(model).stem}-{levels}-levels.safetensors"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        write_model(convert(bs.load_model(model), crops, levels=levels), path)
    return str(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, metavar="ROOT")
    parser.add_argument("--models", nargs="+", default=[MODEL], metavar="NAME|FILE")
    parser.add_argument("--levels", nargs="*", type=int, default=[8, 5, 4, 3, 2], metavar="P")
    parser.add_argument("--steps", nargs="*", type=int, default=[20, 10, 5], metavar="T", help="of rate coding")
    parser.add_argument("--matchings", nargs="+", choices=MATCHINGS, default=["psm", "hsm"])
    parser.add_argument("--calibration", metavar="SOURCE", help="images for the scales of each p")
    parser.add_argument("--frames", type=int, help="first frames of each sequence; all by default")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/levels"))
    arguments = parser.parse_args()

    dataset, rows = open_dataset(arguments.root), []
    crops = None
    if arguments.calibration:
        crops = list(tqdm(calibration_crops(bs.open_sequence(arguments.calibration)), desc="calibration", disable=None))
    for model in arguments.models:
        configurations = [("CNN", "", {"model": model, "tracker": "cnn"})]
        for matching in arguments.matchings:
            for steps in arguments.steps:
                configurations.append((f"rate, T={steps}", matching, {"model": model, "steps": steps}))
            for p in arguments.levels:
                scaled = chosen(model, p, crops, arguments.output / "models") if crops else model
                configurations.append((f"wave, p={p}", matching, {"model": scaled, "coding": f"wave:p={p}"}))
        base, curves = None, {}
        for name, matching, settings in configurations:
            config = bs.TrackerConfig(**settings, **({"matching": matching} if matching else {}))
            folder = arguments.output / identity_hash(evaluation_identity(config, arguments.frames))[:12]
            report = bs.evaluate(config, dataset, folder, arguments.frames, arguments.workers)
            scores = {sequence: 100 * row["auc"] for sequence, row in report["sequences"].items()}
            base = base or scores
            difference = paired_bootstrap(scores, base)
            total = report["total"]
            rows.append(
                {
                    "model": Path(model).stem,
                    "coding": name,
                    "steps": config.settings["steps"],
                    "matching": matching.upper(),
                    "auc": 100 * report["mean"]["auc"],
                    "precision20": 100 * report["mean"]["precision20"],
                    "to_cnn": difference.mean,
                    "to_cnn_low": difference.low,
                    "to_cnn_high": difference.high,
                    "million_operations_per_frame": (total["synaptic_operations"] or 0) / total["frames"] / 1e6,
                    "seconds_per_frame": total["seconds"] / total["frames"],
                    "sequences": len(scores),
                    "frames": total["frames"],
                }
            )
            # update the files after every run, to show intermediate results
            write_csv(arguments.output / "levels.csv", rows)
            write_whole(arguments.output / "levels.md", table(rows).encode())
            if matching:
                curve = f"{name.partition(',')[0]}, {matching.upper()}"
                curves.setdefault(curve, {})[config.settings["steps"]] = report["mean"]["auc"]
                figure = latency_figure(
                    {name: dict(sorted(points.items())) for name, points in curves.items()},
                    {"CNN": sum(base.values()) / len(base) / 100},
                )
                save(figure, arguments.output / f"{Path(model).stem}.png")
    print(table(rows))


def table(rows):
    """The rows as a Markdown table."""
    head = ["model", "coding", "matching", "AUC", "difference to the CNN [95 %]", "precision", "million operations"]
    lines = [
        [
            row["model"],
            row["coding"],
            row["matching"],
            f"{row['auc']:.1f}",
            ""
            if row["coding"] == "CNN"
            else f"{row['to_cnn']:+.1f} [{row['to_cnn_low']:+.1f}, {row['to_cnn_high']:+.1f}]",
            f"{row['precision20']:.1f}",
            f"{row['million_operations_per_frame']:.0f}" if row["million_operations_per_frame"] else "",
        ]
        for row in rows
    ]
    return markdown([head, *lines])


if __name__ == "__main__":
    main()
