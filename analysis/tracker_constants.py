"""Do other constants of the tracker suit a spiking network better than SiamFC's?

    python analysis/tracker_constants.py DATA [--model compact] [--coding wave] [--trials 40] [--output FOLDER]

DATA is the training data (see docs/training.md). A tree-structured Parzen estimator (Optuna) searches the ratio of
neighbouring scales, their penalty, the damping of the size and the weight of the cosine window, for three scales, for
the best mean AUC on the held-out videos. The first trial has SiamFC's constants. The best trial is then compared with
SiamFC's constants on all other training videos, with a paired bootstrap interval. Writes ``trials.csv``. The study is
stored in ``study.db``, and an interrupted search continues. Needs ``pip install '.[search]'``.
"""

import argparse
from dataclasses import asdict
from pathlib import Path

import numpy as np
import optuna
from tqdm import tqdm

import brian_siamsnn as bs
from brian_siamsnn.defaults import MODEL
from brian_siamsnn.environment import quiet
from brian_siamsnn.evaluation.bootstrap import paired_bootstrap
from brian_siamsnn.evaluation.report import write_csv
from brian_siamsnn.tracking import tracker as siamfc
from brian_siamsnn.training.pairs import read_videos
from brian_siamsnn.training.recipe import HELD_OUT

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("data", type=Path)
parser.add_argument("--model", default=MODEL)
parser.add_argument("--coding", default="wave")
parser.add_argument("--trials", type=int, default=40)
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/constants"))
arguments = parser.parse_args()
quiet()
arguments.output.mkdir(parents=True, exist_ok=True)

videos = read_videos(arguments.data / "video")
held_out = [video.name for video in videos if video.scene in HELD_OUT]
others = [video.name for video in videos if video.scene not in HELD_OUT]
config = bs.TrackerConfig(model=arguments.model, coding=arguments.coding)
matcher = config.build_matcher()
matcher.prepare()
published = siamfc.SCALES[3]


def score(constants, names):
    """AUC of each video with these constants."""
    siamfc.SCALES[3] = constants
    try:
        return {
            name: bs.track(
                bs.open_sequence(arguments.data / "video" / name), config.tracker_with(matcher), video=False
            ).metrics["auc"]
            for name in tqdm(names, desc="tracking", unit=" videos", leave=False, disable=None)
        }
    finally:
        siamfc.SCALES[3] = published


def objective(trial):
    """Mean AUC on the held-out videos."""
    constants = siamfc.ScaleSearch(
        step=trial.suggest_float("step", 1.01, 1.2),
        penalty=trial.suggest_float("penalty", 0.9, 1.0),
        damping=trial.suggest_float("damping", 0.1, 0.9),
        window=trial.suggest_float("window", 0.02, 0.6),
    )
    return float(np.mean(list(score(constants, held_out).values())))


study = optuna.create_study(
    study_name=f"{Path(arguments.model).stem} {arguments.coding}",
    storage=f"sqlite:///{arguments.output / 'study.db'}",
    load_if_exists=True,
    direction="maximize",
    sampler=optuna.samplers.TPESampler(seed=0),
)
if not study.trials:
    study.enqueue_trial(asdict(published))
study.optimize(objective, n_trials=max(0, arguments.trials - len(study.trials)))
write_csv(arguments.output / "trials.csv", [{"auc": trial.value, **trial.params} for trial in study.trials])

best = siamfc.ScaleSearch(**study.best_params)
print(f"best on {len(held_out)} held-out videos: {study.best_value:.3f} with {best}")
print(f"SiamFC's constants there: {study.trials[0].value:.3f}")
before, after = score(published, others), score(best, others)
difference = paired_bootstrap(after, before)
print(
    f"on the {len(others)} other videos: {np.mean(list(before.values())):.3f} with SiamFC's constants, "
    f"{np.mean(list(after.values())):.3f} with the best ones; difference {difference.mean:+.3f} "
    f"[{difference.low:+.3f}, {difference.high:+.3f}]"
)
