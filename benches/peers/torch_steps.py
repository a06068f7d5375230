"""Training steps in PyTorch, on the CPU, for `compare`: the same networks, shapes and optimizer as in
`../src/steps.rs`, with SAM from the package pytorch_optimizer.

Speaks lines on stdin and stdout, and sleeps in between:

    versions                                 -> torch 2.15.0, pytorch_optimizer 3.11.0
    parameters NETWORK LAYOUT                -> how many numbers are trained
    run NETWORK LAYOUT base|sam STEPS        -> milliseconds per step
    quit

NETWORK is mlp, cnn or resnet20, LAYOUT is contiguous or channels_last.
"""

import sys
import time
from importlib.metadata import version

import torch
import torch.nn.functional as F
from pytorch_optimizer import SAM
from torch_networks import cnn, mlp, resnet20

BATCH = 128
CLASSES = 10
LR = 0.01
RHO = 0.05

NETWORKS = {
    "mlp": (mlp, (784,)),
    "cnn": (cnn, (1, 28, 28)),
    "resnet20": (resnet20, (3, 32, 32)),
}
LAYOUTS = {
    "contiguous": torch.contiguous_format,
    "channels_last": torch.channels_last,
}


class Training:
    """One network, its data and its optimizer."""

    def __init__(self, network, layout, step):
        build, shape = NETWORKS[network]
        self.x = torch.randn(BATCH, *shape)
        self.y = torch.arange(BATCH) % CLASSES
        self.model = build()
        if len(shape) == 3:
            self.x = self.x.to(memory_format=LAYOUTS[layout])
            self.model.to(memory_format=LAYOUTS[layout])
        parameters = self.model.parameters()
        if step == "base":
            self.opt = torch.optim.SGD(parameters, lr=LR)
            self.step = self.base
        else:
            self.opt = SAM(parameters, torch.optim.SGD, rho=RHO, lr=LR)
            self.step = self.sam

    def backward(self):
        F.cross_entropy(self.model(self.x), self.y).backward()

    def base(self):
        self.backward()
        self.opt.step()
        self.opt.zero_grad()

    def sam(self):
        self.backward()
        self.opt.first_step(zero_grad=True)
        self.backward()
        self.opt.second_step(zero_grad=True)


def main():
    torch.set_num_threads(2)
    torch.manual_seed(0)
    trainings = {}

    for line in sys.stdin:
        match line.split():
            case ["versions"]:
                packages = ("torch", "pytorch_optimizer")
                answer = ", ".join(f"{name} {version(name)}" for name in packages)
            case ["parameters", network, layout]:
                model = Training(network, layout, "base").model
                answer = sum(p.numel() for p in model.parameters())
            case ["run", network, layout, ("base" | "sam") as step, steps]:
                key = network, layout, step
                if key not in trainings:
                    trainings[key] = Training(*key)
                training = trainings[key]
                steps = int(steps)
                start = time.perf_counter()
                for _ in range(steps):
                    training.step()
                answer = (time.perf_counter() - start) * 1e3 / steps
            case ["quit"]:
                return
            case _:
                sys.exit(f"torch_steps.py: what is {line.strip()!r}?")
        print(answer, flush=True)


if __name__ == "__main__":
    main()
