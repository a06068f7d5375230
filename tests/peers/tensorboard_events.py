"""Reads a run's event files with TensorBoard's own reader, and compares with its metrics.jsonl.

    python tensorboard_events.py FOLDER

FOLDER holds `events.out.tfevents.*` and `metrics.jsonl` of one run, resumed any number of times.
"""

import json
import math
import struct
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator


def as_f32(value):
    """The number as the event file keeps it."""
    return struct.unpack("<f", struct.pack("<f", float(value)))[0]


def expected(path):
    """Steps and values by tag."""
    fields = {"step", "epoch", "seconds", "split"}
    tags = {}
    for line in path.read_text().splitlines():
        record = json.loads(line)
        for name, value in record.items():
            if name not in fields:
                tags.setdefault(f"{record['split']}/{name}", []).append((record["step"], as_f32(value)))
    return tags


def shown(folder):
    """The same as TensorBoard has it, all points kept."""
    accumulator = EventAccumulator(str(folder), size_guidance={SCALARS: 0})
    accumulator.Reload()
    tags = accumulator.Tags()[SCALARS]
    points = {tag: [(event.step, event.value) for event in accumulator.Scalars(tag)] for tag in tags}
    # A tag whose points are all void keeps its name.
    return {tag: found for tag, found in points.items() if found}


def same(ours, theirs):
    """Equal, NaN included."""
    return len(ours) == len(theirs) and all(
        a[0] == b[0] and (a[1] == b[1] or math.isnan(a[1]) and math.isnan(b[1])) for a, b in zip(ours, theirs)
    )


def main():
    folder = Path(sys.argv[1])
    wanted, found = expected(folder / "metrics.jsonl"), shown(folder)
    if not wanted:
        sys.exit(f"{folder}: metrics.jsonl holds no values")
    if wanted.keys() != found.keys():
        sys.exit(f"{folder}: tags differ: {sorted(wanted)} in metrics.jsonl, {sorted(found)} in TensorBoard")
    for tag in sorted(wanted):
        if not same(wanted[tag], found[tag]):
            sys.exit(f"{folder}: {tag} differs: {wanted[tag]} in metrics.jsonl, {found[tag]} in TensorBoard")
        print(f"{tag}: {len(found[tag])} points")


if __name__ == "__main__":
    main()
