"""Table II: accuracy A, robustness R and expected average overlap EAO on VOT2016, computed by the VOT toolkit.

    pip install 'brian_siamsnn[vot]'
    python analysis/table2_vot.py [ROOT] [--sequences bag,ball1] [--model compact] [--repetitions 1]
                                  [--configurations SiamFC SiamSNN+HSM+TS]

ROOT is a folder of sequences in VOT layout; the synthetic set by default. The script creates a toolkit workspace with
the sequences, the supervised experiment of VOT2016, and one tracker per configuration. The toolkit then runs the
experiment and analyses the results: it starts 'brian-siamsnn vot', communicates with it over TraX, and keeps finished
sequences. A, R and EAO all come from the toolkit. EAO covers sequence lengths of 108 to 371 frames, as in VOT2016. If
all sequences are shorter, it covers all lengths instead, and is not comparable with published values.

Writes the workspace, ``table2.csv`` and ``table2.md``.
"""

import argparse
import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import brian_siamsnn as bs
from brian_siamsnn.defaults import MODEL, STEPS
from brian_siamsnn.evaluation.report import write_csv
from brian_siamsnn.evaluation.tables import markdown
from brian_siamsnn.evaluation.vot import registry_entry
from brian_siamsnn.evaluation.vot_workspace import make_workspace
from brian_siamsnn.files import write_whole
from brian_siamsnn.sequences.datasets import open_dataset
from brian_siamsnn.tracking.presets import PAPER_CONFIGS

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("root", nargs="?", type=Path, metavar="ROOT")
parser.add_argument("--sequences", metavar="A,B", help="sequences to use; all by default")
parser.add_argument("--model", default=MODEL)
parser.add_argument("--steps", type=int, default=STEPS)
parser.add_argument("--repetitions", type=int, default=1)
named = {"metavar": "NAME", "choices": PAPER_CONFIGS, "help": f"from {', '.join(PAPER_CONFIGS)}"}
parser.add_argument("--configurations", nargs="+", default=["SiamFC", "SiamSNN+HSM+TS"], **named)
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/table2"))
arguments = parser.parse_args()

try:
    toolkit = version("vot-toolkit")
except PackageNotFoundError:
    sys.exit("table2_vot.py: the VOT toolkit is not installed; pip install 'brian_siamsnn[vot]'")

# The toolkit accepts letters, digits and underscores in tracker names.
dataset = open_dataset(arguments.root, names=arguments.sequences.split(",") if arguments.sequences else ())
entries = {}
for label in arguments.configurations:
    config = bs.TrackerConfig(**PAPER_CONFIGS[label], model=arguments.model, steps=arguments.steps)
    identifier = "".join(letter if letter.isalnum() else "_" for letter in label)
    entries[identifier] = registry_entry(identifier, label, config.arguments())
workspace = arguments.output / "workspace"
low, high = make_workspace(dataset, workspace, entries, arguments.repetitions)

command = [sys.executable, "-m", "vot"]
options = ["--workspace", str(workspace)]
subprocess.run([*command, "evaluate", *options, *entries], check=True)
subprocess.run([*command, "analysis", *options, "--format", "json", "--name", "table2", *entries], check=True)

# The experiment has two analyses, each with one row per tracker: A, R, ..., and EAO.
report = json.loads((workspace / "analysis" / "table2.json").read_text(encoding="utf-8"))
accuracy_robustness, expected = report["results"]["baseline"]["results"]
rows = [
    {"tracker": label, "A": accuracy, "R": robustness, "EAO": eao}
    for label, (accuracy, robustness, *_), (eao, *_) in zip(
        arguments.configurations, accuracy_robustness, expected, strict=True
    )
]
write_csv(arguments.output / "table2.csv", rows)
lines = [[row["tracker"], *(f"{row[key]:.3f}" for key in ("A", "R", "EAO"))] for row in rows]
text = markdown([["", "A", "R", "EAO"], *lines])
text += f"\n{len(dataset.items)} sequences, EAO over {low} to {high} frames, VOT toolkit {toolkit}\n"
write_whole(arguments.output / "table2.md", text.encode())
print(f"{text}table2.md and table2.csv are in {arguments.output}")
