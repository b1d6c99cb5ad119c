"""Makes the model folders in ../../models: tiny random models of ten families with their pipelines' answers.

Run it in this folder (Python 3.11; PyTorch takes 5 GB of disk):

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/pip install --no-deps --target transformers4 -r requirements-4.txt
    venv/bin/python make.py [NAME ...]

Names choose fixtures; without one all of them are made, and the index `fixtures.json` is written.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}

import answers
import folders
import vectors
from export import Check, export, seed_weights
from families import FAMILIES, FIXTURES, MAX_LENGTH

HERE = Path(__file__).resolve().parent
MODELS = HERE.parent.parent / "models"


def make(fixture, scratch):
    """Writes the folder; returns a job for `spans.py` if the task is question answering."""
    family = FAMILIES[fixture.family]
    folder = MODELS / fixture.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tokenizer = family.tokenizer(family.inputs, MAX_LENGTH)
    model = fixture.model_class().from_config(
        fixture.build_config(len(tokenizer)), attn_implementation=family.attention)
    seed_weights(model, fixture.name)
    folders.write_config(folder, model)
    folders.write_tokenizer(folder, fixture, tokenizer)
    graph = folder / "model.onnx"
    if fixture.pooling:
        folders.write_sentence_transformer(folder, fixture, model.config.hidden_size)
        graph = folder / "onnx" / "model.onnx"
        graph.parent.mkdir()
    export(fixture, model, family.inputs, graph)
    check = Check(fixture, model, family.inputs, graph)
    if fixture.task == "question-answering":
        return spans_job(fixture, family, model, folder, scratch)
    write_answers(folder, ask(fixture, model, tokenizer, folder))
    check.replay()
    print(f"{fixture.name}: {graph.stat().st_size // 1000} kB, differs by at most {check.worst:.1e}", flush=True)
    return None


def ask(fixture, model, tokenizer, folder):
    if fixture.task == "sentence-embeddings":
        return vectors.sentence_embeddings(fixture, model, tokenizer, folder)
    if fixture.task == "reranking":
        return vectors.reranking(fixture, model, tokenizer, folder)
    return answers.ANSWERS[fixture.task](model, tokenizer)


def spans_job(fixture, family, model, folder, scratch):
    """Weights and tokenizer for `transformers` 4."""
    weights = Path(scratch) / fixture.name
    model.save_pretrained(weights)
    shutil.copy(folder / "tokenizer.json", weights)
    special = json.loads((folder / "special_tokens_map.json").read_text())
    special = {name: token if isinstance(token, str) else token["content"] for name, token in special.items()}
    return {"name": fixture.name, "folder": str(weights), "onnx": str(folder / "model.onnx"), "tokens": special,
            "inputs": family.inputs, "max_length": MAX_LENGTH}


def answer_spans(jobs):
    done = subprocess.run([sys.executable, HERE / "spans.py"], input=json.dumps(jobs), text=True, check=True,
                          stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(HERE / "transformers4")})
    for job, entries in zip(jobs, json.loads(done.stdout)):
        write_answers(MODELS / job["name"], entries)
        print(f"{job['name']}: {Path(job['onnx']).stat().st_size // 1000} kB")


def write_answers(folder, entries):
    """One entry a line."""
    lines = ",\n".join(json.dumps(made, ensure_ascii=False) for made in entries)
    (folder / "answers.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def write_index():
    """What each folder is."""
    index = [{"name": f.name, "family": f.family, "task": f.task, "exporter": "dynamo" if f.dynamo else "torchscript",
              "onnx_file": "onnx/model.onnx" if f.pooling else "model.onnx", "inputs": FAMILIES[f.family].inputs,
              "outputs": f.outputs, "max_length": f.max_seq_length} for f in FIXTURES]
    lines = ",\n".join(json.dumps(line) for line in index)
    (MODELS / "fixtures.json").write_text(f"[\n{lines}\n]\n")


def main(names):
    unknown = set(names) - {fixture.name for fixture in FIXTURES}
    if unknown:
        sys.exit(f"no such fixture: {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as scratch:
        made = [make(fixture, scratch) for fixture in FIXTURES if not names or fixture.name in names]
        jobs = [job for job in made if job]
        if jobs:
            answer_spans(jobs)
    write_index()


if __name__ == "__main__":
    main(sys.argv[1:])
