"""Reference numbers for losses, from PyTorch.

For every loss of `sam_runtime::nn::loss` with its settings: inputs, targets, PyTorch's value and its gradient in
float64, also for logits as large as 1e4. tests/tests/losses.rs reads ../fixtures/losses.json. No random numbers are
used.

Run (see README.md; versions in requirements.txt):

    python losses.py
"""

import json
from importlib.metadata import version
from pathlib import Path

import torch
import torch.nn.functional as F
from torchvision.ops import sigmoid_focal_loss

from layers import Numbers

OUT = Path(__file__).resolve().parent.parent / "fixtures" / "losses.json"
ROWS, CLASSES = 6, 5
WEIGHTS = [0.5, 2.0, 1.0, 0.0, 3.25]


def focal(x, t, gamma, weights=None):
    """Lin et al. 2017, equation 5, with softmax and target probabilities: the mean over the batch. PyTorch has none."""
    log_p = F.log_softmax(x, 1)
    alpha = torch.ones(CLASSES) if weights is None else torch.tensor(weights)
    # Where 1 - p is 0, so is the term, and the power's derivative may be infinite.
    missing = (1 - log_p.exp()).clamp(min=1e-16)
    return -(alpha * t * missing**gamma * log_p).sum(1).mean()


def binary_focal(x, t, gamma, alpha=None):
    """torchvision's `sigmoid_focal_loss`, kept away from 0 as above; `main` compares the two."""
    p = torch.sigmoid(x)
    missing = (1 - (p * t + (1 - p) * (1 - t))).clamp(min=1e-16)
    loss = F.binary_cross_entropy_with_logits(x, t, reduction="none") * missing**gamma
    if alpha is not None:
        loss = (alpha * t + (1 - alpha) * (1 - t)) * loss
    return loss.mean()


def distillation(x, t, temperature):
    parts = F.log_softmax(x / temperature, 1), F.softmax(t / temperature, 1)
    return temperature**2 * F.kl_div(*parts, reduction="batchmean")


def main():
    numbers = Numbers("losses")
    x = numbers.tensor((ROWS, CLASSES), -400, 400)
    labels = torch.tensor(numbers.hundredths(ROWS, 0, CLASSES - 1))
    hard = F.one_hot(labels, CLASSES).double()
    soft = torch.softmax(numbers.tensor((ROWS, CLASSES), -100, 100), 1)
    yes = torch.tensor(numbers.hundredths(ROWS * CLASSES, 0, 1)).double().reshape(ROWS, CLASSES)
    shares = numbers.tensor((ROWS, CLASSES), 0, 100)
    # Differences on both sides of delta.
    near = x + numbers.tensor((ROWS, CLASSES), -250, 250)
    logits = x
    large = x.sign() * 1e4
    large[0] = torch.tensor([1e4, -1e4, 0.0, 1e4, -1e4])
    weights = torch.tensor(WEIGHTS, dtype=torch.float64)
    bce = F.binary_cross_entropy_with_logits

    cases = {}

    def case(name, loss, x, t):
        x = x.clone().requires_grad_()
        value = loss(x, t)
        value.backward()
        assert value.isfinite() and x.grad.isfinite().all(), name
        cases[name] = {"x": x.tolist(), "t": t.tolist(), "loss": value.item(), "gradient": x.grad.tolist()}

    for size, x in {"": x, "_large": large}.items():
        for kind, t in {"hard": hard, "soft": soft}.items():
            case(f"cross_entropy_{kind}{size}", F.cross_entropy, x, t)
            case(f"cross_entropy_weights_{kind}{size}", lambda x, t: F.cross_entropy(x, t, weight=weights), x, t)
            case(f"cross_entropy_smoothing_{kind}{size}", lambda x, t: F.cross_entropy(x, t, label_smoothing=0.1), x, t)
            case(
                f"cross_entropy_both_{kind}{size}",
                lambda x, t: F.cross_entropy(x, t, weight=weights, label_smoothing=0.25),
                x,
                t,
            )
            for gamma in (0.0, 0.5, 1.0, 2.0, 3.5):
                case(f"focal_{gamma}_{kind}{size}", lambda x, t: focal(x, t, gamma), x, t)
            case(f"focal_weights_{kind}{size}", lambda x, t: focal(x, t, 2.0, WEIGHTS), x, t)
        for kind, t in {"hard": yes, "soft": shares}.items():
            case(f"binary_{kind}{size}", bce, x, t)
            case(f"binary_smoothing_{kind}{size}", lambda x, t: bce(x, t * 0.8 + 0.1), x, t)
            case(f"binary_weight_{kind}{size}", lambda x, t: bce(x, t, pos_weight=torch.tensor(3.0)), x, t)
            case(f"binary_weights_{kind}{size}", lambda x, t: bce(x, t, pos_weight=weights), x, t)
            for gamma in (0.0, 0.5, 2.0):
                case(f"binary_focal_{gamma}_{kind}{size}", lambda x, t: binary_focal(x, t, gamma), x, t)
            case(f"binary_focal_alpha_{kind}{size}", lambda x, t: binary_focal(x, t, 2.0, 0.25), x, t)
        for delta in (0.5, 1.0, 2.0):
            case(f"huber_{delta}{size}", lambda x, t: F.huber_loss(x, t, delta=delta), x, near)
        for temperature in (1.0, 4.0):
            case(f"distillation_{temperature}{size}", lambda x, t: distillation(x, t, temperature), x, near)

    for alpha in (-1, 0.25):
        ours = binary_focal(logits, shares, 2.0, None if alpha < 0 else alpha)
        theirs = sigmoid_focal_loss(logits, shares, alpha, 2.0, "mean")
        assert torch.isclose(ours, theirs, rtol=1e-12), alpha

    # What PyTorch divides by the weights it meets, where labels are indices: ours times rows / sum of weights.
    x = torch.tensor(cases["cross_entropy_hard"]["x"], dtype=torch.float64)
    of_indices = F.cross_entropy(x, labels, weight=weights).item()
    written = {
        "torch": version("torch"),
        "weights": WEIGHTS,
        "weighted_by_index": {"loss": of_indices, "met": weights[labels].sum().item()},
        "cases": cases,
    }
    OUT.write_text(json.dumps(written) + "\n")


if __name__ == "__main__":
    main()
