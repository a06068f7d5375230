"""Files of weights as PyTorch's users have them, their names, and the sizes of published networks.

    python resnet.py                writes ../fixtures/resnet20.safetensors, resnet20_expect.safetensors
                                    and resnet_names.json, which are committed
    python resnet.py FOLDER         writes into FOLDER, for a look by hand (45 and 94 MB each): torchvision's
                                    resnet18 and resnet50, timm's resnet18, and the CIFAR ResNet-20, each
                                    with 10 classes, and expect.safetensors

Weights are PyTorch's initial ones from a fixed seed; four batches of noise in training mode have moved
the running statistics of batch normalization away from 0 and 1, and one step of SGD the rest. What is
expected are logits in evaluation mode, computed in float64 from the float32 weights.

The CIFAR networks are those of He et al. 2015 (arXiv 1512.03385, section 4.2) with the parameter names
of github.com/akamaster/pytorch_resnet_cifar10, whose checkpoints are in wide use; the wide ones those
of Zagoruyko & Komodakis 2016 (arXiv 1605.07146). Versions: requirements.txt.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import timm
import torch
import torch.nn.functional as F
import torchvision
from safetensors.torch import save_file
from torch import nn

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
SEED = 20


def conv3x3(inputs, outputs, stride=1):
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)


class Block(nn.Module):
    """conv - norm - ReLU - conv - norm, plus the input, ReLU. Where the shape changes, the input is
    taken at every second pixel and given channels of zeros, half of them before and half after: the
    paper's option A, which has no parameters."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1, self.bn1 = conv3x3(inputs, outputs, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = conv3x3(outputs, outputs), nn.BatchNorm2d(outputs)
        self.stride, self.zeros = stride, (outputs - inputs) // 2

    def forward(self, x):
        y = self.bn1(self.conv1(x)).relu()
        y = self.bn2(self.conv2(y))
        if self.stride > 1:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.zeros, self.zeros))
        return (y + x).relu()


class CifarResNet(nn.Module):
    """The ResNet for 32x32 images, of 6n + 2 layers: three stages of n blocks, 16, 32, 64 channels."""

    def __init__(self, depth, classes=10):
        super().__init__()
        n = (depth - 2) // 6
        assert depth == 6 * n + 2
        self.conv1, self.bn1 = conv3x3(3, 16), nn.BatchNorm2d(16)
        self.layer1 = self.stage(n, 16, 16, 1)
        self.layer2 = self.stage(n, 16, 32, 2)
        self.layer3 = self.stage(n, 32, 64, 2)
        self.linear = nn.Linear(64, classes)

    @staticmethod
    def stage(n, inputs, outputs, stride):
        first = Block(inputs, outputs, stride)
        return nn.Sequential(first, *(Block(outputs, outputs, 1) for _ in range(n - 1)))

    def forward(self, x):
        x = self.bn1(self.conv1(x)).relu()
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


class WideBlock(nn.Module):
    """norm - ReLU - conv - norm - ReLU - conv, plus the input. Where the shape changes, the sum is with
    a 1x1 convolution of what the first ReLU gave."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), conv3x3(inputs, outputs, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(outputs), conv3x3(outputs, outputs)
        self.shortcut = None
        if inputs != outputs or stride != 1:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)

    def forward(self, x):
        y = self.bn1(x).relu()
        x = x if self.shortcut is None else self.shortcut(y)
        return x + self.conv2(self.bn2(self.conv1(y)).relu())


class WideResNet(nn.Module):
    """WRN-depth-k of 6n + 4 layers: three stages of n blocks, 16k, 32k, 64k channels; no dropout."""

    def __init__(self, depth, k, classes=10):
        super().__init__()
        n = (depth - 4) // 6
        assert depth == 6 * n + 4
        widths = [16, 16 * k, 32 * k, 64 * k]
        self.conv1 = conv3x3(3, 16)
        self.blocks = nn.Sequential(
            *(
                WideBlock(widths[s] if i == 0 else widths[s + 1], widths[s + 1], 2 if s > 0 and i == 0 else 1)
                for s in range(3)
                for i in range(n)
            )
        )
        self.bn = nn.BatchNorm2d(widths[3])
        self.linear = nn.Linear(widths[3], classes)

    def forward(self, x):
        x = self.bn(self.blocks(self.conv1(x))).relu()
        return self.linear(x.mean((2, 3)))


def used(build, side):
    """A network with the weights and statistics of one that has been trained a little, and its input."""
    torch.manual_seed(SEED)
    model = build()
    # Scales and biases of 1 and 0, which PyTorch starts with, would hide that they are mixed up.
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.7, 1.3)
            nn.init.uniform_(module.bias, -0.2, 0.2)
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for step in range(4):
        noise = torch.randn(16, 3, side, side) * (1 + step) / 3 + 0.1
        loss = F.cross_entropy(model(noise), torch.arange(16) % 10)
        if step == 0:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model.eval(), torch.randn(2, 3, side, side)


def logits(model, images):
    """Those of the float32 weights, computed in float64; PyTorch's own float32 must be near."""
    with torch.no_grad():
        narrow = model(images)
        # A copy: the state that is saved stays float32.
        state = {name: t.clone() for name, t in model.state_dict().items()}
        wide = model.double()(images.double())
        model.float().load_state_dict(state)
    off = ((wide - narrow).abs().max() / wide.abs().max()).item()
    assert off < 1e-4, f"float32 differs by {off:.1e}"
    return wide.float().contiguous()


def save(model, path):
    save_file({name: t.contiguous() for name, t in model.state_dict().items()}, path)
    print(f"{path.name}: {path.stat().st_size} bytes")


def names(model):
    """[name, shape] of everything in the file, sorted by name; scalars have the shape []."""
    return sorted([name, list(t.shape)] for name, t in model.state_dict().items())


def count(model):
    return sum(p.numel() for p in model.parameters())


def published():
    """Parameters, exactly, of networks whose rounded size (in millions) a paper or its authors give."""
    with torch.device("meta"):
        sizes = [
            (f"resnet{depth}_cifar", CifarResNet(depth), millions)
            for depth, millions in [(20, "0.27"), (32, "0.46"), (44, "0.66"), (56, "0.85"), (110, "1.7")]
        ]
        sizes += [
            (f"wrn_{depth}_{k}", WideResNet(depth, k), millions)
            for depth, k, millions in [(16, 4, None), (28, 10, "36.5"), (40, 10, "55.8")]
        ]
        sizes += [
            (name, getattr(torchvision.models, name)(), millions)
            for name, millions in [
                ("resnet18", "11.7"),
                ("resnet34", "21.8"),
                ("resnet50", "25.6"),
                ("resnet101", "44.5"),
                ("resnet152", "60.2"),
            ]
        ]
    found = {}
    for name, model, millions in sizes:
        if millions is not None:
            digits = len(millions.split(".")[1])
            assert f"{count(model) / 1e6:.{digits}f}" == millions, f"{name}: {count(model)}"
        found[name] = {"parameters": count(model), "published_millions": millions}
    return found


def write_names(path):
    with torch.device("meta"):
        lists = {
            "torchvision_resnet18": torchvision.models.resnet18(),
            "torchvision_resnet34": torchvision.models.resnet34(),
            "timm_resnet18": timm.create_model("resnet18"),
            "resnet20_cifar": CifarResNet(20),
        }
    listed = [
        f"  {json.dumps(name)}: [\n"
        + ",\n".join(f"   {json.dumps(entry, separators=(',', ':'))}" for entry in names(model))
        + "\n  ]"
        for name, model in lists.items()
    ]
    sizes = [f"  {json.dumps(name)}: {json.dumps(size)}" for name, size in published().items()]
    versions = {package: version(package).split("+")[0] for package in ("torch", "torchvision", "timm")}
    path.write_text(
        "{\n"
        ' "generated_by": "tests/peers/resnet.py",\n'
        f' "versions": {json.dumps(versions)},\n'
        ' "sizes": {\n' + ",\n".join(sizes) + "\n },\n"
        ' "names": {\n' + ",\n".join(listed) + "\n }\n}\n"
    )
    print(f"{path.name}: {path.stat().st_size} bytes")


def write_fixtures():
    model, images = used(lambda: CifarResNet(20), 32)
    save_file({"input": images, "logits": logits(model, images)}, FIXTURES / "resnet20_expect.safetensors")
    save(model, FIXTURES / "resnet20.safetensors")
    write_names(FIXTURES / "resnet_names.json")


def write_files(folder):
    folder.mkdir(parents=True, exist_ok=True)
    expected = {}
    for name, build, side in [
        ("resnet18", lambda: torchvision.models.resnet18(num_classes=10), 64),
        ("resnet50", lambda: torchvision.models.resnet50(num_classes=10), 224),
        ("timm_resnet18", lambda: timm.create_model("resnet18", num_classes=10), 64),
        ("resnet20", lambda: CifarResNet(20), 32),
    ]:
        model, images = used(build, side)
        expected[f"{name}.input"] = images
        expected[f"{name}.logits"] = logits(model, images)
        save(model, folder / f"{name}.safetensors")
    save_file(expected, folder / "expect.safetensors")


if __name__ == "__main__":
    torch.set_num_threads(1)
    if len(sys.argv) > 1:
        write_files(Path(sys.argv[1]))
    else:
        write_fixtures()
