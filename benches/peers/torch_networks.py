"""The networks that are measured, in PyTorch: those of `../src/networks.rs`, ResNet-20 and WRN-16-4."""

import torch.nn.functional as F
from torch import nn

CLASSES = 10


def conv_norm_relu(channels_in, channels_out):
    return (
        nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


def mlp():
    return nn.Sequential(
        nn.Linear(784, 512),
        nn.ReLU(inplace=True),
        nn.Linear(512, 512),
        nn.ReLU(inplace=True),
        nn.Linear(512, CLASSES),
    )


def cnn():
    return nn.Sequential(
        *conv_norm_relu(1, 16),
        nn.MaxPool2d(2),
        *conv_norm_relu(16, 32),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(1568, CLASSES),
    )


class Block(nn.Module):
    """Two convolutions beside a shortcut without parameters (He et al. 2015, option A)."""

    def __init__(self, channels_in, channels_out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.stride = stride
        self.pad = (channels_out - channels_in) // 2

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        if self.stride > 1:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.pad, self.pad))
        return F.relu(y.add_(x), inplace=True)


def resnet20():
    layers = [*conv_norm_relu(3, 16)]
    channels = 16
    for stage, out in enumerate((16, 32, 64)):
        for block in range(3):
            layers.append(Block(channels, out, 2 if stage > 0 and block == 0 else 1))
            channels = out
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, CLASSES)
    )


class Wide(nn.Module):
    """A block of a wide residual network (Zagoruyko & Komodakis 2016): normalization comes first."""

    def __init__(self, channels_in, channels_out, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, 1, 1, bias=False)
        self.shortcut = None
        if channels_in != channels_out:
            self.shortcut = nn.Conv2d(channels_in, channels_out, 1, stride, 0, bias=False)

    def forward(self, x):
        y = F.relu(self.bn1(x), inplace=True)
        x = x if self.shortcut is None else self.shortcut(y)
        y = F.relu(self.bn2(self.conv1(y)), inplace=True)
        return self.conv2(y) + x


def wrn_16_4():
    layers = [nn.Conv2d(3, 16, 3, padding=1, bias=False)]
    channels = 16
    for out, first in ((64, 1), (128, 2), (256, 2)):
        for stride in (first, 1):
            layers.append(Wide(channels, out, stride))
            channels = out
    return nn.Sequential(
        *layers,
        nn.BatchNorm2d(256),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(256, CLASSES),
    )
