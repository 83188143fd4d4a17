"""Fuzz every entry point at length, and report the refused inputs and their messages.

    python -m tests.fuzz [--examples 1000] [--seed 0] [--output FOLDER] [TARGET ...]

Prints the numbers of examples and refusals and the seconds per target, and writes messages.csv: each message with its
shortest example and its count. If a target fails, its shortest failing example is printed and the exit code is 1.
"""

import argparse
import csv
import sys
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

import cv2
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from .messages import readable, template
from .targets import TARGETS, attempt


def run(target, examples, number, messages, shortest):
    """The numbers of examples tried and refused, and the failure, if any."""
    tried = Counter()

    @seed(number)
    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def check(data):
        tried["examples"] += 1
        message = attempt(target, data)
        if message is not None:
            tried["refused"] += 1
            kind = target, template(message)
            messages[kind] += 1
            shortest[kind] = min(message, shortest.get(kind, message), key=readable)

    try:
        check()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        traceback.print_exc()
        tried["failed"] = 1
    return tried


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--examples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output") / "fuzz")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    (cv2.setLogLevel if hasattr(cv2, "setLogLevel") else cv2.utils.logging.setLogLevel)(0)
    messages, shortest, failed = Counter(), {}, 0
    for target in arguments.targets or TARGETS:
        began = time.perf_counter()
        tried = run(target, arguments.examples, arguments.seed, messages, shortest)
        failed += tried["failed"]
        print(
            f"{target:<18}{tried['examples']:>7} examples{tried['refused']:>7} refused"
            f"{time.perf_counter() - began:>7.0f} s  {'FAILED' if tried['failed'] else ''}",
            flush=True,
        )
    arguments.output.mkdir(parents=True, exist_ok=True)
    with open(arguments.output / "messages.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["target", "count", "message"])
        writer.writerows([kind[0], count, shortest[kind]] for kind, count in sorted(messages.items()))
    print(f"{len(messages)} messages in {arguments.output / 'messages.csv'}")
    sys.exit(1 if failed else 0)


main()
