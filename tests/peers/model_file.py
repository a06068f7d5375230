"""The model file that the test `predictor` has left in a folder, read by the `safetensors` package: with its metadata alone, and NumPy,
its rows have the classes and probabilities that this crate predicts, to 1e-6.

    model_file.py FOLDER
"""

import json
import sys
from pathlib import Path

import numpy
from safetensors import safe_open


def encoded(row, inputs):
    """What the encoder of the table makes of a row: of names of columns and their texts."""
    numbers = []
    for column in inputs:
        ((kind, column),) = column.items()
        text = row[column["name"]]
        if kind == "number":
            value = column["mean"] if text is None else float(text)
            numbers.append((value - column["shift"]) / column["scale"])
            if column["missing"] == "indicator":
                numbers.append(float(text is None))
        else:
            numbers.extend(float(text == category) for category in column["categories"])
    return numbers


def main(folder):
    file = folder / "model_file.safetensors"
    if not file.exists():
        sys.exit(f"no {file}: run the test with SAM_TRAIN_ONNX={folder}")
    with safe_open(file, "numpy") as model:
        about = model.metadata()
        tensors = {name: model.get_tensor(name) for name in model.keys()}
    assert (about["format"], about["version"], about["inputs"]) == ("sam-train model", "1", "rows"), about
    classes = json.loads(about["classes"])
    inputs = json.loads(about["preprocessing"])["inputs"]
    cases = json.loads((folder / "model_file.json").read_text())

    x = numpy.array([encoded(case["row"], inputs) for case in cases], numpy.float32)
    hidden = numpy.maximum(x @ tensors["0.weight"].T + tensors["0.bias"], 0)
    logits = hidden @ tensors["2.weight"].T + tensors["2.bias"]
    shares = numpy.exp(logits - logits.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    off = float(numpy.abs(shares - [case["probabilities"] for case in cases]).max())
    print(f"model_file: {len(cases)} rows, off by {off:.1e}")
    if not off <= 1e-6:
        sys.exit("NumPy finds other probabilities than this crate")
    for case, share in zip(cases, shares):
        top, second = numpy.sort(share)[:-3:-1]
        assert top - second < 1e-5 or classes[share.argmax()] == case["name"], (case, share)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
