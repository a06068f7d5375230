"""Reference numbers for metrics, from scikit-learn and torchmetrics.

Predictions with ties, classes that no target or no prediction has, confident and unsure ones, several outputs: what
`sam_runtime::analysis::metrics` must find. Where both libraries have a value, they must agree, or the script fails.
tests/tests/metrics.rs reads ../fixtures/metrics.json. No random numbers are used.

Run (see README.md; versions in requirements.txt):

    python metrics.py
"""

import json
import math
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import sklearn.metrics as sk
import torch
import torchmetrics.functional as tm
import torchmetrics.functional.classification as tmc

from layers import Numbers

OUT = Path(__file__).resolve().parent.parent / "fixtures" / "metrics.json"
AVERAGES = ("macro", "micro", "weighted")


def same(a, b, what):
    a, b = float(a), float(b)
    assert math.isclose(a, b, rel_tol=2e-6, abs_tol=1e-7), (what, a, b)


def confusion(logits, targets, classes):
    """Classes by logits: the matrix and all that follows."""
    predicted = logits.argmax(1)
    y, p = targets.numpy(), predicted.numpy()
    found = {
        "logits": logits.tolist(),
        "targets": targets.tolist(),
        "matrix": sk.confusion_matrix(y, p, labels=range(classes)).tolist(),
        "accuracy": sk.accuracy_score(y, p),
        "balanced": sk.balanced_accuracy_score(y, p),
        "top": [sk.top_k_accuracy_score(y, logits.numpy(), k=k, labels=range(classes)) for k in range(1, classes)],
    }
    precision, recall, f1, support = sk.precision_recall_fscore_support(y, p, labels=range(classes), zero_division=0)
    found |= {"precision": precision.tolist(), "recall": recall.tolist(), "f1": f1.tolist()}
    found["support"] = support.tolist()
    for average in AVERAGES:
        # Without `labels`, scikit-learn takes the classes that are there.
        scores = sk.precision_recall_fscore_support(y, p, average=average, zero_division=0)[:3]
        for name, score in zip(("precision", "recall", "f1"), scores):
            function = {"f1": tmc.multiclass_f1_score}.get(name) or getattr(tmc, f"multiclass_{name}")
            same(score, function(predicted, targets, classes, average=average), (name, average))
            found[f"{name}_{average}"] = float(score)
    # Confidences are nowhere on the edge of a bin, where the two definitions differ.
    ece = tmc.multiclass_calibration_error(logits, targets, classes, n_bins=15, norm="l1")
    mce = tmc.multiclass_calibration_error(logits, targets, classes, n_bins=15, norm="max")
    found |= {"ece": ece.item(), "mce": mce.item()}
    return found


def ranking(scores, targets):
    found = {
        "scores": scores.tolist(),
        "targets": targets.int().tolist(),
        "roc_auc": sk.roc_auc_score(targets, scores),
        "average_precision": sk.average_precision_score(targets, scores),
    }
    # Given as probabilities, which torchmetrics takes as they are.
    given = (scores - scores.min()) / (scores.max() - scores.min())
    same(found["roc_auc"], tmc.binary_auroc(given, targets.int()), "roc_auc")
    same(found["average_precision"], tmc.binary_average_precision(given, targets.int()), "average_precision")
    return found


def one_vs_rest(logits, targets, classes):
    shares = logits.softmax(1)
    y = targets.numpy()
    found = {"logits": logits.tolist(), "targets": targets.tolist()}
    found["roc_auc"] = sk.roc_auc_score(y, shares.numpy(), multi_class="ovr", average="macro")
    same(found["roc_auc"], tmc.multiclass_auroc(shares, targets, classes), "ovr")
    onehot = np.eye(classes)[y]
    found["average_precision"] = sk.average_precision_score(onehot, shares.numpy(), average="macro")
    return found


def several_labels(scores, targets):
    found = {"scores": scores.tolist(), "targets": targets.int().tolist()}
    found["roc_auc"] = sk.roc_auc_score(targets, scores, average="macro")
    found["average_precision"] = sk.average_precision_score(targets, scores, average="macro")
    return found


def regression(predictions, targets):
    p, y = predictions.numpy(), targets.numpy()
    found = {"predictions": predictions.tolist(), "targets": targets.tolist()}
    found["mae"] = sk.mean_absolute_error(y, p)
    found["mse"] = sk.mean_squared_error(y, p)
    found["rmse"] = math.sqrt(found["mse"])
    found["r2"] = sk.r2_score(y, p)
    found["r2_of_each"] = sk.r2_score(y, p, multioutput="raw_values").tolist()
    same(found["rmse"], tm.mean_squared_error(predictions, targets, squared=False), "rmse")
    same(found["mae"], tm.mean_absolute_error(predictions, targets), "mae")
    return found


def main():
    warnings.simplefilter("ignore")
    numbers = Numbers("metrics")
    classes, rows = 5, 60
    labels = lambda count, low, high: torch.tensor(numbers.hundredths(count, low, high))
    targets = labels(rows, 0, classes - 1)
    # Mostly right, and with ties in a row of scores that are tenths.
    logits = numbers.tensor((rows, classes), -200, 200).mul(10).round().div(10)
    logits[torch.arange(rows), targets] += 1.5
    # No target has class 3 and no prediction class 1; nobody has or gets class 4.
    odd_targets = torch.tensor([0, 1, 2])[labels(rows, 0, 2)]
    odd = logits.clone()
    odd[:, 1] = -9.0
    odd[:, 4] = -9.0
    odd[torch.arange(rows), odd_targets] += torch.where(odd_targets == 1, 0.0, 1.0)
    # Sorting decides among equals; without ties for top k.
    smooth = logits + torch.arange(classes) * 1e-3

    scores = numbers.tensor((80,), -10, 10)
    yes = (scores + numbers.tensor((80,), -12, 12) > 0).double()
    many = numbers.tensor((rows, 4), -20, 20)
    labelled = (many + numbers.tensor((rows, 4), -25, 25) > 0).double()
    y = numbers.tensor((50, 3), -500, 500)
    p = y + numbers.tensor((50, 3), -100, 100)
    far = y + 1e7
    constant = torch.ones(20, 1, dtype=torch.float64) * 2.5
    written = {
        "versions": {name: version(name) for name in ("scikit-learn", "torchmetrics")},
        "confusion": {
            "usual": confusion(smooth, targets, classes),
            "absent": confusion(odd + torch.arange(classes) * 1e-3, odd_targets, classes),
        },
        "ranking": {"ties": ranking(scores, yes), "few": ranking(scores[:7], torch.tensor([0, 1, 1, 0, 1, 0, 1.0]))},
        "one_vs_rest": one_vs_rest(logits, targets, classes),
        "several_labels": several_labels(many, labelled),
        "regression": {
            "three": regression(p, y),
            "far": regression(p + 1e7, far),
            "constant": regression(constant + numbers.tensor((20, 1)), constant),
            "constant_right": regression(constant, constant),
        },
    }
    OUT.write_text(json.dumps(written) + "\n")


if __name__ == "__main__":
    main()
