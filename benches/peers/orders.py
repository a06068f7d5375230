"""What the workers of `compare` that are written in Python share: their orders, and the files in the folder that
the driver names.

They speak lines on stdin and stdout, and sleep in between:

    versions                                 -> torch 2.15.0, pytorch_optimizer 3.11.0
    run NETWORK LAYOUT base|sam STEPS        -> milliseconds per step, or "failed" and why
    save NETWORK LAYOUT base|sam FILE        -> how many numbers are trained; they are then in the file
    quit

NETWORK is mlp, cnn, resnet20 or wrn-16-4; LAYOUT, contiguous or channels_last. Every training begins with the
weights in `FOLDER/NETWORK.weights` and the images in `FOLDER/NETWORK.images`: f32, little-endian, one tensor after
the other as PyTorch lists and lays them out.
"""

import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

BATCH = 128
CLASSES = 10
LR = 0.01
RHO = 0.05

SHAPES = {
    "mlp": (784,),
    "cnn": (1, 28, 28),
    "resnet20": (3, 32, 32),
    "wrn-16-4": (3, 32, 32),
}


def images(folder, network):
    """A batch, as PyTorch lays it out."""
    numbers = np.fromfile(folder / f"{network}.images", np.float32)
    return numbers.reshape(BATCH, *SHAPES[network])


def labels():
    return np.arange(BATCH) % CLASSES


def weights(folder, network):
    """All weights, one after the other."""
    return np.fromfile(folder / f"{network}.weights", np.float32)


def serve(packages, folder, begin):
    """Does what stdin says, until it ends. `begin(network, layout, step)` gives a training, whose `steps(count)` are
    timed, and whose `weights()` are arrays in PyTorch's order and layout."""
    trainings = {}

    def training(*key):
        if key not in trainings:
            trainings[key] = begin(*key)
        return trainings[key]

    for line in sys.stdin:
        match line.split():
            case ["versions"]:
                answer = ", ".join(f"{name} {version(name)}" for name in packages)
            case ["run", network, layout, ("base" | "sam") as step, steps]:
                # A compiler may be missing, or fail: the driver says so.
                try:
                    steps = int(steps)
                    work = training(network, layout, step)
                    start = time.perf_counter()
                    work.steps(steps)
                    answer = (time.perf_counter() - start) * 1e3 / steps
                except Exception as error:
                    reason = " ".join(str(error).split())
                    answer = f"failed {type(error).__name__}: {reason[:300]}"
            case ["save", network, layout, step, file]:
                tensors = training(network, layout, step).weights()
                numbers = np.concatenate([tensor.ravel() for tensor in tensors])
                numbers.astype(np.float32).tofile(folder / file)
                answer = numbers.size
            case ["quit"]:
                return
            case _:
                sys.exit(f"{sys.argv[0]}: what is {line.strip()!r}?")
        print(answer, flush=True)


def arguments():
    """Those behind the script's name; the last one is the folder."""
    *words, folder = sys.argv[1:]
    return *words, Path(folder)
