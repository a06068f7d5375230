"""The networks that are measured, in plain JAX: those of `torch_networks.py`, with channels last.

A network is a function of a `Net`, which hands out its parameters in PyTorch's order, and of a batch."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

CLASSES = 10
EPS = 1e-5

# Axes of PyTorch's kernels (outputs, inputs, height, width) and matrices (outputs, inputs) in the order that they
# have here, and back. Vectors stay as they are.
HERE = {1: (0,), 2: (1, 0), 4: (2, 3, 1, 0)}
IN_TORCH = {1: (0,), 2: (1, 0), 4: (3, 2, 0, 1)}


class Net:
    """Layers, with these parameters and running statistics; the new statistics are in `seen`."""

    def __init__(self, parameters, statistics):
        self.parameters = iter(parameters)
        self.statistics = iter(statistics)
        self.seen = []

    def take(self, *torch_shape):
        return next(self.parameters)

    def running(self, channels):
        return next(self.statistics)

    def conv(self, x, out, stride=1, size=3):
        padding = size // 2
        return lax.conv_general_dilated(
            x,
            self.take(out, x.shape[-1], size, size),
            (stride, stride),
            [(padding, padding)] * 2,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )

    def norm(self, x):
        channels = x.shape[-1]
        scale, bias = self.take(channels), self.take(channels)
        mean = x.mean((0, 1, 2))
        # As flax has it: both moments in one pass.
        var = jnp.maximum(jnp.square(x).mean((0, 1, 2)) - jnp.square(mean), 0)
        running_mean, running_var = self.running(channels)
        count = x.size // channels
        self.seen.append(
            (
                0.9 * running_mean + 0.1 * mean,
                0.9 * running_var + 0.1 * count / (count - 1) * var,
            )
        )
        return (x - mean) * (lax.rsqrt(var + EPS) * scale) + bias

    def linear(self, x, out):
        """Of vectors, or of images, which are PyTorch's flattened ones."""
        *image, inputs = x.shape[1:]
        weight = self.take(out, inputs, *image)
        return x.reshape(len(x), -1) @ weight.reshape(-1, out) + self.take(out)


class Begin(Net):
    """A `Net` that cuts its parameters from PyTorch's, and keeps them in `begun` with the statistics."""

    def __init__(self, numbers):
        super().__init__((), ())
        self.numbers = numbers
        self.begun = [], []

    def take(self, *torch_shape):
        size = 1
        for side in torch_shape:
            size *= side
        values, self.numbers = self.numbers[:size], self.numbers[size:]
        values = values.reshape(torch_shape).transpose(HERE[len(torch_shape)])
        self.begun[0].append(values)
        return self.begun[0][-1]

    def running(self, channels):
        self.begun[1].append((np.zeros(channels, np.float32), np.ones(channels, np.float32)))
        return self.begun[1][-1]


def begin(network, numbers, x):
    """Parameters and running statistics of a network whose weights are `numbers` in PyTorch."""
    net = Begin(numbers)
    jax.eval_shape(lambda x: network(net, x), x)
    if len(net.numbers):
        raise ValueError(f"{len(net.numbers)} weights are left over")
    return jax.tree.map(jnp.array, net.begun)


def pool(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def mlp(net, x):
    x = jax.nn.relu(net.linear(x, 512))
    x = jax.nn.relu(net.linear(x, 512))
    return net.linear(x, CLASSES)


def cnn(net, x):
    for out in (16, 32):
        x = pool(jax.nn.relu(net.norm(net.conv(x, out))))
    return net.linear(x, CLASSES)


def resnet20(net, x):
    x = jax.nn.relu(net.norm(net.conv(x, 16)))
    for stage, out in enumerate((16, 32, 64)):
        for block in range(3):
            stride = 2 if stage > 0 and block == 0 else 1
            y = jax.nn.relu(net.norm(net.conv(x, out, stride)))
            y = net.norm(net.conv(y, out))
            if stride > 1:
                pad = (out - x.shape[-1]) // 2
                x = jnp.pad(x[:, ::stride, ::stride], ((0, 0),) * 3 + ((pad, pad),))
            x = jax.nn.relu(x + y)
    return net.linear(x.mean((1, 2)), CLASSES)


def wrn_16_4(net, x):
    x = net.conv(x, 16)
    for out, first in ((64, 1), (128, 2), (256, 2)):
        for stride in (first, 1):
            y = jax.nn.relu(net.norm(x))
            # PyTorch lists the shortcut last.
            z = net.conv(jax.nn.relu(net.norm(net.conv(y, out, stride))), out)
            x = z + (x if x.shape[-1] == out else net.conv(y, out, stride, size=1))
    return net.linear(jax.nn.relu(net.norm(x)).mean((1, 2)), CLASSES)
