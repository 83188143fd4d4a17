"""Every coding in the hidden layers with every coding in the output layer: AUC, firing rates, operations.

    python analysis/codings_table.py [ROOT ...] [--model compact] [--frames 60] [--sequences Crossing Couple]

Every ROOT is a folder of OTB, VOT or GOT-10k sequences; without any, the synthetic
sequence is used. Writes boxes and summary of each run, ``table.csv``, ``means.csv``
and ``table.md``; goes on where it was stopped (see tracking_table.py).
"""

import argparse
from pathlib import Path

from tracking_table import markdown, table, write_csv

CODINGS = {
    "rate": "rate",  # Eq. 2-4
    "phase": "phase",  # Eq. 10
    "burst": "burst",  # Eq. 11 as the paper's text has it: 1, 1/2, 1/4, ...
    "growing burst": "burst:gamma=2,v_0=0.125",  # ... and as Park (2019) has it
    "two-status": "two_status",  # Eq. 12
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("roots", nargs="*", type=Path, metavar="ROOT")
    parser.add_argument("--model", default="compact")
    parser.add_argument("--frames", type=int, default=60, help="first frames of each sequence")
    parser.add_argument("--sequences", nargs="+", metavar="NAME", help="of those in the ROOTs; all by default")
    parser.add_argument("--hidden", nargs="+", choices=CODINGS, default=list(CODINGS), metavar="CODING")
    parser.add_argument("--outputs", nargs="+", choices=CODINGS, default=list(CODINGS), metavar="CODING")
    parser.add_argument("--matching", choices=["hsm", "psm", "tsm"], default="hsm")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/codings"))
    arguments = parser.parse_args()

    options = {"matching": arguments.matching, "steps": arguments.steps}
    configurations = {"CNN": None} | {
        f"{hidden} + {output}": {**options, "hidden_coding": CODINGS[hidden], "coding": CODINGS[output]}
        for hidden in arguments.hidden
        for output in arguments.outputs
    }
    rows = table(configurations, arguments.roots, arguments.model, arguments.frames, arguments.workers,
                 arguments.output, arguments.sequences)  # fmt: skip

    # One row a configuration: means over the sequences.
    means = []
    for name in configurations:
        own = [row for row in rows if row["configuration"] == name]
        mean = {key: sum(row.get(key, 0) for row in own) / len(own) for key in own[-1]
                if key in ("auc", "precision20") or key.startswith("rate ")}  # fmt: skip
        operations = sum(row["synaptic_operations"] for row in own) / sum(row["frames"] for row in own)
        means.append({"configuration": name, **mean, "operations_per_frame": operations})
    write_csv(arguments.output / "table.csv", rows)
    write_csv(arguments.output / "means.csv", means)

    layers = [key for key in means[-1] if key.startswith("rate ")]
    head = ["hidden + output", "AUC", "precision", *(f"{layer} (%)" for layer in layers), "operations a frame (10^6)"]
    lines = [[row["configuration"], f"{row['auc']:.3f}", f"{row['precision20']:.3f}",
              *(f"{100 * row[layer]:.1f}" if layer in row else "" for layer in layers),
              f"{row['operations_per_frame'] / 1e6:.0f}" if row["operations_per_frame"] else ""]
             for row in means]  # fmt: skip
    text = markdown(head, lines)
    (arguments.output / "table.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
