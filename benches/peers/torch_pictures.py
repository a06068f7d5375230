"""torchvision's input pipeline for ImageNet, for `picture-speed`: JPEG files in folders, transforms, batches.

Speaks lines on stdin and stdout:

    versions                        -> torch 2.15.0, torchvision 0.29.2, Pillow 12.0.0
    make FOLDER CLASSES EACH        -> writes that many pictures of 500 x 375; their size in bytes, on average
    epoch FOLDER STEPS DECODER N    -> images per second over one epoch of batches of 64, by N workers
    quit

STEPS are `crop` (random resized crop to 224 x 224, flip), `jitter` (and colours), `rand` (and RandAugment). DECODER is
`pil` (ImageFolder's default) or `tensor` (`torchvision.io`, and transforms on tensors). All of them end with the
normalized numbers. Workers stay from epoch to epoch (`persistent_workers`), so that starting them is not timed.
"""

import pathlib
import sys
import time

import numpy as np
import PIL
import torch
import torchvision
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms import v2

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
WIDTH, HEIGHT = 500, 375


def picture(rng):
    """Something with the statistics of a photograph: noise of all sizes, the large ones strongest."""
    total = np.zeros((HEIGHT, WIDTH, 3))
    for size in [4, 8, 16, 32, 64, 128, 256]:
        grid = rng.normal(size=(max(2, HEIGHT * size // WIDTH), size, 3)).astype(np.float32)
        # Colours change less than brightness.
        grid = grid.mean(axis=2, keepdims=True) * 1.5 + grid * 0.3
        layers = [Image.fromarray(grid[..., c]).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC) for c in range(3)]
        total += np.stack([np.asarray(layer) for layer in layers], axis=2) * size**-0.65
    total = 128 + 150 * total
    return Image.fromarray(total.clip(0, 255).astype(np.uint8))


def make(folder, classes, each):
    rng = np.random.default_rng(0)
    sizes = []
    for label in range(classes):
        below = pathlib.Path(folder) / f"class{label}"
        below.mkdir(parents=True, exist_ok=True)
        for number in range(each):
            path = below / f"picture{number:04}.jpg"
            picture(rng).save(path, quality=90)
            sizes.append(path.stat().st_size)
    return sum(sizes) / len(sizes)


def transform(steps, decoder):
    chosen = [v2.RandomResizedCrop(224, antialias=True), v2.RandomHorizontalFlip()]
    if steps == "jitter":
        chosen.append(v2.ColorJitter(0.4, 0.4, 0.4, 0.1))
    if steps == "rand":
        chosen.append(v2.RandAugment(2, 9))
    if decoder == "pil":
        chosen.append(v2.PILToTensor())
    return v2.Compose([*chosen, v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)])


def loader(folder, steps, decoder, workers):
    reader = {} if decoder == "pil" else {"loader": lambda path: decode_image(path, mode=ImageReadMode.RGB)}
    data = ImageFolder(folder, transform=transform(steps, decoder), **reader)
    return DataLoader(
        data,
        batch_size=64,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )


def main():
    torch.set_num_threads(2)
    loaders = {}
    for line in sys.stdin:
        words = line.split()
        if words == ["quit"]:
            break
        if words == ["versions"]:
            versions = f"torch {torch.__version__}, torchvision {torchvision.__version__}, Pillow {PIL.__version__}"
            print(versions, flush=True)
            continue
        if words[0] == "make":
            print(make(words[1], int(words[2]), int(words[3])), flush=True)
            continue
        folder, steps, decoder, workers = words[1:]
        key = (steps, decoder, workers)
        # Only one set of workers at a time.
        if key not in loaders:
            loaders = {key: loader(folder, steps, decoder, int(workers))}
        seen = 0
        start = time.perf_counter()
        for x, _ in loaders[key]:
            seen += len(x)
        print(seen / (time.perf_counter() - start), flush=True)


if __name__ == "__main__":
    main()
