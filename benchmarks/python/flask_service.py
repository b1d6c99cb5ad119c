"""Serves a model of a folder's shape with random weights: Flask, transformers, PyTorch."""

import sys
from pathlib import Path

import torch
from flask import Flask, jsonify, request
from transformers import BertConfig, BertForTokenClassification, PreTrainedTokenizerFast

folder, port = Path(sys.argv[1]), int(sys.argv[2])
torch.manual_seed(12)
config = BertConfig.from_pretrained(folder)
tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), pad_token="[PAD]")
model = BertForTokenClassification(config).eval()
app = Flask(__name__)


@app.get("/info")
def info():
    return jsonify(model=folder.name, labels=list(config.id2label.values()))


@app.post("/")
def classify():
    inputs = request.get_json()["inputs"]
    texts = inputs if isinstance(inputs, list) else [inputs]
    encoded = tokenizer(texts, padding=True, truncation=True, max_length=512, return_offsets_mapping=True, return_tensors="pt")
    offsets = encoded.pop("offset_mapping").tolist()
    with torch.inference_mode():
        scores, best = model(**encoded).logits.softmax(-1).max(-1)
    rows = [entities(*row) for row in zip(texts, offsets, best.tolist(), scores.tolist())]
    return jsonify(rows if isinstance(inputs, list) else rows[0])


def entities(text, offsets, labels, scores):
    found = []
    for (start, end), number, score in zip(offsets, labels, scores):
        label = config.id2label[number]
        if label == "O" or start == end:
            continue
        name = label.split("-", 1)[-1]
        if found and found[-1]["entity_group"] == name and start - found[-1]["end"] <= 1:
            found[-1]["end"] = end
        else:
            found.append({"entity_group": name, "score": score, "start": start, "end": end})
    return [entity | {"word": text[entity["start"] : entity["end"]]} for entity in found]


app.run(host="127.0.0.1", port=port, threaded=True)
