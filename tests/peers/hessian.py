"""The Hessian of a small network, by PyTorch.

A network 4 -> 5 -> 3 with tanh and cross entropy on 12 samples, in float64: `torch.func.hessian` of the loss as a
function of all parameters in one vector, its eigenvalues, and the products that a measure by differences of gradients
must give. tests/tests/curvature.rs reads ../fixtures/hessian.json. No random numbers are used.

Run (see README.md; versions in requirements.txt):

    python hessian.py
"""

import json
from importlib.metadata import version
from pathlib import Path

import torch
import torch.nn.functional as F

from layers import Numbers

OUT = Path(__file__).resolve().parent.parent / "fixtures" / "hessian.json"
SHAPES = [(5, 4), (5,), (3, 5), (3,)]


def split(w):
    """The parameters in one vector, as the network's tensors."""
    sizes = [torch.Size(shape).numel() for shape in SHAPES]
    return [part.reshape(shape) for part, shape in zip(w.split(sizes), SHAPES)]


def main():
    numbers = Numbers("hessian")
    x = numbers.tensor((12, 4))
    labels = torch.tensor(numbers.hundredths(12, 0, 2))
    w = torch.cat([numbers.tensor(shape, -90, 90).flatten() for shape in SHAPES])

    def loss(w):
        weight1, bias1, weight2, bias2 = split(w)
        return F.cross_entropy(F.linear(torch.tanh(F.linear(x, weight1, bias1)), weight2, bias2), labels)

    hessian = torch.func.hessian(loss)(w)
    v = numbers.tensor((len(w),))
    by_vjp = torch.autograd.functional.hvp(loss, w, v)[1]
    assert torch.allclose(hessian @ v, by_vjp, rtol=1e-12, atol=1e-13)
    written = {
        "torch": version("torch"),
        "x": x.tolist(),
        "y": F.one_hot(labels, 3).tolist(),
        "w": w.tolist(),
        "v": v.tolist(),
        "loss": loss(w).item(),
        "product": (hessian @ v).tolist(),
        "eigenvalues": torch.linalg.eigvalsh(hessian).flip(0).tolist(),
        "trace": hessian.trace().item(),
    }
    OUT.write_text(json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    main()
