"""Numbers of networks that are too large for files of their weights, or that torchvision lacks.

    python networks.py              writes ../fixtures/networks.json

Weights and inputs are not in the file: `tensor` computes each element from the tensor's name and its
place, and tests/tests/networks_pytorch does the same. What is expected are logits in evaluation mode,
and logits, some gradients and running statistics in training mode, in float64; PyTorch's own float32
must be near, in training less so: a deep network magnifies what normalization rounds.

ResNet-50 is torchvision's. PyramidNet is that of Han et al. 2017 (arXiv 1610.02915) with the names
and the rounding of github.com/dyhan0920/PyramidNet-PyTorch, and ShakeDrop (Yamada et al. 2018, arXiv
1802.02375) in evaluation, or, in training, where it keeps all blocks. Shake-Shake is that of Gastaldi
2017 (arXiv 1705.07485) with the names of github.com/hysts/pytorch_shake_shake, and the 16 channels behind
the first convolution that Gastaldi and the authors of SAM have. Versions: requirements.txt.
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"


def hashed(name, count):
    """Numbers in [-1, 1), by the tensor's name: a hash of 32 bits (FNV-1a), and for each element another
    that mixes it with the place (github.com/skeeto/hash-prospector)."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = (seed ^ byte) * 0x01000193 & 0xFFFFFFFF
    with np.errstate(over="ignore"):
        x = np.uint32(seed) + np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9)
        x ^= x >> np.uint32(16)
        x *= np.uint32(0x7FEB352D)
        x ^= x >> np.uint32(15)
        x *= np.uint32(0x846CA68B)
        x ^= x >> np.uint32(16)
    return x.astype(np.float64) / 2**31 - 1


def tensor(name, shape):
    """The tensor of this name: kernels and weights with variance 1 / inputs, scales around 1."""
    u = hashed(name, int(np.prod(shape)))
    field = name.rsplit(".", 1)[-1]
    if field == "weight" and len(shape) > 1:
        u = u * np.sqrt(3 / np.prod(shape[1:]))
    elif field == "weight":
        u = 1 + 0.3 * u
    elif field == "running_var":
        u = 1 + 0.5 * u
    elif field in ("bias", "running_mean"):
        u = 0.2 * u
    return torch.from_numpy(u.astype(np.float32).reshape(shape))


def fill(model):
    state = model.state_dict()
    counted = [name for name in state if name.endswith("num_batches_tracked")]
    filled = {name: tensor(name, t.shape) for name, t in state.items() if name not in counted}
    model.load_state_dict(filled | {name: state[name] for name in counted})


class PyramidBlock(nn.Module):
    """norm, two or three convolutions with norms behind and ReLU between them, times a factor; beside it the
    input, pooled and with channels of zeros."""

    def __init__(self, inputs, width, stride, bottleneck, keep):
        super().__init__()
        self.keep, self.stride, self.outputs = keep, stride, width * (4 if bottleneck else 1)
        sizes = [(inputs, width, 3, stride), (width, width, 3, 1)]
        if bottleneck:
            sizes = [(inputs, width, 1, 1), (width, width, 3, stride), (width, self.outputs, 1, 1)]
        self.bn1 = nn.BatchNorm2d(inputs)
        self.layers = len(sizes)
        for i, (a, b, side, step) in enumerate(sizes, 1):
            conv = nn.Conv2d(a, b, side, stride=step, padding=side // 2, bias=False)
            self.add_module(f"conv{i}", conv)
            self.add_module(f"bn{i + 1}", nn.BatchNorm2d(b))

    def forward(self, x):
        y = self.bn1(x)
        for i in range(1, self.layers + 1):
            y = self.get_submodule(f"bn{i + 1}")(self.get_submodule(f"conv{i}")(y))
            if i < self.layers:
                y = y.relu()
        if self.stride == 2:
            x = F.avg_pool2d(x, 2)
        x = F.pad(x, (0, 0, 0, 0, 0, self.outputs - x.shape[1]))
        # What is expected of ShakeDrop's factor; in training, all blocks are kept here.
        return x + (y if self.training else self.keep * y)


class PyramidNet(nn.Module):
    def __init__(self, depth, alpha, bottleneck=False, classes=10, keep_last=0.5):
        super().__init__()
        n = (depth - 2) // (9 if bottleneck else 6)
        assert depth == (9 if bottleneck else 6) * n + 2
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        inputs, k = 16, 0
        for stage in range(3):
            blocks = nn.Sequential()
            for i in range(n):
                k += 1
                keep = 1 - k / (3 * n) * (1 - keep_last)
                width = int(round(16 + alpha * k / (3 * n)))
                stride = 2 if stage > 0 and i == 0 else 1
                blocks.append(PyramidBlock(inputs, width, stride, bottleneck, keep))
                inputs = blocks[-1].outputs
            self.add_module(f"layer{stage + 1}", blocks)
        self.bn_final = nn.BatchNorm2d(inputs)
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = self.bn1(self.conv1(x))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(self.bn_final(x).relu().mean((2, 3)))


class ResidualPath(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return self.bn2(self.conv2(self.bn1(self.conv1(x.relu())).relu()))


class TwoPaths(nn.Module):
    """Two convolutions of 1 x 1, the second of the image shifted by a pixel, side by side."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.stride = stride
        self.conv1 = nn.Conv2d(inputs, outputs // 2, 1, bias=False)
        self.conv2 = nn.Conv2d(inputs, outputs // 2, 1, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x):
        x = x.relu()
        shifted = F.pad(x[:, :, 1:, 1:], (0, 1, 0, 1))
        paths = [
            conv(F.avg_pool2d(y, 1, self.stride)) for conv, y in [(self.conv1, x), (self.conv2, shifted)]
        ]
        return self.bn(torch.cat(paths, 1))


class ShakeBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual_path1 = ResidualPath(inputs, outputs, stride)
        self.residual_path2 = ResidualPath(inputs, outputs, stride)
        self.shortcut = nn.Sequential()
        if inputs != outputs:
            self.shortcut.add_module("downsample", TwoPaths(inputs, outputs, stride))

    def forward(self, x):
        return self.shortcut(x) + (self.residual_path1(x) + self.residual_path2(x)) / 2


class ShakeShake(nn.Module):
    def __init__(self, depth, width, classes=10):
        super().__init__()
        n = (depth - 2) // 6
        assert depth == 6 * n + 2
        self.conv, self.bn = nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
        inputs = 16
        for stage in range(3):
            blocks = nn.Sequential()
            for i in range(n):
                stride = 2 if stage > 0 and i == 0 else 1
                blocks.add_module(f"block{i + 1}", ShakeBlock(inputs, width << stage, stride))
                inputs = width << stage
            self.add_module(f"stage{stage + 1}", blocks)
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = self.stage3(self.stage2(self.stage1(self.bn(self.conv(x)))))
        return self.fc(x.relu().mean((2, 3)))


def digits(t):
    return [float(f"{v:.9g}") for v in t.double().flatten().tolist()]


def near(wide, narrow, most, what):
    off = ((wide - narrow).abs().max() / wide.abs().max()).item()
    print(f"  {what}: float32 is off by {off:.1e}")
    assert off < most, what


def results(build, side, precision, gradients, statistics):
    model = build()
    fill(model)
    model.to(precision)
    images = tensor("input", (2, 3, side, side)).to(precision)
    found = {}
    with torch.no_grad():
        found["evaluation"] = model.eval()(images)
    if gradients:
        batch = tensor("batch", (4, 3, side, side)).to(precision)
        logits = model.train()(batch)
        (logits * tensor("loss", logits.shape).to(precision)).sum().backward()
        found["training"] = logits.detach()
        parameters = dict(model.named_parameters())
        found |= {f"gradient of {name}": parameters[name].grad.flatten()[:8] for name in gradients}
        found |= {f"{name} after": model.state_dict()[name].flatten()[:8] for name in statistics}
    return found


def case(build, side, gradients=(), statistics=()):
    wide, narrow = (
        results(build, side, precision, gradients, statistics) for precision in (torch.float64, torch.float32)
    )
    for what, values in wide.items():
        near(values, narrow[what], 1e-5 if what == "evaluation" else 1e-2, what)
    return {"side": side} | {what: digits(values) for what, values in wide.items()}


def size(model):
    return sum(p.numel() for p in model.parameters())


def main():
    cases = {
        "resnet50": case(
            lambda: torchvision.models.resnet50(num_classes=10),
            64,
            ["conv1.weight", "layer2.0.conv2.weight", "layer2.0.downsample.1.weight", "fc.weight"],
            ["bn1.running_mean", "layer4.2.bn3.running_var"],
        ),
        "pyramidnet_20_24": case(
            lambda: PyramidNet(20, 24),
            16,
            ["conv1.weight", "layer2.0.conv1.weight", "layer3.2.bn3.weight", "fc.weight"],
            ["bn1.running_mean", "bn_final.running_var"],
        ),
        "pyramidnet_29_20_bottleneck": case(
            lambda: PyramidNet(29, 20, bottleneck=True),
            16,
            ["conv1.weight", "layer2.0.conv2.weight", "layer3.2.bn4.weight", "fc.weight"],
            ["bn1.running_mean", "bn_final.running_var"],
        ),
        "shakeshake_14_8": case(lambda: ShakeShake(14, 8), 16),
    }
    with torch.device("meta"):
        sizes = {
            "pyramidnet_110_270": size(PyramidNet(110, 270)),
            "pyramidnet_272_200": size(PyramidNet(272, 200, bottleneck=True)),
            "shakeshake_26_96": size(ShakeShake(26, 96)),
        }
    versions = {package: version(package).split("+")[0] for package in ("torch", "torchvision")}
    lines = [f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in cases.items()]
    path = FIXTURES / "networks.json"
    path.write_text(
        "{\n"
        ' "generated_by": "tests/peers/networks.py",\n'
        f' "versions": {json.dumps(versions)},\n'
        f' "sizes": {json.dumps(sizes)},\n'
        ' "cases": {\n' + ",\n".join(lines) + "\n }\n}\n"
    )
    print(f"{path.name}: {path.stat().st_size} bytes")
    print(sizes)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
