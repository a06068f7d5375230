"""Training steps in PyTorch, on the CPU, for `compare`: the same networks, batches and optimizers as in
`../src/steps.rs`. What it is asked, and answers: see `orders.py`.

    torch_steps.py eager FOLDER         operation by operation; SAM from the package pytorch_optimizer
    torch_steps.py compiled FOLDER      the passes, SAM's perturbation and the update by torch.compile
"""

import os

import torch
import torch.nn.functional as F
from orders import LR, RHO, arguments, images, labels, serve, weights
from pytorch_optimizer import SAM
from torch_networks import cnn, mlp, resnet20, wrn_16_4

NETWORKS = {"mlp": mlp, "cnn": cnn, "resnet20": resnet20, "wrn-16-4": wrn_16_4}
LAYOUTS = {
    "contiguous": torch.contiguous_format,
    "channels_last": torch.channels_last,
}


class Training:
    """One network and its data."""

    def __init__(self, folder, network, layout):
        self.x = torch.from_numpy(images(folder, network))
        self.y = torch.from_numpy(labels())
        self.model = NETWORKS[network]()
        if self.x.dim() == 4:
            self.x = self.x.to(memory_format=LAYOUTS[layout])
            self.model.to(memory_format=LAYOUTS[layout])
        self.parameters = list(self.model.parameters())
        sizes = [p.numel() for p in self.parameters]
        numbers = torch.from_numpy(weights(folder, network))
        with torch.no_grad():
            for p, values in zip(self.parameters, numbers.split(sizes), strict=True):
                p.copy_(values.view_as(p))

    def loss(self, x, y):
        return F.cross_entropy(self.model(x), y)

    def steps(self, count):
        for _ in range(count):
            self.step()

    def weights(self):
        return [p.detach().contiguous().numpy() for p in self.parameters]


class Eager(Training):
    def __init__(self, folder, network, layout, step):
        super().__init__(folder, network, layout)
        if step == "base":
            self.opt = torch.optim.SGD(self.parameters, lr=LR)
            self.step = self.base
        else:
            self.opt = SAM(self.parameters, torch.optim.SGD, rho=RHO, lr=LR)
            self.step = self.sam

    def backward(self):
        self.loss(self.x, self.y).backward()

    def base(self):
        self.backward()
        self.opt.step()
        self.opt.zero_grad()

    def sam(self):
        self.backward()
        self.opt.first_step(zero_grad=True)
        self.backward()
        self.opt.second_step(zero_grad=True)


def update(parameters, saved, gradients):
    """SGD, from the weights `saved`."""
    for p, begin, g in zip(parameters, saved, gradients, strict=True):
        p.copy_(begin - LR * g)


def climb(parameters, gradients):
    """SAM's perturbation; gives what the weights were."""
    norm = torch.stack([g.square().sum() for g in gradients]).sum().sqrt()
    saved = [p.clone() for p in parameters]
    for p, g in zip(parameters, gradients, strict=True):
        p.add_(g * (RHO / (norm + 1e-12)))
    return saved


class Compiled(Training):
    def __init__(self, folder, network, layout, step):
        super().__init__(folder, network, layout)
        # A part that isn't compiled is an error.
        self.loss = torch.compile(self.loss, fullgraph=True)
        self.update = torch.compile(torch.no_grad(update), fullgraph=True)
        self.climb = torch.compile(torch.no_grad(climb), fullgraph=True)
        self.step = self.base if step == "base" else self.sam

    def gradients(self):
        return torch.autograd.grad(self.loss(self.x, self.y), self.parameters)

    def base(self):
        self.update(self.parameters, self.parameters, self.gradients())

    def sam(self):
        saved = self.climb(self.parameters, self.gradients())
        self.update(self.parameters, saved, self.gradients())


def main():
    kind, folder = arguments()
    # What is compiled goes with the folder.
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder / "inductor")
    torch.set_num_threads(2)
    training = {"eager": Eager, "compiled": Compiled}[kind]
    serve(("torch", "pytorch_optimizer"), folder, lambda *key: training(folder, *key))


if __name__ == "__main__":
    main()
