"""Energy against accuracy: time steps, matching, coding, thresholds and early stopping.

    python analysis/energy_frontier.py ROOT [ROOT ...] [--model compact] [--frames 60] [--configurations NAME ...]

Every ROOT is a folder of OTB, VOT or GOT-10k sequences, or one such sequence; without any, the synthetic sequence is
used. Each configuration tracks each sequence; what is there already is not run again. Writes a summary of each run,
``frontier.csv`` with one line a configuration, and ``frontier.png``.

Operations are Eq. 3's: every spike times its fan-out, all scales of a frame, without the exemplar's (once a sequence).
Energies are what ``--cost-model`` and, for the first layer, 45 nm arithmetic make of them.
"""

import argparse
import csv
import json
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np
from tqdm import tqdm

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
    "two-status": {"coding": "two_status"},
    "two-status, ceil": {"coding": "two_status:reading=ceil"},
}


def run(source, configuration, model, frames, folder):
    """One sequence, one configuration; the summary that it leaves in its folder."""
    import brian2

    from brian_siamsnn.conversion import scale_thresholds
    from brian_siamsnn.matchers import SpikingMatcher
    from brian_siamsnn.sequences import open_source
    from brian_siamsnn.tracker import SiameseTracker
    from brian_siamsnn.tracking import track, write_json
    from brian_siamsnn.weights import load

    brian2.prefs.logging.console_log_level = "ERROR"
    brian2.BrianLogger.initialize()
    options = dict(CONFIGURATIONS[configuration])
    network = scale_thresholds(load(model), options.pop("threshold_scale", 1.0))
    matcher = SpikingMatcher(network, threads=1, **options)
    matcher.prepare()
    # what the matcher has counted after each frame; the first is the exemplar's
    counted = []
    names = ("operations", "pooling_events", "spikes")
    steps = []

    def count():
        counted.append([getattr(matcher, name) for name in names])
        steps.append(getattr(matcher.search_branch, "steps_run", 0))

    result = track(open_source(source), SiameseTracker(matcher), frames=frames, progress=count)
    each = np.diff(counted, axis=0).mean(0)
    summary = {"sequence": Path(source).name, "configuration": configuration, "frames": len(result.boxes),
               "seconds": result.seconds, **result.metrics, "stopped": result.stopped,
               "steps_a_frame": float(np.mean(steps[1:])),
               **{f"{name}_a_frame": value for name, value in zip(names, each.tolist(), strict=True)}}  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "summary.json", summary)
    return summary


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("roots", nargs="*", type=Path, metavar="ROOT")
    parser.add_argument("--model", default="compact")
    parser.add_argument("--frames", type=int, default=60, help="first frames of each sequence")
    parser.add_argument("--configurations", nargs="+", choices=CONFIGURATIONS, default=list(CONFIGURATIONS),
                        metavar="NAME", help=f"of {', '.join(CONFIGURATIONS)}")  # fmt: skip
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/frontier"))
    arguments = parser.parse_args()

    sources = [str(path) for root in arguments.roots
               for path in ([root] if (root / "img").is_dir() else sorted(root.iterdir()))
               if path.is_dir()] or ["synthetic"]  # fmt: skip
    done, waiting = [], []
    for configuration in arguments.configurations:
        for source in sources:
            folder = arguments.output / configuration / Path(source).name
            if (folder / "summary.json").is_file():
                done.append(json.loads((folder / "summary.json").read_text()))
            else:
                waiting.append((source, configuration, arguments.model, arguments.frames, folder))
    with ProcessPoolExecutor(arguments.workers) as pool, tqdm(total=len(done) + len(waiting), initial=len(done)) as bar:
        for future in as_completed([pool.submit(run, *job) for job in waiting]):
            done.append(future.result())
            bar.update()
    rows = []
    for configuration in arguments.configurations:
        own = [row for row in done if row["configuration"] == configuration]
        rows.append({"configuration": configuration, "sequences": len(own),
                     **{key: float(np.mean([row[key] for row in own]))
                        for key in ("auc", "precision20", "operations_a_frame", "spikes_a_frame")}})  # fmt: skip
        print("{configuration:28} AUC {auc:.3f}  {operations_a_frame:,.0f} SOP a frame".format(**rows[-1]))
    with open(arguments.output / "frontier.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
