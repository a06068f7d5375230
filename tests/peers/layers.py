"""Reference numbers for layers, from PyTorch.

For every layer of `sam_runtime::nn` that holds numbers or reduces windows: a fixed input, fixed
parameters, PyTorch's output, and its gradients for the loss sum(y * r) with a fixed r. All of it goes
to ../fixtures/layers.json; tests/tests/layers_pytorch.rs reads that file.

Inputs, parameters and r are decimals of two places, rounded to float32; PyTorch then computes in
float64, and its results are written with 8 significant digits. The script checks that PyTorch's own
float32 results agree, and that no ReLU stands close enough to 0 for rounding to decide it. No random
numbers are used.

Run (see README.md; versions in requirements.txt):

    python layers.py
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

OUT = Path(__file__).resolve().parent.parent / "fixtures" / "layers.json"
# The defaults of PyTorch's and of dfdx's batch normalization.
EPSILON, MOMENTUM = 1e-5, 0.1
# What rounding to float32 may move a result by, relative to its tensor's largest entry.
FLOAT32 = 1e-5
# What goes into a ReLU is at least this far from 0.
MARGIN = 1e-3


class Numbers:
    """Decimals of two places without a pattern, by a linear congruential generator; each case starts
    with a seed of its own, so that a new case changes no other."""

    def __init__(self, name):
        self.state = sum(ord(c) * 31**i for i, c in enumerate(name)) % 2**32

    def hundredths(self, count, low, high):
        """`count` integers in low..=high."""
        values = []
        for _ in range(count):
            self.state = (self.state * 1664525 + 1013904223) % 2**32
            values.append(low + (self.state >> 8) % (high - low + 1))
        return values

    def tensor(self, shape, low=-150, high=150):
        values = self.hundredths(int(np.prod(shape)), low, high)
        return torch.tensor(values, dtype=torch.float64).div(100).reshape(shape)

    def distinct(self, shape):
        """Values at least 0.02 apart: rounding can't say what is the largest of a window."""
        order = self.hundredths(int(np.prod(shape)), 0, 10**6)
        ranks = np.argsort(np.argsort(order, kind="stable"), kind="stable")
        return torch.tensor(ranks * 2 - len(ranks)).double().div(100).reshape(shape)

    def ties(self, shape):
        """Four values only: nearly every window holds its largest more than once."""
        return self.tensor(shape, -2, 1).mul(50)


def rounded(values):
    """8 significant digits; fewer where those are enough."""
    return [float(f"{v:.8g}") for v in values.detach().double().ravel().tolist()]


def tensors(named):
    return {
        name: {"shape": list(t.shape), "values": rounded(t)} for name, t in named.items()
    }


def run(forward, inputs, r, dtype):
    """y and the gradient of sum(y * r) for every input, from inputs rounded to float32."""
    inputs = {name: t.float().to(dtype).requires_grad_() for name, t in inputs.items()}
    y = forward(**inputs)
    (y * r.float().to(dtype)).sum().backward()
    return {"y": y.detach(), **{f"grad_{name}": t.grad for name, t in inputs.items()}}


def agree(name, ours, theirs):
    for key, value in ours.items():
        scale = value.abs().max().item() or 1.0
        off = (value - theirs[key].double()).abs().max().item() / scale
        assert off < FLOAT32, f"{name}, {key}: float32 differs by {off:.1e}"


def case(name, forward, inputs, numbers, buffers=None):
    """One layer: `forward(**inputs)`, or `forward(**buffers, **inputs)` where it updates buffers."""
    buffers = buffers or {}

    def at(dtype):
        state = {key: b.float().to(dtype) for key, b in buffers.items()}
        results = run(lambda **given: forward(**state, **given), inputs, at.r, dtype)
        return results, {f"{key}_after": b for key, b in state.items()}

    shape = forward(**{key: b.clone() for key, b in buffers.items()}, **inputs).shape
    at.r = numbers.tensor(shape, -100, 100)
    results, after = at(torch.float64)
    narrow_results, narrow_after = at(torch.float32)
    agree(name, {**results, **after}, {**narrow_results, **narrow_after})
    before = {f"{key}_after": b.float().double() for key, b in buffers.items()}
    changed = {key: b for key, b in after.items() if not torch.equal(b, before[key])}
    return name, tensors({**inputs, **buffers, "r": at.r, **results, **changed})


def same(x):
    return x


def relu(x):
    assert x.dtype != torch.float64 or x.abs().min() > MARGIN, "a ReLU that rounding could decide"
    return x.relu()


def convolutions():
    """Bias-free convolutions of (2, 4, 7, 5): taller than wide, so that the two can't be confused."""
    for label, out, settings in [
        ("1x1", 3, {"k": 1}),
        ("3x3", 3, {"k": 3}),
        ("3x3_pad1", 3, {"k": 3, "padding": 1}),
        ("3x3_stride2_pad1", 3, {"k": 3, "padding": 1, "stride": 2}),
        ("5x5_pad2", 2, {"k": 5, "padding": 2}),
        ("7x7_stride2_pad3", 2, {"k": 7, "padding": 3, "stride": 2}),
        ("3x3_pad2_dilation2", 3, {"k": 3, "padding": 2, "dilation": 2}),
        ("3x3_pad1_groups2", 6, {"k": 3, "padding": 1, "groups": 2}),
        ("3x3_pad1_depthwise", 4, {"k": 3, "padding": 1, "groups": 4}),
        ("1x1_stride2", 3, {"k": 1, "stride": 2}),
    ]:
        name = f"conv2d_{label}"
        numbers, k = Numbers(name), settings.pop("k")
        inputs = {
            "x": numbers.tensor((2, 4, 7, 5)),
            "weight": numbers.tensor((out, 4 // settings.get("groups", 1), k, k), -60, 60),
        }
        yield case(name, lambda x, weight, s=settings: F.conv2d(x, weight, **s), inputs, numbers)


def affine(numbers, channels):
    """What batch normalization learns, and the statistics that it has seen before."""
    return {
        "scale": numbers.tensor((channels,), 50, 150),
        "bias": numbers.tensor((channels,), -80, 80),
    }, {
        "running_mean": numbers.tensor((channels,), -50, 50),
        "running_var": numbers.tensor((channels,), 50, 200),
    }


def norm(x, scale, bias, running_mean, running_var, training):
    return F.batch_norm(x, running_mean, running_var, scale, bias, training, MOMENTUM, EPSILON)


def normalizations():
    """Batch normalization; in training the running statistics after it, too."""
    for label, shape, after in [
        ("batch_norm1d_rows", (6, 4), same),
        ("batch_norm1d_sequences", (3, 4, 5), same),
        ("batch_norm2d", (3, 4, 5, 3), same),
        ("batch_norm2d_relu", (3, 4, 5, 3), relu),
    ]:
        for training in (True, False):
            name = label if training else f"{label}_eval"
            numbers = Numbers(name)
            learned, seen = affine(numbers, shape[1])
            inputs = {"x": numbers.tensor(shape), **learned}

            def forward(after=after, training=training, **given):
                return after(norm(training=training, **given))

            yield case(name, forward, inputs, numbers, seen)


def fused():
    """A convolution, batch normalization, perhaps a residual, perhaps ReLU; in training and with the
    running statistics."""
    for label, residual, stride, after in [
        ("conv_norm", False, 1, same),
        ("conv_norm_relu", False, 1, relu),
        ("conv_norm_relu_stride2", False, 2, relu),
        ("conv_norm_add_relu", True, 1, relu),
    ]:
        for training in (True, False):
            name = label if training else f"{label}_eval"
            numbers = Numbers(name)
            learned, seen = affine(numbers, 3)
            inputs = {
                "x": numbers.tensor((2, 4, 5, 4)),
                "weight": numbers.tensor((3, 4, 3, 3), -60, 60),
                **learned,
            }
            if residual:
                inputs["residual"] = numbers.tensor((2, 3, 5, 4))

            def forward(
                x, weight, residual=0, stride=stride, training=training, after=after, **given
            ):
                x = F.conv2d(x, weight, stride=stride, padding=1)
                return after(norm(x, training=training, **given) + residual)

            yield case(name, forward, inputs, numbers, seen)


def pools():
    for label, kernel, ties in [
        ("2_stride2", (2, 2, 0), False),
        ("3_stride2_pad1", (3, 2, 1), False),
        ("2_stride2_ties", (2, 2, 0), True),
        ("3_stride2_pad1_ties", (3, 2, 1), True),
    ]:
        name = f"max_pool2d_{label}"
        numbers = Numbers(name)
        x = numbers.ties((2, 2, 7, 6)) if ties else numbers.distinct((2, 2, 7, 6))
        yield case(name, lambda x, k=kernel: F.max_pool2d(x, *k), {"x": x}, numbers)
    for label, kernel in [("2_stride2", (2, 2, 0)), ("3_stride1_pad1", (3, 1, 1))]:
        name = f"avg_pool2d_{label}"
        numbers = Numbers(name)
        inputs = {"x": numbers.tensor((2, 2, 7, 6))}
        yield case(name, lambda x, k=kernel: F.avg_pool2d(x, *k), inputs, numbers)
    name = "avg_pool_global"
    numbers = Numbers(name)
    inputs = {"x": numbers.tensor((3, 4, 5, 3))}
    yield case(name, lambda x: F.adaptive_avg_pool2d(x, 1).flatten(1), inputs, numbers)


def the_rest():
    """Bias, flatten and linear layers."""
    for name, after in [("bias2d", same), ("bias2d_relu", relu)]:
        numbers = Numbers(name)
        # Biases between the hundredths, for ReLU: no sum is 0.
        inputs = {"x": numbers.tensor((2, 3, 4, 5)), "bias": numbers.tensor((3,)) + 0.005}

        def forward(x, bias, after=after):
            return after(x + bias[:, None, None])

        yield case(name, forward, inputs, numbers)
    numbers = Numbers("flatten")
    yield case("flatten", lambda x: x.flatten(1), {"x": numbers.tensor((2, 3, 4, 4))}, numbers)
    for name, after in [("linear", same), ("linear_relu", relu)]:
        numbers = Numbers(name)
        inputs = {
            "x": numbers.tensor((5, 7)),
            "weight": numbers.tensor((4, 7), -80, 80),
            "bias": numbers.tensor((4,)),
        }

        def forward(x, weight, bias, after=after):
            return after(F.linear(x, weight, bias))

        yield case(name, forward, inputs, numbers)


def dump(reference):
    """JSON with one line per tensor."""
    compact = lambda value: json.dumps(value, separators=(",", ":"), allow_nan=False)
    cases = [
        f"  {json.dumps(name)}: {{\n"
        + ",\n".join(f"   {json.dumps(key)}: {compact(t)}" for key, t in found.items())
        + "\n  }"
        for name, found in reference.pop("cases").items()
    ]
    head = [f" {json.dumps(key)}: {compact(value)}" for key, value in reference.items()]
    return "{\n" + ",\n".join(head) + ',\n "cases": {\n' + ",\n".join(cases) + "\n }\n}\n"


def main():
    torch.set_num_threads(1)
    groups = [convolutions(), normalizations(), fused(), pools(), the_rest()]
    found = [one for group in groups for one in group]
    cases = dict(found)
    assert len(cases) == len(found), "two cases of one name"
    OUT.write_text(
        dump(
            {
                "generated_by": "tests/peers/layers.py",
                "versions": {"torch": version("torch").split("+")[0]},
                "layout": "row-major; images (batch, channels, height, width), "
                "convolutions' weights (out, in / groups, k, k), linear ones (out, in)",
                "epsilon": EPSILON,
                "momentum": MOMENTUM,
                "cases": cases,
            }
        )
    )
    print(f"{OUT.name}: {len(cases)} cases, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
