"""Fig. 3: similar spike trains that only the response period matches (Eq. 7 and 8).

    python analysis/fig3_response_period.py [--steps 20] [--trials 500] [--seed 0]

The upper panel shows a spike train z of the exemplar, and two trains x of the search region: z delayed by one step and
by three steps. By Eq. 7, neither has anything in common with z. Eq. 8 matches the first with tau >= 1 and the second
with tau >= 3.

The lower panel shows the score of a train against a jittered copy of itself, relative to its score against itself. Each
spike moves by up to the given number of steps, and spikes that land in the same step merge. Values are means over
random trains with a firing rate of 0.25, for several tau. Dotted lines show the score of unrelated trains of the same
rate, which is the cost of a larger tau. Writes ``fig3.png`` and ``fig3.csv``.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from brian_siamsnn.defaults import STEPS
from brian_siamsnn.matching.similarity import matching_kernel
from brian_siamsnn.palette import BLACK, PALETTE

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--steps", type=int, default=STEPS)
parser.add_argument("--trials", type=int, default=500, help="random trains per mean")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/fig3"))
arguments = parser.parse_args()
if arguments.steps < 6:
    parser.error(f"--steps: expected 6 or more, got {arguments.steps}")
T, rng = arguments.steps, np.random.default_rng(arguments.seed)
TAUS, JITTERS = (0, 1, 2, 3), range(5)


def score(z, x, tau):
    """Eq. 8 for single trains: sum_t sum_m k_tau(t - m) z(m) x(t) / 2T."""
    return x @ matching_kernel("tsm", T, tau) @ z / (2 * T)


def train(steps):
    """Return a train with spikes of amplitude 1 in these steps."""
    result = np.zeros(T)
    result[steps] = 1
    return result


# Upper panel: three trains.
fires = np.arange(2, T - 3, 7)
shown = {"z": train(fires), "x, 1 late": train(fires + 1), "x, 3 late": train(fires + 3)}
z = shown["z"]
figure = Figure(figsize=(9, 5.6), layout="constrained")
layout = [["trains", "scores"], ["jitter", "jitter"]]
above, scores, below = figure.subplot_mosaic(layout, height_ratios=[1, 2], width_ratios=[2.4, 1]).values()
for row, spikes in enumerate(shown.values()):
    above.vlines(np.flatnonzero(spikes), -row - 0.35, -row + 0.35, color=PALETTE[row], lw=3)
    for column, tau in enumerate(TAUS):
        scores.text(column, -row, f"{score(z, spikes, tau):.3f}", va="center", ha="center", fontsize=9)
for step in np.flatnonzero(z):
    above.axvspan(step - 1.5, step + 1.5, color=PALETTE[0], alpha=0.12, lw=0)
scores.set(title="M(z, x), Eq. 8", xlim=(-0.6, len(TAUS) - 0.4), ylim=(-2.6, 0.6), yticks=[])
scores.set_xticks(range(len(TAUS)), [f"$\\tau$ = {tau}" for tau in TAUS])
scores.tick_params(length=0)
scores.spines[:].set_visible(False)
above.set(xlim=(-0.6, T - 0.4), ylim=(-2.6, 0.6), xticks=range(0, T, 2))
above.set_yticks([0, -1, -2], list(shown))
above.set_xlabel("time step (shaded: response period of z, $\\tau$ = 1)")

# Lower panel: score against jitter.
rows = []
for tau in TAUS:
    means = []
    for jitter in JITTERS:
        ratios = []
        for _ in range(arguments.trials):
            steps = np.flatnonzero(rng.random(T) < 0.25)
            if len(steps):
                moved = np.clip(steps + rng.integers(-jitter, jitter + 1, len(steps)), 0, T - 1)
                ratios.append(score(train(steps), train(moved), tau) / score(train(steps), train(steps), tau))
        means.append(np.mean(ratios))
    unrelated = []
    for _ in range(arguments.trials):
        a, b = (train(np.flatnonzero(rng.random(T) < 0.25)) for _ in range(2))
        if a.any():
            unrelated.append(score(a, b, tau) / score(a, a, tau))
    colour = PALETTE[tau]
    below.plot(JITTERS, means, "o-", color=colour, label=f"$\\tau$ = {tau}")
    below.axhline(np.mean(unrelated), color=colour, ls=":", lw=1.2)
    rows += [[tau, jitter, mean, np.mean(unrelated)] for jitter, mean in zip(JITTERS, means, strict=True)]
    shares = ", ".join(f"{mean:.2f}" for mean in means)
    print(f"tau = {tau}: score at jitter 0 to 4: {shares}; unrelated trains: {np.mean(unrelated):.2f}")
below.plot([], [], ":", color=BLACK, label="unrelated trains")
below.set(xlabel="maximum shift of a spike (steps)", ylabel="score relative to self-match")
below.set(ylim=(0, 1.05), xticks=list(JITTERS))
below.legend(frameon=False, ncols=5, fontsize=9)

arguments.output.mkdir(parents=True, exist_ok=True)
figure.savefig(arguments.output / "fig3.png", dpi=110)
with open(arguments.output / "fig3.csv", "w", newline="", encoding="utf-8") as file:
    csv.writer(file).writerows([["tau", "jitter", "share_of_own_score", "unrelated"], *rows])
print(f"fig3.png and fig3.csv are in {arguments.output}")
