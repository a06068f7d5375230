"""Reference numbers for SAM from two published implementations.

Trains one small network for a few steps with

* PyTorch:  `pytorch_optimizer.SAM` over `torch.optim.SGD` (adaptive=False), and
* JAX:      `optax.contrib.sam` (normalize + sgd(rho) as the adversary, opaque mode, sync_period=2)
            over `optax.sgd`,

both in float64 from the same weights and batch, checks that the two agree, and writes every number
of both to ../fixtures/sam_reference.json.  No random numbers are used.

Network: Linear(5, 8) - tanh - Linear(8, 6) - tanh - Linear(6, 3).
Loss:    mean over the batch of -sum_c target[c] * log_softmax(logits)[c].
SAM:     e = rho * g / ||g||_2, one norm over all parameters; the base optimizer's step is taken
         from w with the gradient at w + e.

Run (see README.md; versions in requirements.txt):

    python reference.py
"""

import json
from importlib.metadata import version
from math import cos, sin
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
import optax
import torch
from pytorch_optimizer import SAM

OUT = Path(__file__).resolve().parent.parent / "fixtures" / "sam_reference.json"

STEPS = 5
CASES = {
    "sgd": {"lr": 0.1, "momentum": 0.0, "rho": 0.05},
    "sgd_large_rho": {"lr": 0.1, "momentum": 0.0, "rho": 0.5},
    "momentum": {"lr": 0.05, "momentum": 0.9, "rho": 0.1},
}

# Both implementations do the same arithmetic, up to the order of sums and to pytorch_optimizer's
# perturb_eps: it divides by ||g|| + 1e-12 where optax divides by ||g||, so its e is shorter by about
# 1e-12 / ||g||, 3e-12 for the gradients here. The differences seen are of that size (2e-13 to 4e-12);
# the tolerance leaves room for other versions and processors, and still fails on a float32 norm.
# Differences are relative to the largest entry of the tensor compared.
TOLERANCE = 1e-10

# Names and (out, in) layout of torch.nn.Sequential(Linear, Tanh, Linear, Tanh, Linear).
SHAPES = {
    "0.weight": (8, 5),
    "0.bias": (8,),
    "2.weight": (6, 8),
    "2.bias": (6,),
    "4.weight": (3, 6),
    "4.bias": (3,),
}
BATCH, FEATURES, CLASSES = 8, 5, 3


def initial_params():
    """0.5 * sin(1 + k + k^2 / 7), k counting over all parameters in the order of SHAPES, row-major."""
    params, k = {}, 0
    for name, shape in SHAPES.items():
        size = int(np.prod(shape))
        values = [0.5 * sin(1 + i + i * i / 7) for i in range(k, k + size)]
        params[name] = np.array(values, dtype=np.float64).reshape(shape)
        k += size
    return params


def batch():
    """Inputs cos(2 + k + k^2 / 11), row-major; sample i has class i % 3."""
    x = np.array([cos(2 + k + k * k / 11) for k in range(BATCH * FEATURES)], dtype=np.float64)
    y = np.eye(CLASSES, dtype=np.float64)[[i % CLASSES for i in range(BATCH)]]
    return x.reshape(BATCH, FEATURES), y


def flat(tensors):
    """Row-major list of every tensor, by name."""
    return {name: np.asarray(tensors[name], dtype=np.float64).ravel().tolist() for name in SHAPES}


def global_norm(tensors):
    return float(np.sqrt(sum(np.sum(np.square(np.asarray(t))) for t in tensors.values())))


def record(loss, perturbed_loss, grad, sam_grad, params):
    return {
        "loss": float(loss),
        "perturbed_loss": float(perturbed_loss),
        "grad_norm": global_norm(grad),
        "sam_grad": flat(sam_grad),
        "params": flat(params),
    }


def run_torch(lr, momentum, rho):
    linear, tanh = torch.nn.Linear, torch.nn.Tanh
    model = torch.nn.Sequential(linear(5, 8), tanh(), linear(8, 6), tanh(), linear(6, 3)).double()
    model.load_state_dict({name: torch.from_numpy(w) for name, w in initial_params().items()})
    x, y = map(torch.from_numpy, batch())
    optimizer = SAM(
        model.parameters(), torch.optim.SGD, rho=rho, adaptive=False, lr=lr, momentum=momentum
    )

    def backward():
        optimizer.zero_grad()
        loss = -(y * torch.log_softmax(model(x), dim=1)).sum(dim=1).mean()
        loss.backward()
        return loss

    def grads():
        return {name: p.grad.numpy().copy() for name, p in model.named_parameters()}

    steps = []
    for _ in range(STEPS):
        at_perturbed = []

        def closure():
            loss = backward()
            at_perturbed.append((loss.item(), grads()))
            return loss

        loss, grad = backward().item(), grads()
        optimizer.step(closure)
        [(perturbed_loss, sam_grad)] = at_perturbed
        params = {name: p.detach().numpy() for name, p in model.named_parameters()}
        steps.append(record(loss, perturbed_loss, grad, sam_grad, params))
    return steps


def run_optax(lr, momentum, rho):
    x, y = map(jnp.asarray, batch())

    def loss_fn(p):
        h = jnp.tanh(x @ p["0.weight"].T + p["0.bias"])
        h = jnp.tanh(h @ p["2.weight"].T + p["2.bias"])
        logits = h @ p["4.weight"].T + p["4.bias"]
        return -(y * jax.nn.log_softmax(logits, axis=1)).sum(axis=1).mean()

    value_and_grad = jax.value_and_grad(loss_fn)
    params = {name: jnp.asarray(w) for name, w in initial_params().items()}
    optimizer = optax.contrib.sam(
        optax.sgd(lr, momentum=momentum or None),
        optax.chain(optax.contrib.normalize(), optax.sgd(rho)),
        sync_period=2,
        opaque_mode=True,
    )
    state = optimizer.init(params)

    steps = []
    for _ in range(STEPS):
        at_perturbed = []

        def grad_fn(p, _):
            at_perturbed.append(value_and_grad(p))
            return at_perturbed[-1][1]

        loss, grad = value_and_grad(params)
        updates, state = optimizer.update(grad, state, params, grad_fn=grad_fn)
        params = optax.apply_updates(params, updates)
        [(perturbed_loss, sam_grad)] = at_perturbed
        steps.append(record(loss, perturbed_loss, grad, sam_grad, params))
    return steps


def difference(a, b):
    """Largest difference between two records of the same shape, relative to each tensor's largest entry."""
    if isinstance(a, dict):
        return max(difference(a[key], b[key]) for key in a)
    a, b = np.asarray(a), np.asarray(b)
    return float(np.max(np.abs(a - b)) / np.max(np.abs(a)))


def dump(value, indent=""):
    """JSON with one line per tensor."""
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}: {dump(v, indent + ' ')}" for key, v in value.items()]
        opening, closing = "{}"
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        items = [dump(v, indent + " ") for v in value]
        opening, closing = "[]"
    else:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    inner = ",\n".join(f"{indent} {item}" for item in items)
    return f"{opening}\n{inner}\n{indent}{closing}"


def main():
    torch.set_num_threads(1)
    x, y = batch()
    reference = {
        "generated_by": "tests/peers/reference.py",
        "versions": {
            package: version(package)
            for package in ("torch", "pytorch_optimizer", "jax", "jaxlib", "optax", "numpy")
        },
        "layout": "flat row-major lists; weights are (out, in)",
        "torch_optax_tolerance": TOLERANCE,
        "shapes": {name: list(shape) for name, shape in SHAPES.items()},
        "batch": {
            "x_shape": list(x.shape),
            "x": x.ravel().tolist(),
            "y_shape": list(y.shape),
            "y": y.ravel().tolist(),
        },
        "initial_params": flat(initial_params()),
        "cases": {},
    }
    for name, settings in CASES.items():
        by_torch, by_optax = run_torch(**settings), run_optax(**settings)
        differences = [difference(a, b) for a, b in zip(by_torch, by_optax, strict=True)]
        print(f"{name}: torch and optax differ by {max(differences):.1e}")
        for step, (rel, ref) in enumerate(zip(differences, by_torch)):
            print(f"  step {step}: {rel:.1e}  loss {ref['loss']:.6f}"
                  f"  perturbed {ref['perturbed_loss']:.6f}  |g| {ref['grad_norm']:.4f}")
        assert max(differences) <= TOLERANCE, f"{name}: {max(differences):.1e} > {TOLERANCE:.0e}"
        reference["cases"][name] = {**settings, "torch": by_torch, "optax": by_optax}

    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(dump(reference) + "\n")
    print(f"{OUT.name}: {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
