"""Energy against accuracy: time steps, matching, coding, waves, thresholds and early stopping.

    python analysis/energy_frontier.py [ROOT ...] [--models compact] [--frames 60] [--configurations NAME ...]

Each ROOT is a folder of OTB, VOT or GOT-10k sequences, or a single sequence; the synthetic sequence by default. Each
configuration of each model tracks each sequence; finished runs are skipped. Writes a summary of each run,
``frontier.csv`` with one row per configuration, and ``frontier.png``.

Operations are the synaptic operations of Eq. 3, spikes times fan-out, over all scales of a frame. The exemplar, which
is simulated once per sequence, is not included. ``--cost-model`` selects the hardware that prices them. The first layer
and the tracker cost the same in every configuration of a model and are left out; analysis/table3_energy.py includes
them.
"""

import argparse
import json
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np
from tqdm import tqdm

import brian_siamsnn as bs
from brian_siamsnn.defaults import MATCHING, MODEL, STEPS
from brian_siamsnn.energy.cost_models import load_cost_models
from brian_siamsnn.energy.plots import plot_frontier
from brian_siamsnn.energy.table3 import frontier
from brian_siamsnn.environment import quiet
from brian_siamsnn.evaluation.report import write_csv
from brian_siamsnn.files import write_json

# Rate coding unless another one is named. Early stopping ends a frame once the response has peaked at the same position
# for this many steps.
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
    **{f"wave, p={p}": {"matching": "hsm", "coding": f"wave:p={p}"} for p in (2, 3, 4, 5, 8)},
    **{f"PSM, wave, p={p}": {"matching": "psm", "coding": f"wave:p={p}"} for p in (2, 3, 4, 5, 8)},
}


def run(source, configuration, model, frames, folder):
    """Track one sequence with one configuration; write and return the summary."""
    quiet()
    settings = {"coding": "rate", **CONFIGURATIONS[configuration]}
    matcher = bs.TrackerConfig(model=model, **settings).build_spiking_matcher(threads=1)
    matcher.prepare()
    # running totals after each frame; the first frame only simulates the exemplar
    names = ("operations", "pooling_events", "spikes")
    totals, steps = [], []

    def count():
        totals.append([getattr(matcher, name) for name in names])
        # the first frame has no search
        if len(totals) > 1:
            steps.append(matcher.search_branch.steps_run)

    result = bs.track(bs.open_sequence(source), bs.SiameseTracker(matcher), frames=frames, progress=count)
    per_frame = np.diff(totals, axis=0).mean(0)
    summary = {
        "sequence": Path(source).name,
        "configuration": configuration,
        "frames": len(result.boxes),
        "seconds": result.seconds,
        **result.metrics,
        "stopped": result.stopped,
        "steps_a_frame": float(np.mean(steps)),
        **{f"{name}_a_frame": value for name, value in zip(names, per_frame.tolist(), strict=True)},
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "summary.json", summary)
    return summary


def varied(options):
    """Name of the setting that a configuration varies, and its value."""
    steps, threshold = options.get("steps", STEPS), options.get("threshold_scale", 1.0)
    if "early_stop" in options:
        if threshold != 1:
            return "early stop and threshold", f"{options['early_stop']} and {threshold:g}"
        return "early stop", str(options["early_stop"])
    if options.get("coding", "").startswith("wave"):
        return "wave", options["coding"].partition(":")[2]
    if "coding" in options:
        return "two-status", options["coding"].partition("=")[2] or "floor"
    if threshold != 1:
        return "threshold", f"{threshold:g}" if steps == STEPS else f"T={steps}, {threshold:g}"
    return "fewer steps", f"T={steps}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("roots", nargs="*", type=Path, metavar="ROOT")
    parser.add_argument("--models", nargs="+", default=[MODEL], metavar="NAME|FILE")
    parser.add_argument("--frames", type=int, default=60, help="first frames of each sequence")
    named = {"metavar": "NAME", "choices": CONFIGURATIONS, "help": f"from {', '.join(CONFIGURATIONS)}; all by default"}
    parser.add_argument("--configurations", nargs="+", default=list(CONFIGURATIONS), **named)
    spiking = [name for name, cost in load_cost_models().items() if cost.runs != "arrays"]
    named = {"metavar": "NAME", "choices": spiking, "help": f"from {', '.join(spiking)}"}
    parser.add_argument("--cost-model", default="truenorth", **named)
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

    # One row per configuration; all sequences have the same weight.
    cost = load_cost_models()[arguments.cost_model]
    averaged = ("auc", "precision20", "operations_a_frame", "pooling_events_a_frame", "spikes_a_frame")
    rows = []
    for model, configuration in ((Path(m).stem, c) for m in arguments.models for c in arguments.configurations):
        summaries = [done[model, configuration, Path(source).name] for source in sources]
        mean = {key: float(np.mean([summary[key] for summary in summaries])) for key in averaged}
        options = CONFIGURATIONS[configuration]
        row = {"model": model, "configuration": configuration}
        row["group"] = (model + ", ") * (len(arguments.models) > 1) + options.get("matching", MATCHING).upper()
        row["family"], row["label"] = varied(options)
        row["sequences"] = len(summaries)
        row["steps"] = float(np.mean([summary["steps_a_frame"] for summary in summaries]))
        events = mean["operations_a_frame"] + mean["pooling_events_a_frame"]
        rows.append({**row, **mean, "energy_mj": 1e3 * cost.value("synaptic_operation") * events})
    best = frontier([(row["energy_mj"], row["auc"]) for row in rows])
    for k, row in enumerate(rows):
        row["on_frontier"] = k in best
        line = (
            "{model:10} {configuration:26} AUC {auc:.3f}  precision {precision20:.3f}  {steps:5.1f} steps  "
            "{operations_a_frame:14,.0f} SOP  {energy_mj:.3f} mJ"
        )
        print(line.format(**row), "*" * row["on_frontier"])
    write_csv(arguments.output / "frontier.csv", rows)
    figure = plot_frontier(rows, best, xlabel=f"energy of the synaptic operations per frame (mJ; {cost.title})")
    figure.savefig(arguments.output / "frontier.png", dpi=120)


if __name__ == "__main__":
    main()
