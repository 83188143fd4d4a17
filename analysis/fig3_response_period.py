"""Fig. 3: spike trains whose likeness temporal matching misses, and the response period sees (Eq. 7 and 8).

    python analysis/fig3_response_period.py [--steps 20] [--trials 500] [--seed 0]

Above, an exemplar's train z, and the same train one and three steps late as a search region's x. Eq. 7 finds nothing
in common between z and either; Eq. 8 sees the first with tau >= 1, the second with tau >= 3. Below, the score of a
train whose spikes are each moved by up to so many steps (those that meet become one), as a share of that of the train
itself: the mean over random trains with a spike in a quarter of the steps, for several tau, beside the score of
unrelated trains of the same rate, which is what a larger tau costs. Writes
``fig3.png`` and ``fig3.csv``.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from brian_siamsnn.matching.similarity import matching_kernel
from brian_siamsnn.palette import BLACK, PALETTE

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--steps", type=int, default=20)
parser.add_argument("--trials", type=int, default=500, help="random trains behind each mean")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/fig3"))
arguments = parser.parse_args()
if arguments.steps < 6:
    parser.error(f"--steps: the trains of the picture need 6 or more, got {arguments.steps}")
T, rng = arguments.steps, np.random.default_rng(arguments.seed)
TAUS, JITTERS = (0, 1, 2, 3), range(5)


def score(z, x, tau):
    """Eq. 8 for single trains: sum_t sum_m k_tau(t - m) z(m) x(t) / 2T."""
    return x @ matching_kernel("tsm", T, tau) @ z / (2 * T)


def train(steps):
    """A train with spikes of amplitude 1 in these steps."""
    result = np.zeros(T)
    result[steps] = 1
    return result


# Upper panel: three trains.
fires = np.arange(2, T - 3, 7)
shown = {"z": train(fires), "x, 1 late": train(fires + 1), "x, 3 late": train(fires + 3)}
z = shown["z"]
figure = Figure(figsize=(9, 5.6), layout="constrained")
panels = figure.subplot_mosaic(
    [["trains", "scores"], ["jitter", "jitter"]], height_ratios=[1, 2], width_ratios=[2.4, 1]
)
above, scores, below = panels.values()
for row, spikes in enumerate(shown.values()):
    above.vlines(np.flatnonzero(spikes), -row - 0.35, -row + 0.35, color=PALETTE[row], lw=3)
    for column, tau in enumerate(TAUS):
        scores.text(column, -row, f"{score(z, spikes, tau):.3f}", va="center", ha="center", fontsize=9)
for step in np.flatnonzero(z):
    above.axvspan(step - 1.5, step + 1.5, color=PALETTE[0], alpha=0.12, lw=0)
scores.set(
    xlim=(-0.6, len(TAUS) - 0.4),
    ylim=(-2.6, 0.6),
    yticks=[],
    xticks=range(len(TAUS)),
    xticklabels=[f"$\\tau$ = {tau}" for tau in TAUS],
    title="M(z, x), Eq. 8",
)
scores.tick_params(length=0)
scores.spines[:].set_visible(False)
above.set(
    yticks=[0, -1, -2],
    yticklabels=list(shown),
    xlim=(-0.6, T - 0.4),
    ylim=(-2.6, 0.6),
    xticks=range(0, T, 2),
    xlabel="time step (shaded: response period of z, $\\tau$ = 1)",
)

# Lower panel: jitter against score.
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
    strangers = []
    for _ in range(arguments.trials):
        a, b = (train(np.flatnonzero(rng.random(T) < 0.25)) for _ in range(2))
        if a.any():
            strangers.append(score(a, b, tau) / score(a, a, tau))
    colour = PALETTE[tau]
    below.plot(JITTERS, means, "o-", color=colour, label=f"$\\tau$ = {tau}")
    below.axhline(np.mean(strangers), color=colour, ls=":", lw=1.2)
    rows += [[tau, jitter, mean, np.mean(strangers)] for jitter, mean in zip(JITTERS, means, strict=True)]
below.plot([], [], ":", color=BLACK, label="unrelated trains")
below.set(
    xlabel="spikes moved by up to (steps)",
    ylabel="share of the train's own score",
    ylim=(0, 1.05),
    xticks=list(JITTERS),
)
below.legend(frameon=False, ncols=5, fontsize=9)

arguments.output.mkdir(parents=True, exist_ok=True)
figure.savefig(arguments.output / "fig3.png", dpi=110)
with open(arguments.output / "fig3.csv", "w", newline="", encoding="utf-8") as file:
    csv.writer(file).writerows([["tau", "jitter", "share_of_own_score", "unrelated"], *rows])
for tau in TAUS:
    shares = [row[2] for row in rows if row[0] == tau]
    print(
        f"tau = {tau}: jitter 0 to 4 leaves {', '.join(f'{s:.2f}' for s in shares)}; unrelated "
        f"{next(row[3] for row in rows if row[0] == tau):.2f}"
    )
print(f"fig3.png and fig3.csv are in {arguments.output}")
