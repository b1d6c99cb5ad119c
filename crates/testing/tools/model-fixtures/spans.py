"""What the question-answering pipeline answers. Runs under the last `transformers` 4: version 5 has none.

Reads jobs from standard input, writes a list of entries for each to standard output, both as JSON.
"""

import json
import sys

import numpy as np
import onnxruntime
from transformers import AutoModelForQuestionAnswering, PreTrainedTokenizerFast, pipeline

import corpus as c
from answers import entry

TOLERANCE = 1e-4
WHERE = {"question": "Where was she born?", "context": c.CORPUS[2]}
LONG = {**WHERE, "context": c.LONG}


def answers(job):
    model = AutoModelForQuestionAnswering.from_pretrained(job["folder"]).eval()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=f"{job['folder']}/tokenizer.json", model_max_length=job["max_length"],
        model_input_names=job["inputs"], **job["tokens"])
    session = onnxruntime.InferenceSession(job["onnx"], providers=["CPUExecutionProvider"])
    asker = pipeline("question-answering", model=model, tokenizer=tokenizer, device="cpu")

    def compare(_module, _args, kwargs, output):
        found = session.run(["start_logits", "end_logits"], {name: kwargs[name].numpy() for name in job["inputs"]})
        for ours, theirs in zip(found, (output.start_logits, output.end_logits)):
            if np.abs(ours - theirs.numpy()).max() > TOLERANCE:
                raise SystemExit(f"{job['onnx']}: the graph differs from the model of transformers 4")

    model.register_forward_hook(compare, with_kwargs=True)
    entries = []

    def ask(inputs, **parameters):
        entries.append(entry("question-answering", inputs, parameters, lambda: asker(inputs, **parameters)))

    for inputs in [WHERE, {**WHERE, "context": c.UNICODE}, {**WHERE, "context": c.SPACES}, LONG]:
        ask(inputs)
        ask(inputs, top_k=3)
        ask(inputs, top_k=3, handle_impossible_answer=True)
    ask([WHERE, {**WHERE, "context": c.SHORT}])
    ask(WHERE, top_k=3, max_answer_len=2)
    ask(WHERE, top_k=3, align_to_words=False)
    ask(LONG, top_k=3, doc_stride=8)
    ask(LONG, top_k=3, doc_stride=8, max_seq_len=40)
    ask(LONG, top_k=3, doc_stride=8, max_answer_len=40, align_to_words=False)
    ask({**WHERE, "context": ""})
    ask({**WHERE, "question": ""})
    return entries


if __name__ == "__main__":
    json.dump([answers(job) for job in json.load(sys.stdin)], sys.stdout)
