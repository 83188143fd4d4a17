"""Every coding in the hidden layers with every coding in the output layer: AUC, firing rates, operations.

    python analysis/codings_table.py [ROOT] [--model compact] [--frames 60] [--sequences Crossing Couple]

ROOT is a folder of OTB, VOT or GOT-10k sequences; without it, the synthetic set
is used. Writes boxes and summary of each run, ``table.csv``, ``means.csv``
and ``table.md``; goes on where it was stopped.
"""

import argparse
from pathlib import Path

from brian_siamsnn.evaluation.report import markdown, write_csv
from brian_siamsnn.evaluation.run import evaluate
from brian_siamsnn.files import write_whole
from brian_siamsnn.sequences.datasets import open_dataset
from brian_siamsnn.tracking.config import TrackerConfig

CODINGS = {
    "rate": "rate",  # Eq. 2-4
    "phase": "phase",  # Eq. 10
    "burst": "burst",  # Eq. 11 as the paper's text has it: 1, 1/2, 1/4, ...
    "growing burst": "burst:gamma=2,v_0=0.125",  # ... and as Park (2019) has it
    "two-status": "two_status",  # Eq. 12
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", nargs="?", type=Path, metavar="ROOT")
    parser.add_argument("--model", default="compact")
    parser.add_argument("--frames", type=int, default=60, help="first frames of each sequence")
    parser.add_argument("--sequences", nargs="+", metavar="NAME", default=(), help="of those in ROOT; all by default")
    parser.add_argument("--hidden", nargs="+", choices=CODINGS, default=list(CODINGS), metavar="CODING")
    parser.add_argument("--outputs", nargs="+", choices=CODINGS, default=list(CODINGS), metavar="CODING")
    parser.add_argument("--matching", choices=["hsm", "psm", "tsm"], default="hsm")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/codings"))
    arguments = parser.parse_args()

    options = {"matching": arguments.matching, "steps": arguments.steps}
    configurations = {"CNN": {"tracker": "cnn"}} | {
        f"{hidden} + {output}": {**options, "hidden_coding": CODINGS[hidden], "coding": CODINGS[output]}
        for hidden in arguments.hidden
        for output in arguments.outputs
    }
    dataset = open_dataset(arguments.root, names=arguments.sequences)

    # One row a configuration: means over the sequences.
    rows, means = [], []
    for name, settings in configurations.items():
        configuration = TrackerConfig(model=arguments.model, frames=arguments.frames, **settings)
        report = evaluate(configuration, dataset, arguments.output / configuration.hash[:8], arguments.workers)
        own = report["sequences"]
        rates = [row["firing_rates"] or {} for row in own.values()]
        mean = {f"rate {layer}": sum(rate[layer] for rate in rates) / len(rates) for layer in rates[0]}
        operations = (report["total"]["synaptic_operations"] or 0) / report["total"]["frames"]
        rows += [
            {
                "configuration": name,
                "sequence": sequence,
                "auc": row["auc"],
                "precision20": row["precision20"],
                "frames": row["frames"],
                "seconds": row["seconds"],
                "spikes": row["spikes"],
                "synaptic_operations": row["synaptic_operations"],
                **{f"rate {layer}": value for layer, value in rate.items()},
            }
            for (sequence, row), rate in zip(own.items(), rates, strict=True)
        ]
        means.append({"configuration": name, **report["mean"], **mean, "operations_per_frame": operations})
    write_csv(arguments.output / "table.csv", rows)
    write_csv(arguments.output / "means.csv", means)

    layers = [key for key in means[-1] if key.startswith("rate ")]
    head = ["hidden + output", "AUC", "precision", *(f"{layer} (%)" for layer in layers), "operations a frame (10^6)"]
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
