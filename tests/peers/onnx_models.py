"""Models that the test `onnx` has left in a folder, run by ONNX Runtime: its outputs must be those of this crate to 1e-5,
relative to the largest number of an output, for the batch of the test and for its first sample alone.

    onnx_models.py FOLDER
"""

import sys
from pathlib import Path

import numpy
import onnx
import onnxruntime
from safetensors.numpy import load_file


def off(found, wanted):
    assert found.shape == wanted.shape, (found.shape, wanted.shape)
    return float(numpy.abs(found - wanted).max() / max(1.0, numpy.abs(wanted).max()))


def main(folder):
    files = sorted(folder.glob("*.onnx"))
    if not files:
        sys.exit(f"no models in {folder}: run the test with SAM_TRAIN_ONNX={folder}")
    failed = False
    for file in files:
        model = onnx.load(file)
        onnx.checker.check_model(model, full_check=True)
        assert {p.key: p.value for p in model.metadata_props} == {"network": file.stem}
        case = load_file(file.with_suffix(".safetensors"))
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        (whole,) = session.run(["output"], {"input": case["input"]})
        (first,) = session.run(["output"], {"input": case["input"][:1]})
        worst = max(off(whole, case["output"]), off(first, case["output"][:1]))
        failed |= not worst <= 1e-5
        print(f"{file.stem}: {len(model.graph.node)} nodes, off by {worst:.1e}")
    if failed:
        sys.exit("ONNX Runtime finds other numbers than this crate")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
