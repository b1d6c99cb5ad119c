"""Serves the embeddings of a sentence-transformers folder: FastAPI, ONNX Runtime, tokenizers. Pilotlight is compared with it."""

import argparse
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
arguments.add_argument("--longest", type=int, default=256, help="tokens of a text that are read")
options = arguments.parse_args()

tokenizer = Tokenizer.from_file(str(options.folder / "tokenizer.json"))
tokenizer.no_padding()
tokenizer.enable_truncation(options.longest)
session = ort.InferenceSession(str(options.folder / "model.onnx"), providers=["CPUExecutionProvider"])
names = [node.name for node in session.get_inputs()]
app = FastAPI()


class Request(BaseModel):
    inputs: str


# Not async: FastAPI runs it in its thread pool, and ONNX Runtime releases the GIL.
@app.post("/embed")
def embed(request: Request):
    encoding = tokenizer.encode(request.inputs)
    parts = {"input_ids": encoding.ids, "attention_mask": encoding.attention_mask, "token_type_ids": encoding.type_ids}
    hidden = session.run(None, {name: np.array([parts[name]], dtype=np.int64) for name in names})[0]
    mean = hidden[0].mean(0)
    return [(mean / np.linalg.norm(mean)).tolist()]


uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning", access_log=False)
