"""Training steps in JAX, on the CPU, for `compare`: the same networks, batches and optimizers as in
`../src/steps.rs`. What it is asked, and answers: see `orders.py`.

    jax_steps.py FOLDER

A step is one jitted function, which gets the buffers of weights and statistics to write into. SAM is that of
optax.contrib, in the mode that optax recommends for networks with batch normalization: both passes in one update."""

import os
from functools import partial

# XLA has as many threads as it may use cores.
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax_networks
import numpy as np
import optax
from jax_networks import IN_TORCH, Net, begin
from orders import LR, RHO, arguments, images, labels, serve, weights
from optax.contrib import normalize, sam

NETWORKS = {
    "mlp": jax_networks.mlp,
    "cnn": jax_networks.cnn,
    "resnet20": jax_networks.resnet20,
    "wrn-16-4": jax_networks.wrn_16_4,
}
OPTIMIZERS = {
    "base": optax.with_extra_args_support(optax.sgd(LR)),
    "sam": sam(optax.sgd(LR), optax.chain(normalize(), optax.sgd(RHO)), opaque_mode=True),
}


def loss(network, parameters, statistics, x, y):
    net = Net(parameters, statistics)
    losses = optax.softmax_cross_entropy_with_integer_labels(network(net, x), y)
    return losses.mean(), net.seen


@partial(jax.jit, static_argnums=(0, 1), donate_argnums=2)
def train(network, optimizer, state, x, y):
    parameters, statistics, state = state

    def gradients(parameters, _=None):
        of_loss = jax.grad(partial(loss, network), has_aux=True)
        return of_loss(parameters, statistics, x, y)

    found, seen = gradients(parameters)
    updates, state = optimizer.update(
        found, state, parameters, grad_fn=lambda *at: gradients(*at)[0]
    )
    return optax.apply_updates(parameters, updates), seen, state


class Training:
    def __init__(self, folder, network, layout, step):
        x = images(folder, network)
        if x.ndim == 4:
            if layout != "channels_last":
                raise ValueError(f"no network is {layout} here")
            x = x.transpose(0, 2, 3, 1)
        self.x, self.y = jax.numpy.array(x), jax.numpy.array(labels())
        network_of = NETWORKS[network]
        parameters, statistics = begin(network_of, weights(folder, network), self.x)
        optimizer = OPTIMIZERS[step]
        self.state = parameters, statistics, optimizer.init(parameters)
        self.train = partial(train, network_of, optimizer)

    def steps(self, count):
        for _ in range(count):
            self.state = self.train(self.state, self.x, self.y)
        jax.block_until_ready(self.state)

    def weights(self):
        return [np.transpose(p, IN_TORCH[p.ndim]) for p in self.state[0]]


def main():
    (folder,) = arguments()
    serve(("jax", "optax"), folder, partial(Training, folder))


if __name__ == "__main__":
    main()
