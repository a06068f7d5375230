"""PyTorch's DataLoader, for `loader-speed`: CIFAR's usual transforms on 10,000 images in memory.

Speaks lines on stdin and stdout:

    versions        -> torch 2.15.0, torchvision 0.30.0
    epoch WORKERS   -> images per second over one epoch, with this many workers
    quit

Workers stay from epoch to epoch (`persistent_workers`), so that starting them is not timed.
"""

import sys
import time

import torch
import torchvision
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

IMAGES = 10_000
MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.2470, 0.2435, 0.2616)


class Images(Dataset):
    """Images of noise, as 8-bit tensors: decoding is not what is compared."""

    def __init__(self):
        generator = torch.Generator().manual_seed(0)
        self.images = torch.randint(0, 256, (IMAGES, 3, 32, 32), dtype=torch.uint8, generator=generator)
        self.transform = v2.Compose(
            [
                v2.RandomCrop(32, padding=4),
                v2.RandomHorizontalFlip(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(MEAN, STD),
            ]
        )

    def __len__(self):
        return IMAGES

    def __getitem__(self, index):
        return self.transform(self.images[index]), index % 10


def loader(workers):
    return DataLoader(
        Images(),
        batch_size=128,
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
            print(f"torch {torch.__version__}, torchvision {torchvision.__version__}", flush=True)
            continue
        workers = int(words[1])
        if workers not in loaders:
            loaders[workers] = loader(workers)
        seen = 0
        start = time.perf_counter()
        for x, _ in loaders[workers]:
            seen += len(x)
        print(seen / (time.perf_counter() - start), flush=True)


if __name__ == "__main__":
    main()
