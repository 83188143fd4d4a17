"""Table I: mean overlap (Eq. 13) by attribute, of SiamFC and four configurations of SiamSNN.

    python analysis/table1_attributes.py [ROOT] [--subset otb100] [--model compact] [--frames 100] [--workers 2]
                                         [--boxes NAME=FILE ...] [--configurations SiamFC SiamSNN+HSM]

ROOT is a folder of OTB sequences (other benchmarks have no attributes, so only ALL is filled); without it, the
synthetic set. --boxes adds rows of other trackers from their result files. Writes the boxes of every run, ``table.md``,
``table.csv``, ``sequences.csv`` and the plots; a table that was stopped goes on where it was.

The columns are the paper's; to the right of them are the AUC of the success plot and the precision at 20 pixels. Mind
that the AUC converges to the mean overlap with ever more thresholds: the paper's Table I (67.2 for SiamFC) and its
Fig. 5 (57.8) cannot both be over the same frames.
"""

import argparse
from pathlib import Path

from brian_siamsnn.evaluation.comparison import compare, dataset_truth, named_results
from brian_siamsnn.evaluation.report import attribute_table, write_report
from brian_siamsnn.evaluation.run import evaluate
from brian_siamsnn.sequences.datasets import SUBSETS, open_dataset
from brian_siamsnn.tracking.config import PAPER_CONFIGS, TrackerConfig

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("root", nargs="?", type=Path, metavar="ROOT")
parser.add_argument("--subset", choices=SUBSETS)
parser.add_argument("--model", default="compact")
parser.add_argument("--frames", type=int, help="first frames of each sequence; all by default")
parser.add_argument("--workers", type=int, default=1)
parser.add_argument("--boxes", nargs="+", default=[], metavar="[NAME=]FILE", help="result files of other trackers")
parser.add_argument(
    "--configurations",
    nargs="+",
    choices=PAPER_CONFIGS,
    default=list(PAPER_CONFIGS),
    metavar="NAME",
    help=f"of {', '.join(PAPER_CONFIGS)}",
)
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/table1"))
arguments = parser.parse_args()

dataset = open_dataset(arguments.root, subset=arguments.subset)
common = {"model": arguments.model, "frames": arguments.frames}
reports = []
for name in arguments.configurations:
    configuration = TrackerConfig(**PAPER_CONFIGS[name], **common)
    reports.append(evaluate(configuration, dataset, arguments.output / name, arguments.workers))

# A row is over the sequences that every tracker finished. Own boxes are then read back like any other tracker's.
if arguments.boxes or any(report["failed"] for report in reports):
    own = [f"{name}={arguments.output / name}" for name in arguments.configurations]
    trackers = named_results([*own, *arguments.boxes])
    reports = compare(trackers, dataset_truth(dataset), arguments.frames, dataset)

write_report(reports, arguments.output)
print(attribute_table(reports))
print(f"table.md, table.csv, sequences.csv and plots are in {arguments.output}")
