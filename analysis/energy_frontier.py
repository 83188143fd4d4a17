"""Energy against accuracy: time steps, matching, coding, thresholds and early stopping.

    python analysis/energy_frontier.py [ROOT ...] [--models compact] [--frames 60] [--configurations NAME ...]

Every ROOT is a folder of OTB, VOT or GOT-10k sequences, or one such sequence; the synthetic sequence without any. Each
configuration of each model tracks each sequence; what is there already is not run again. Writes a summary of each run,
``frontier.csv`` with one line a configuration, and ``frontier.png``.

Operations are those of Eq. 3, every spike times its fan-out, over all scales of a frame, without the exemplar's, once a
sequence. The energy is what they cost on the hardware that ``--cost-model`` names. The first layer and the tracker cost
the same in every configuration of a model and are left out (analysis/table3_energy.py has them).
"""

import argparse
import csv
import json
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np
from tqdm import tqdm

from brian_siamsnn.energy.cost_models import load_cost_models
from brian_siamsnn.energy.plots import plot_frontier
from brian_siamsnn.energy.table3 import frontier

# Early stopping ends a frame when the peak of the response map has stayed in its place for so many steps.
CONFIGURATIONS = {
    "T=20": {},
    "T=16": {"steps": 16},
    "T=12": {"steps": 12},
    "T=10": {"steps": 10},
    "T=8": {"steps": 8},
    "T=5": {"steps": 5},
    "PSM, T=20": {"matching": "psm"},
    "PSM, T=12": {"matching": "psm", "steps": 12},
    "PSM, T=10": {"matching": "psm", "steps": 10},
    "PSM, T=8": {"matching": "psm", "steps": 8},
    "PSM, T=5": {"matching": "psm", "steps": 5},
    "threshold 0.8": {"threshold_scale": 0.8},
    "threshold 1.25": {"threshold_scale": 1.25},
    "threshold 1.5": {"threshold_scale": 1.5},
    "threshold 2": {"threshold_scale": 2.0},
    "PSM, threshold 1.25": {"matching": "psm", "threshold_scale": 1.25},
    "PSM, threshold 1.5": {"matching": "psm", "threshold_scale": 1.5},
    "PSM, threshold 2": {"matching": "psm", "threshold_scale": 2.0},
    "PSM, T=10, threshold 0.8": {"matching": "psm", "steps": 10, "threshold_scale": 0.8},
    "early stop 1": {"early_stop": 1},
    "early stop 2": {"early_stop": 2},
    "early stop 3": {"early_stop": 3},
    "early stop 4": {"early_stop": 4},
    "early stop 6": {"early_stop": 6},
    "PSM, early stop 2": {"matching": "psm", "early_stop": 2},
    "PSM, early stop 3": {"matching": "psm", "early_stop": 3},
    "PSM, early stop 4": {"matching": "psm", "early_stop": 4},
    "PSM, early stop 6": {"matching": "psm", "early_stop": 6},
    "early stop 8": {"early_stop": 8},
    "PSM, early stop 5": {"matching": "psm", "early_stop": 5},
    "PSM, early stop 8": {"matching": "psm", "early_stop": 8},
    "early stop 6, threshold 1.25": {"early_stop": 6, "threshold_scale": 1.25},
    "PSM, early stop 6, threshold 1.25": {"matching": "psm", "early_stop": 6, "threshold_scale": 1.25},
    "PSM, early stop 6, threshold 1.5": {"matching": "psm", "early_stop": 6, "threshold_scale": 1.5},
    "two-status": {"coding": "two_status"},
    "two-status, ceil": {"coding": "two_status:reading=ceil"},
}


def run(source, configuration, model, frames, folder):
    """One sequence, one configuration; the summary that it leaves in its folder."""
    import brian2

    from brian_siamsnn.files import write_json
    from brian_siamsnn.matching.matchers import SpikingMatcher
    from brian_siamsnn.model.conversion import scale_thresholds
    from brian_siamsnn.model.files import load_model
    from brian_siamsnn.sequences.sources import open_sequence
    from brian_siamsnn.tracking.run import track
    from brian_siamsnn.tracking.tracker import SiameseTracker

    brian2.prefs.logging.console_log_level = "ERROR"
    brian2.BrianLogger.initialize()
    options = dict(CONFIGURATIONS[configuration])
    network = scale_thresholds(load_model(model), options.pop("threshold_scale", 1.0))
    matcher = SpikingMatcher(network, threads=1, **options)
    matcher.prepare()
    # what the matcher has counted after each frame; the first is the exemplar's
    counted = []
    names = ("operations", "pooling_events", "spikes")
    steps = []

    def count():
        counted.append([getattr(matcher, name) for name in names])
        # the first frame has no search
        if len(counted) > 1:
            steps.append(matcher.search_branch.steps_run)

    result = track(open_sequence(source), SiameseTracker(matcher), frames=frames, progress=count)
    each = np.diff(counted, axis=0).mean(0)
    summary = {
        "sequence": Path(source).name,
        "configuration": configuration,
        "frames": len(result.boxes),
        "seconds": result.seconds,
        **result.metrics,
        "stopped": result.stopped,
        "steps_a_frame": float(np.mean(steps)),
        **{f"{name}_a_frame": value for name, value in zip(names, each.tolist(), strict=True)},
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "summary.json", summary)
    return summary


def varied(options):
    """What a configuration varies, and the value that it gives to it."""
    steps, threshold = options.get("steps", 20), options.get("threshold_scale", 1.0)
    if "early_stop" in options:
        if threshold != 1:
            return "early stop and threshold", f"{options['early_stop']} and {threshold:g}"
        return "early stop", str(options["early_stop"])
    if "coding" in options:
        return "two-status", options["coding"].partition("=")[2] or "floor"
    if threshold != 1:
        return "threshold", f"{threshold:g}" if steps == 20 else f"T={steps}, {threshold:g}"
    return "fewer steps", f"T={steps}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("roots", nargs="*", type=Path, metavar="ROOT")
    parser.add_argument("--models", nargs="+", default=["compact"], metavar="NAME|FILE")
    parser.add_argument("--frames", type=int, default=60, help="first frames of each sequence")
    parser.add_argument(
        "--configurations",
        nargs="+",
        choices=CONFIGURATIONS,
        default=list(CONFIGURATIONS),
        metavar="NAME",
        help=f"of {', '.join(CONFIGURATIONS)}",
    )
    spiking = [name for name, cost in load_cost_models().items() if cost.runs != "arrays"]
    parser.add_argument(
        "--cost-model", default="truenorth", choices=spiking, metavar="NAME", help=f"of {', '.join(spiking)}"
    )
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/frontier"))
    arguments = parser.parse_args()

    sources = [
        str(path)
        for root in arguments.roots
        for path in ([root] if (root / "img").is_dir() else sorted(root.iterdir()))
        if path.is_dir()
    ] or ["synthetic"]
    done, waiting = {}, []
    for model in arguments.models:
        for configuration in arguments.configurations:
            for source in sources:
                folder = arguments.output / Path(model).stem / configuration / Path(source).name
                key = Path(model).stem, configuration, Path(source).name
                if (folder / "summary.json").is_file():
                    done[key] = json.loads((folder / "summary.json").read_text())
                else:
                    waiting.append((key, (source, configuration, model, arguments.frames, folder)))
    with ProcessPoolExecutor(arguments.workers) as pool, tqdm(total=len(done) + len(waiting), initial=len(done)) as bar:
        futures = {pool.submit(run, *job): key for key, job in waiting}
        for future in as_completed(futures):
            done[futures[future]] = future.result()
            bar.update()

    # One row a configuration, each sequence weighing the same.
    joule = load_cost_models()[arguments.cost_model].value("synaptic_operation")
    rows = []
    for model, configuration in ((Path(m).stem, c) for m in arguments.models for c in arguments.configurations):
        own = [done[model, configuration, Path(source).name] for source in sources]
        mean = {
            key: float(np.mean([one[key] for one in own]))
            for key in ("auc", "precision20", "operations_a_frame", "pooling_events_a_frame", "spikes_a_frame")
        }
        options = CONFIGURATIONS[configuration]
        family, label = varied(options)
        group = (model + ", ") * (len(arguments.models) > 1) + options.get("matching", "hsm").upper()
        steps = np.mean([one.get("steps_a_frame", options.get("steps", 20)) for one in own])
        energy = 1e3 * joule * (mean["operations_a_frame"] + mean["pooling_events_a_frame"])
        rows.append(
            {
                "model": model,
                "configuration": configuration,
                "group": group,
                "family": family,
                "label": label,
                "sequences": len(own),
                "steps": float(steps),
                **mean,
                "energy_mj": energy,
            }
        )
    best = frontier([(row["energy_mj"], row["auc"]) for row in rows])
    for k, row in enumerate(rows):
        row["on_frontier"] = k in best
        line = (
            "{model:10} {configuration:26} AUC {auc:.3f}  precision {precision20:.3f}  {steps:5.1f} steps  "
            "{operations_a_frame:14,.0f} SOP  {energy_mj:.3f} mJ"
        )
        print(line.format(**row), "*" * row["on_frontier"])
    with open(arguments.output / "frontier.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    title = load_cost_models()[arguments.cost_model].title
    plot_frontier(rows, best, xlabel=f"energy of a frame's synaptic operations (mJ; {title})").savefig(
        arguments.output / "frontier.png", dpi=120
    )


if __name__ == "__main__":
    main()
