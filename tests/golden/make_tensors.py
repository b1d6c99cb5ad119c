"""Writes tensors_magika.jsonl and tensors_ocr_angle.jsonl: requests, and what ONNX Runtime computes for them.

Usage: make_tensors.py MODELS, with the folder that `cargo xtask models` fills. Needs onnxruntime and numpy.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

HERE = Path(__file__).parent
DATATYPES = {"int32": "INT32", "float32": "FP32"}

PYTHON = b'''import sys


def greet(names):
    """Greets everybody."""
    for name in names:
        print(f"Hello, {name}!")


if __name__ == "__main__":
    greet(sys.argv[1:])
'''
HTML = b"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Invoice 7781</title></head>
<body><h1>Invoice</h1><table><tr><td>1</td><td>Elm Street 42</td></tr></table></body>
</html>
"""
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x08\x02" + bytes(i * i * 31 % 251 for i in range(3000))


def bytes_of_file(content):
    """The first and last 1024 bytes, without white space around them; 256 is padding."""
    first, last = list(content.lstrip()[:1024]), list(content.rstrip()[-1024:])
    return first + [256] * (1024 - len(first)) + [256] * (1024 - len(last)) + last


def image():
    """Values with one decimal, so that a request stays small."""
    channel, row, column = np.indices((3, 48, 192))
    return ((row * 7 + column * 13 + row * column + channel * 5) % 10 / 10).astype(np.float32)


def tensor(name, values):
    data = [round(float(x), 6) if values.dtype.kind == "f" else int(x) for x in values.ravel()]
    return {"name": name, "shape": list(values.shape), "datatype": DATATYPES[values.dtype.name], "data": data}


def write(file, model, inputs):
    session = onnxruntime.InferenceSession(model)
    name = session.get_inputs()[0].name
    names = [output.name for output in session.get_outputs()]
    with open(HERE / file, "w", newline="\n") as lines:
        for values in inputs:
            outputs = [tensor(*output) for output in zip(names, session.run(names, {name: values}))]
            line = {"inputs": [tensor(name, values)], "outputs": outputs}
            lines.write(json.dumps(line, separators=(",", ":")) + "\n")


models = Path(sys.argv[1])
files = [[PYTHON], [HTML, PNG]]
files = [np.array([bytes_of_file(file) for file in batch], np.int32) for batch in files]
write("tensors_magika.jsonl", models / "magika/model.onnx", files)
write("tensors_ocr_angle.jsonl", models / "ocr-angle/ch_ppocr_mobile_v2.0_cls_infer.onnx", [image()[None]])
