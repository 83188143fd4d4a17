"""The CNN and spiking configurations on a folder of sequences: Table I in small.

    python analysis/tracking_table.py ROOT [ROOT ...] [--model compact] [--frames 100] [--configurations CNN SNN+HSM]

Every ROOT is a folder of OTB, VOT or GOT-10k sequences; without any, the synthetic
sequence is used. Writes boxes and summary of each run, ``table.csv`` and
``table.md``. A run that is there already is not made again, so a table that was
stopped goes on where it was.
"""

import argparse
import csv
import json
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tqdm import tqdm

# The rows of Table I: Eq. 6 alone, Eq. 8 alone, both (Eq. 9), and both with Eq. 12 at the output.
CONFIGURATIONS = {
    "CNN": None,
    "SNN+PSM": {"matching": "psm"},
    "SNN+TSM": {"matching": "tsm"},
    "SNN+HSM": {"matching": "hsm"},
    "SNN+HSM+TS": {"matching": "hsm", "coding": "two_status"},
    # ... and Eq. 9 and Eq. 6 with fewer time steps.
    "SNN+HSM, T=10": {"matching": "hsm", "steps": 10},
    "SNN+HSM, T=5": {"matching": "hsm", "steps": 5},
    "SNN+PSM, T=10": {"matching": "psm", "steps": 10},
    "SNN+PSM, T=5": {"matching": "psm", "steps": 5},
}


def run(source, configuration, options, model, frames, folder):
    """One sequence, one configuration; the summary that it leaves in its folder."""
    import brian2

    from brian_siamsnn.matchers import ConvolutionalMatcher, SpikingMatcher
    from brian_siamsnn.sequences import open_source
    from brian_siamsnn.tracker import SiameseTracker
    from brian_siamsnn.tracking import track, write_json
    from brian_siamsnn.weights import load

    brian2.prefs.logging.console_log_level = "ERROR"
    brian2.BrianLogger.initialize()
    # the runs share the processors, so each takes one thread
    if options is None:
        import torch

        torch.set_num_threads(1)
        matcher = ConvolutionalMatcher(load(model))
    else:
        matcher = SpikingMatcher(load(model), threads=1, **options)
    matcher.prepare()
    result = track(open_source(source), SiameseTracker(matcher), frames=frames, output=folder, video=False)
    summary = {"sequence": Path(source).name, "configuration": configuration, "frames": len(result.boxes),
               "seconds": result.seconds, **result.metrics, "spikes": getattr(matcher, "spikes", 0),
               "synaptic_operations": getattr(matcher, "operations", 0), "stopped": result.stopped,
               **{f"rate {layer}": rate for layer, rate in getattr(matcher, "firing_rates", {}).items()}}  # fmt: skip
    write_json(folder / "summary.json", summary)
    return summary


def table(configurations, roots, model, frames, workers, output, wanted=None):
    """All sequences in all configurations; their summaries, in that order. What is there already is not run again."""
    sources = [str(path) for root in roots for path in sorted(root.iterdir()) if path.is_dir()] or ["synthetic"]
    sources = [source for source in sources if wanted is None or Path(source).name in wanted]
    done, waiting = {}, []
    # sequence by sequence, so that a table which is stopped early has whole rows
    for source in sources:
        for name, options in configurations.items():
            folder = output / name / Path(source).name
            if (folder / "summary.json").is_file():
                done[source, name] = json.loads((folder / "summary.json").read_text())
            else:
                waiting.append((source, name, options, model, frames, folder))
    with ProcessPoolExecutor(workers) as pool, tqdm(total=len(done) + len(waiting), initial=len(done)) as bar:
        futures = {pool.submit(run, *job): job[:2] for job in waiting}
        for future in as_completed(futures):
            done[futures[future]] = future.result()
            bar.update()
    return [done[source, name] for source in sources for name in configurations]


def write_csv(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def markdown(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("roots", nargs="*", type=Path, metavar="ROOT")
    parser.add_argument("--model", default="compact")
    parser.add_argument("--frames", type=int, help="first frames of each sequence; all by default")
    parser.add_argument("--configurations", nargs="+", choices=CONFIGURATIONS, default=list(CONFIGURATIONS),
                        metavar="NAME", help=f"of {', '.join(CONFIGURATIONS)}")  # fmt: skip
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/table"))
    arguments = parser.parse_args()

    chosen = arguments.configurations
    done = table({name: CONFIGURATIONS[name] for name in chosen}, arguments.roots, arguments.model,
                 arguments.frames, arguments.workers, arguments.output)  # fmt: skip

    # One row a sequence, AUC and precision at 20 pixels of each configuration, and the means.
    cells = {(row["sequence"], row["configuration"]): row for row in done}
    names = list(dict.fromkeys(row["sequence"] for row in done))
    head = ["sequence", "frames", *chosen]
    rows = [[name, cells[name, chosen[0]]["frames"],
             *(f"{cells[name, c]['auc']:.3f} / {cells[name, c]['precision20']:.3f}" for c in chosen)]
            for name in names]  # fmt: skip
    means = [tuple(sum(cells[name, c][key] for name in names) / len(names) for key in ("auc", "precision20"))
             for c in chosen]  # fmt: skip
    rows.append(["mean", "", *(f"{auc:.3f} / {precision:.3f}" for auc, precision in means)])
    write_csv(arguments.output / "table.csv", done)
    text = markdown(head, rows)
    (arguments.output / "table.md").write_text(text, encoding="utf-8")
    print("AUC / precision at 20 pixels\n" + text)


if __name__ == "__main__":
    main()
