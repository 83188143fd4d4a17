"""AUC, firing rates and operations for every combination of hidden and output coding, and for a wave.

    python analysis/codings_table.py [ROOT] [--model compact] [--frames 60] [--sequences Crossing Couple]

ROOT is a folder of OTB, VOT or GOT-10k sequences; the synthetic set by default. A wave is the coding of all layers and
takes its own number of steps. Writes boxes and summary of each run,
``table.csv``, ``means.csv`` and ``table.md``. An interrupted run continues.
"""

import argparse
from pathlib import Path

import brian_siamsnn as bs
from brian_siamsnn.defaults import MATCHING, MODEL, STEPS
from brian_siamsnn.evaluation.report import write_csv
from brian_siamsnn.evaluation.store import evaluation_identity
from brian_siamsnn.evaluation.tables import markdown
from brian_siamsnn.files import write_whole
from brian_siamsnn.matching.similarity import MATCHINGS
from brian_siamsnn.sequences.datasets import open_dataset
from brian_siamsnn.tracking.config import identity_hash

CODINGS = {
    "rate": "rate",  # Eq. 2-4
    "phase": "phase",  # Eq. 10
    "burst": "burst",  # Eq. 11 with the paper's constants: 1, 1/2, 1/4, ...
    "growing burst": "burst:gamma=2,v_0=0.125",  # Eq. 11 with those of Park (2019)
    "two-status": "two_status",  # Eq. 12
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", nargs="?", type=Path, metavar="ROOT")
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--frames", type=int, default=60, help="first frames of each sequence")
    parser.add_argument("--sequences", nargs="+", metavar="NAME", default=(), help="sequences of ROOT; all by default")
    parser.add_argument("--hidden", nargs="+", choices=CODINGS, default=list(CODINGS), metavar="CODING")
    parser.add_argument("--outputs", nargs="+", choices=CODINGS, default=list(CODINGS), metavar="CODING")
    parser.add_argument("--matching", choices=MATCHINGS, default=MATCHING)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/codings"))
    arguments = parser.parse_args()

    options = {"matching": arguments.matching, "steps": arguments.steps}
    configurations = {"CNN": {"tracker": "cnn"}} | {
        f"{hidden} + {output}": {**options, "hidden_coding": CODINGS[hidden], "coding": CODINGS[output]}
        for hidden in arguments.hidden
        for output in arguments.outputs
    }
    configurations["wave"] = {"matching": arguments.matching, "coding": "wave"}
    dataset = open_dataset(arguments.root, names=arguments.sequences)

    # `rows` has one row per configuration and sequence, `means` one per configuration.
    rows, means = [], []
    copied = ("auc", "precision20", "frames", "seconds", "spikes", "synaptic_operations")
    for name, settings in configurations.items():
        config = bs.TrackerConfig(model=arguments.model, **settings)
        folder = arguments.output / identity_hash(evaluation_identity(config, arguments.frames))[:8]
        report = bs.evaluate(config, dataset, folder, arguments.frames, arguments.workers)
        rates = [row["firing_rates"] or {} for row in report["sequences"].values()]
        for (sequence, row), rate in zip(report["sequences"].items(), rates, strict=True):
            scores = {key: row[key] for key in copied}
            by_layer = {f"rate {layer}": value for layer, value in rate.items()}
            rows.append({"configuration": name, "sequence": sequence, **scores, **by_layer})
        mean = {f"rate {layer}": sum(rate[layer] for rate in rates) / len(rates) for layer in rates[0]}
        operations = (report["total"]["synaptic_operations"] or 0) / report["total"]["frames"]
        means.append({"configuration": name, **report["mean"], **mean, "operations_per_frame": operations})
    write_csv(arguments.output / "table.csv", rows)
    write_csv(arguments.output / "means.csv", means)

    layers = [key for key in means[-1] if key.startswith("rate ")]
    head = ["hidden + output", "AUC", "precision", *(f"{layer} (%)" for layer in layers), "operations per frame (10^6)"]
    lines = [
        [
            row["configuration"],
            f"{row['auc']:.3f}",
            f"{row['precision20']:.3f}",
            *(f"{100 * row[layer]:.1f}" if layer in row else "" for layer in layers),
            f"{row['operations_per_frame'] / 1e6:.0f}" if row["operations_per_frame"] else "",
        ]
        for row in means
    ]
    text = markdown([head, *lines])
    write_whole(arguments.output / "table.md", text.encode())
    print(text)


if __name__ == "__main__":
    main()
