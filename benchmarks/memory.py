"""Resident memory of a tracking run, frame by frame: it must not grow with the length of the run.

    python benchmarks/memory.py [--frames 2000] [--steps 5] [--scales 1] [--output FOLDER]

Tracks the synthetic sequence, slowed down to the given number of frames, and writes boxes and video like the command
'track'. Fits a line to the resident memory after the first fifth of the frames and prints its slope. Writes memory.csv
and memory.png. Linux only (/proc).
"""

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

import brian_siamsnn as bs
from brian_siamsnn.defaults import MODEL
from brian_siamsnn.environment import quiet
from brian_siamsnn.palette import BLUE, VERMILION
from brian_siamsnn.sequences.synthetic import SyntheticSequence
from brian_siamsnn.tracking.tracker import SCALES


def resident_mib():
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def figure(memory, settled, line, title):
    result = Figure(figsize=(7, 3.2), layout="constrained")
    axes = result.add_subplot()
    axes.plot(memory, color=BLUE, linewidth=1.2, label="resident memory")
    ends = [settled, len(memory) - 1]
    label = f"{1000 * line[0]:+.2f} MiB per 1000 frames"
    axes.plot(ends, np.polyval(line, ends), color=VERMILION, linestyle="--", label=label)
    axes.set(xlabel="frame", ylabel="MiB", ylim=(0, 1.3 * max(memory)), xlim=(0, len(memory)), title=title)
    axes.legend(loc="lower right", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--scales", type=int, choices=SCALES, default=1)
    parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output") / "memory")
    arguments = parser.parse_args()
    quiet()

    settings = {name: getattr(arguments, name) for name in ("model", "steps", "scales")}
    tracker, sequence = bs.TrackerConfig(**settings).build_tracker(), SyntheticSequence(frames=arguments.frames)
    memory = []
    with tempfile.TemporaryDirectory() as folder, tqdm(total=arguments.frames, unit=" frames", disable=None) as bar:

        def progress():
            memory.append(resident_mib())
            bar.update()

        bs.track(sequence, tracker, output=folder, progress=progress)

    settled = len(memory) // 5
    line = np.polyfit(np.arange(settled, len(memory)), memory[settled:], 1)
    print(
        f"{memory[0]:.1f} MiB after the first frame, {memory[settled]:.1f} after frame {settled}, "
        f"{memory[-1]:.1f} after the last, {max(memory):.1f} at most; "
        f"slope {1000 * line[0]:+.3f} MiB per 1000 frames"
    )
    arguments.output.mkdir(parents=True, exist_ok=True)
    table, head = np.c_[np.arange(len(memory)), memory], "frame,resident_mib"
    np.savetxt(arguments.output / "memory.csv", table, fmt="%.6g", delimiter=",", header=head, comments="")
    title = f"{arguments.model}, T={arguments.steps}, scales={arguments.scales}"
    figure(memory, settled, line, title).savefig(arguments.output / "memory.png", dpi=110)


if __name__ == "__main__":
    main()
