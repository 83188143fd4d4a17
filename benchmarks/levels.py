"""Time and operations of a three-scale frame as a wave of p levels, with each shipped network.

    python benchmarks/levels.py [--levels 2 3 4 8 16] [--frames 20] [--rounds 3] [--threads 2] [--json FILE]

Prints the median time over the frames of the synthetic sequence. All levels take turns, round after round, because a
machine's speed drifts.
"""

import argparse

import numpy as np
from full_size import frame_times
from shared import heading, write_json
from tqdm import tqdm

import brian_siamsnn as bs
from brian_siamsnn.environment import available_threads, quiet

NETWORKS = ("compact", "standard")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--levels", nargs="+", type=int, default=[2, 3, 4, 8, 16])
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=available_threads())
    parser.add_argument("--json")
    arguments = parser.parse_args()
    quiet()

    trackers = {}
    for network in NETWORKS:
        for p in arguments.levels:
            tracker = bs.TrackerConfig(model=network, coding=f"wave:p={p}").build_tracker(threads=arguments.threads)
            tracker.prepare()
            trackers[network, p] = tracker
    seconds, operations = {key: [] for key in trackers}, {}
    for _ in tqdm(range(arguments.rounds), desc="rounds", disable=None):
        for key, tracker in trackers.items():
            times, total = frame_times(tracker, arguments.frames)
            seconds[key] += times
            operations[key] = total / arguments.frames

    print(f"{heading()}; {arguments.threads} threads, medians of {arguments.rounds} x {arguments.frames} frames\n")
    result = {name: getattr(arguments, name) for name in ("frames", "rounds", "threads")}
    for network in NETWORKS:
        result[network] = {
            str(p): {
                "seconds_per_frame": float(np.median(seconds[network, p])),
                "operations_per_frame": operations[network, p],
            }
            for p in arguments.levels
        }
        for p, one in result[network].items():
            print(
                f"{network} p={p}: {1e3 * one['seconds_per_frame']:.1f} ms, {one['operations_per_frame'] / 1e6:.0f} M"
            )
    write_json(arguments.json, result)


if __name__ == "__main__":
    main()
