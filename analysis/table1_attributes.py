"""Table I: mean overlap (Eq. 13) by attribute, of SiamFC and four configurations of SiamSNN.

    python analysis/table1_attributes.py [ROOT] [--subset otb100] [--model compact] [--frames 100] [--workers 2]
                                         [--boxes NAME=FILE ...] [--configurations SiamFC SiamSNN+HSM]

ROOT is a folder of OTB sequences; the synthetic set by default. Other benchmarks have no attributes, so only the column
ALL is filled. --boxes adds rows of other trackers from their result files. Writes the boxes of every run, ``table.md``,
``table.csv``, ``sequences.csv`` and the plots. An interrupted run continues.

The columns are those of the paper, followed by the AUC of the success plot and the precision at 20 pixels. The AUC
converges to the mean overlap as the number of thresholds grows, so the paper's Table I (67.2 for SiamFC) and Fig. 5
(57.8) cannot both cover the same frames.
"""

import argparse
from pathlib import Path

import brian_siamsnn as bs
from brian_siamsnn.defaults import MODEL
from brian_siamsnn.evaluation.comparison import compare, dataset_truth, named_results
from brian_siamsnn.evaluation.report import write_report
from brian_siamsnn.evaluation.tables import attribute_table
from brian_siamsnn.sequences.datasets import SUBSETS, open_dataset
from brian_siamsnn.tracking.presets import PAPER_CONFIGS

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("root", nargs="?", type=Path, metavar="ROOT")
parser.add_argument("--subset", choices=SUBSETS)
parser.add_argument("--model", default=MODEL)
parser.add_argument("--frames", type=int, help="first frames of each sequence; all by default")
parser.add_argument("--workers", type=int, default=1)
parser.add_argument("--boxes", nargs="+", default=[], metavar="[NAME=]FILE", help="result files of other trackers")
named = {"metavar": "NAME", "choices": PAPER_CONFIGS, "help": f"from {', '.join(PAPER_CONFIGS)}; all by default"}
parser.add_argument("--configurations", nargs="+", default=list(PAPER_CONFIGS), **named)
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/table1"))
arguments = parser.parse_args()

dataset = open_dataset(arguments.root, subset=arguments.subset)
reports = []
for name in arguments.configurations:
    config = bs.TrackerConfig(**PAPER_CONFIGS[name], model=arguments.model)
    reports.append(bs.evaluate(config, dataset, arguments.output / name, arguments.frames, arguments.workers))

# Rows compare the sequences that every tracker finished; if they differ, score all trackers again from their boxes.
if arguments.boxes or any(report["failed"] for report in reports):
    own = [f"{name}={arguments.output / name}" for name in arguments.configurations]
    trackers = named_results([*own, *arguments.boxes])
    reports = compare(trackers, dataset_truth(dataset), arguments.frames, dataset)

write_report(reports, arguments.output)
print(attribute_table(reports))
print(f"table.md, table.csv, sequences.csv and plots are in {arguments.output}")
