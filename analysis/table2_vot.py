"""Table II: accuracy A, robustness R and expected average overlap EAO on VOT2016, by the VOT toolkit.

    pip install 'brian_siamsnn[vot]'
    python analysis/table2_vot.py [ROOT] [--sequences bag,ball1] [--model compact] [--repetitions 1]
                                  [--configurations SiamFC SiamSNN+HSM+TS]

ROOT is a folder of sequences in VOT's layout; without it, the synthetic set. The script makes a workspace of the
toolkit (sequences, the supervised experiment of VOT2016, a tracker for each configuration), lets the toolkit run it,
which starts 'brian-siamsnn vot', speaks TraX with it and keeps finished sequences, and lets it analyse the results.
Nothing of A, R and EAO is computed here. Where all sequences are shorter than VOT2016's interval of lengths, 108 to
371 frames, EAO goes over all lengths instead; such figures cannot be compared with others'.

Writes the workspace, ``table2.csv`` and ``table2.md``.
"""

import argparse
import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from brian_siamsnn.evaluation.report import markdown, write_csv
from brian_siamsnn.evaluation.vot import registry_entry
from brian_siamsnn.evaluation.vot_workspace import make_workspace
from brian_siamsnn.files import write_whole
from brian_siamsnn.sequences.datasets import open_dataset
from brian_siamsnn.tracking.config import PAPER_CONFIGS, TrackerConfig

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("root", nargs="?", type=Path, metavar="ROOT")
parser.add_argument("--sequences", metavar="A,B", help="only these")
parser.add_argument("--model", default="compact")
parser.add_argument("--steps", type=int, default=20)
parser.add_argument("--repetitions", type=int, default=1)
parser.add_argument(
    "--configurations",
    nargs="+",
    choices=PAPER_CONFIGS,
    default=["SiamFC", "SiamSNN+HSM+TS"],
    metavar="NAME",
    help=f"of {', '.join(PAPER_CONFIGS)}",
)
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/table2"))
arguments = parser.parse_args()

try:
    toolkit = version("vot-toolkit")
except PackageNotFoundError:
    sys.exit("table2_vot.py: expected the VOT toolkit, which is not installed; pip install 'brian_siamsnn[vot]'")

# The toolkit's names of trackers hold letters, digits and underscores.
dataset = open_dataset(arguments.root, names=arguments.sequences.split(",") if arguments.sequences else ())
labels, entries = [], {}
for label in arguments.configurations:
    configuration = TrackerConfig(**PAPER_CONFIGS[label], model=arguments.model, steps=arguments.steps)
    identifier = "".join(letter if letter.isalnum() else "_" for letter in label)
    labels.append(label)
    entries[identifier] = registry_entry(identifier, label, configuration.arguments())
workspace = arguments.output / "workspace"
low, high = make_workspace(dataset, workspace, entries, arguments.repetitions)

command = [sys.executable, "-m", "vot"]
place = ["--workspace", str(workspace)]
subprocess.run([*command, "evaluate", *place, *entries], check=True)
subprocess.run([*command, "analysis", *place, "--format", "json", "--name", "table2", *entries], check=True)

# The two analyses of the experiment, each with a row a tracker: A, R, ...; and EAO.
report = json.loads((workspace / "analysis" / "table2.json").read_text(encoding="utf-8"))
accuracy_robustness, expected = report["results"]["baseline"]["results"]
rows = [
    {"tracker": label, "A": accuracy, "R": robustness, "EAO": eao}
    for label, (accuracy, robustness, *_), (eao, *_) in zip(labels, accuracy_robustness, expected, strict=True)
]
write_csv(arguments.output / "table2.csv", rows)
lines = [[row["tracker"], *(f"{row[key]:.3f}" for key in ("A", "R", "EAO"))] for row in rows]
text = markdown([["", "A", "R", "EAO"], *lines])
text += f"\n{len(dataset.items)} sequences, EAO over {low} to {high} frames, VOT toolkit {toolkit}\n"
write_whole(arguments.output / "table2.md", text.encode())
print(f"{text}table2.md and table2.csv are in {arguments.output}")
