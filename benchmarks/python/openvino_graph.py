"""Converts a graph for `wasmtime serve` with OpenVINO, and links OpenVINO's libraries under the expected names:
openvino_graph.py GRAPH.onnx FOLDER LIBRARIES"""

import sys
from pathlib import Path

import openvino

graph, folder, libraries = map(Path, sys.argv[1:])
folder.mkdir(parents=True, exist_ok=True)
libraries.mkdir(parents=True, exist_ok=True)
openvino.save_model(openvino.convert_model(graph), folder / "model.xml", compress_to_fp16=False)
for library in (Path(openvino.__file__).parent / "libs").glob("*.so*"):
    name = library.name
    # File names in the package end with its version: libopenvino_c.so.2641.
    for name in {name, name[: name.index(".so") + 3]}:
        link = libraries / name
        link.unlink(missing_ok=True)
        link.symlink_to(library)
