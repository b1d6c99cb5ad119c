"""A graph as `wasmtime serve` wants it, and OpenVINO's libraries under the names that it looks for:
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
    # The package's names end in its version, libopenvino_c.so.2641.
    for name in {name, name[: name.index(".so") + 3]}:
        link = libraries / name
        link.unlink(missing_ok=True)
        link.symlink_to(library)
