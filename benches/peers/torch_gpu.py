"""Training steps in PyTorch (eager) on a GPU: the other side of `../gpu.sh`. The networks and shapes of
`../src/gpu.rs`, with a SAM optimizer of the usual kind. Prints one line of JSON for each network.

    torch_gpu.py [quick]
"""

import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F

from torch_networks import cnn, mlp, resnet20, wrn_16_4

BATCH = 128
CLASSES = 10
LR = 0.01
RHO = 0.05
ROUNDS = 21
STEPS = 10


class SAM(torch.optim.Optimizer):
    """As it is usually written: norms of all gradients stacked, weights kept and put back."""

    def __init__(self, params, base, rho, **kwargs):
        super().__init__(params, dict(rho=rho, **kwargs))
        self.base = base(self.param_groups, **kwargs)
        self.param_groups = self.base.param_groups

    @torch.no_grad()
    def first_step(self):
        gradients = [p.grad for group in self.param_groups for p in group["params"]]
        norm = torch.norm(torch.stack([g.norm(p=2) for g in gradients]), p=2)
        for group in self.param_groups:
            scale = group["rho"] / (norm + 1e-12)
            for p in group["params"]:
                self.state[p]["old"] = p.data.clone()
                p.add_(p.grad * scale)
        self.zero_grad()

    @torch.no_grad()
    def second_step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.data = self.state[p]["old"]
        self.base.step()
        self.zero_grad()


NETWORKS = {
    "mlp": (mlp, (784,)),
    "cnn": (cnn, (1, 28, 28)),
    "resnet20": (resnet20, (3, 32, 32)),
    "wrn-16-4": (wrn_16_4, (3, 32, 32)),
}


def steps_of(build, x, y):
    def base():
        model = build().cuda()
        opt = torch.optim.SGD(model.parameters(), lr=LR)

        def step():
            F.cross_entropy(model(x), y).backward()
            opt.step()
            opt.zero_grad()

        return step, sum(p.numel() for p in model.parameters())

    def sam():
        model = build().cuda()
        opt = SAM(model.parameters(), torch.optim.SGD, rho=RHO, lr=LR)

        def step():
            F.cross_entropy(model(x), y).backward()
            opt.first_step()
            F.cross_entropy(model(x), y).backward()
            opt.second_step()

        return step, None

    return base, sam


def timed(step):
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(STEPS):
        step()
    torch.cuda.synchronize()
    return (time.perf_counter() - start) * 1e3 / STEPS


def launches(step):
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU]) as profiler:
        step()
        torch.cuda.synchronize()
    return sum(e.count for e in profiler.key_averages() if "LaunchKernel" in e.key)


def main():
    rounds = 1 if "quick" in sys.argv else ROUNDS
    print(
        json.dumps(
            {
                "torch": torch.__version__,
                "card": torch.cuda.get_device_name(),
                "cudnn": torch.backends.cudnn.version(),
            }
        )
    )
    for name, (build, shape) in NETWORKS.items():
        x = torch.randn(BATCH, *shape, device="cuda")
        y = (torch.arange(BATCH) % CLASSES).cuda()
        base, sam = steps_of(build, x, y)
        # PyTorch's own setting, and that without TF32, as this project computes.
        for tf32 in (True, False):
            torch.backends.cudnn.allow_tf32 = tf32
            torch.cuda.reset_peak_memory_stats()
            (base_step, parameters), (sam_step, _) = base(), sam()
            timed(base_step), timed(sam_step)
            times = [(timed(base_step), timed(sam_step)) for _ in range(rounds)]
            print(
                json.dumps(
                    {
                        "network": name,
                        "tf32": tf32,
                        "parameters": parameters,
                        "base_ms": statistics.median(t[0] for t in times),
                        "sam_ms": statistics.median(t[1] for t in times),
                        "memory_mib": torch.cuda.max_memory_reserved() >> 20,
                        "base_launches": launches(base_step),
                        "sam_launches": launches(sam_step),
                    }
                ),
                flush=True,
            )


if __name__ == "__main__":
    main()
