"""The default model as a Python service: FastAPI, ONNX Runtime, tokenizers. What Pilotlight is compared with."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from tokenizers import Tokenizer

folder, port = Path(sys.argv[1]), int(sys.argv[2])
labels = {int(k): v for k, v in json.loads((folder / "config.json").read_text())["id2label"].items()}
tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
tokenizer.no_padding()
tokenizer.enable_truncation(512)
session = ort.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
names = [node.name for node in session.get_inputs()]
app = FastAPI()


class Request(BaseModel):
    inputs: str


@app.get("/info")
def info():
    return {"model": folder.name, "labels": list(labels.values())}


# Not async: FastAPI runs it in its thread pool, and ONNX Runtime releases the GIL.
@app.post("/")
def classify(request: Request):
    encoding = tokenizer.encode(request.inputs)
    columns = {"input_ids": encoding.ids, "attention_mask": encoding.attention_mask, "token_type_ids": encoding.type_ids}
    logits = session.run(None, {name: np.array([columns[name]], dtype=np.int64) for name in names})[0][0]
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    scores = shifted / shifted.sum(-1, keepdims=True)
    entities = []
    for best, score, (start, end) in zip(scores.argmax(-1), scores.max(-1), encoding.offsets):
        label = labels[int(best)]
        if label == "O" or start == end:
            continue
        name = label.split("-", 1)[-1]
        if entities and entities[-1]["entity_group"] == name and start - entities[-1]["end"] <= 1:
            entities[-1]["end"] = end
        else:
            entities.append({"entity_group": name, "score": float(score), "start": start, "end": end})
    return [entity | {"word": request.inputs[entity["start"] : entity["end"]]} for entity in entities]


uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)
