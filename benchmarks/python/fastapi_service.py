"""Serves a model folder: FastAPI, ONNX Runtime, tokenizers. Pilotlight is compared with it."""

import argparse
import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from tokenizers import Tokenizer

arguments = argparse.ArgumentParser()
arguments.add_argument("folder", type=Path)
arguments.add_argument("port", type=int)
arguments.add_argument("--model", type=Path, help="the graph, when it is not the folder's model.onnx")
arguments.add_argument("--threads", type=int, default=0, help="threads for one run; 0 is one for each core")
arguments.add_argument("--no-spinning", action="store_true", help="threads without work sleep at once")
options = arguments.parse_args()
folder = options.folder

labels = {int(k): v for k, v in json.loads((folder / "config.json").read_text())["id2label"].items()}
tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
tokenizer.no_padding()
tokenizer.enable_truncation(512)
settings = ort.SessionOptions()
settings.intra_op_num_threads = options.threads
if options.no_spinning:
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
graph = options.model or folder / "model.onnx"
session = ort.InferenceSession(str(graph), settings, providers=["CPUExecutionProvider"])
names = [node.name for node in session.get_inputs()]
app = FastAPI()


class Request(BaseModel):
    inputs: str | list[str]


@app.get("/info")
def info():
    return {"model": folder.name, "labels": list(labels.values())}


# Not async: FastAPI runs it in its thread pool, and ONNX Runtime releases the GIL.
@app.post("/")
def classify(request: Request):
    many = isinstance(request.inputs, list)
    texts = request.inputs if many else [request.inputs]
    encodings = tokenizer.encode_batch(texts)
    rows = [entities(*row) for row in zip(texts, encodings, compute(encodings))]
    return rows if many else rows[0]


def compute(encodings):
    """Logits of all texts in one run, padded to the longest."""
    shape = len(encodings), max((len(encoding) for encoding in encodings), default=0)
    columns = {name: np.zeros(shape, dtype=np.int64) for name in names}
    for row, encoding in enumerate(encodings):
        parts = {"input_ids": encoding.ids, "attention_mask": encoding.attention_mask, "token_type_ids": encoding.type_ids}
        for name in names:
            columns[name][row, : len(encoding)] = parts[name]
    return session.run(None, columns)[0]


def entities(text, encoding, logits):
    logits = logits[: len(encoding)]
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    scores = shifted / shifted.sum(-1, keepdims=True)
    found = []
    for best, score, (start, end) in zip(scores.argmax(-1), scores.max(-1), encoding.offsets):
        label = labels[int(best)]
        if label == "O" or start == end:
            continue
        name = label.split("-", 1)[-1]
        if found and found[-1]["entity_group"] == name and start - found[-1]["end"] <= 1:
            found[-1]["end"] = end
        else:
            found.append({"entity_group": name, "score": float(score), "start": start, "end": end})
    return [entity | {"word": text[entity["start"] : entity["end"]]} for entity in found]


uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning", access_log=False)
