"""What the pipelines of `transformers` answer."""

import numpy as np
import torch
from transformers import pipeline

import corpus as c


def plain(value):
    """JSON of an answer; numbers with eight digits, more than f32 has."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (np.ndarray, torch.Tensor)):
        return plain(value.tolist())
    if isinstance(value, (bool, str)) or value is None:
        return value
    if isinstance(value, (int, np.integer)):
        return int(value)
    return float(f"{float(value):.8g}")


def entry(task, inputs, parameters, answer, files=None):
    """One request with its answer; `answer` is called, and what it refuses is recorded as an error.

    `files`: keys to set in JSON files of the folder first, for one graph with other settings.
    """
    made = {"task": task, "request": {"inputs": inputs}}
    if parameters:
        made["request"]["parameters"] = parameters
    if files:
        made["files"] = files
    try:
        made["answer"] = plain(answer())
    except Exception as refused:  # any kind: the message is the record
        made["error"] = f"{type(refused).__name__}: {refused}"
    return made


class Asker:
    """A pipeline, and the entries of all that it was asked."""

    def __init__(self, task, model, tokenizer):
        self.task, self.model, self.entries = task, model, []
        self.pipeline = pipeline(task, model=model, tokenizer=tokenizer, device="cpu")

    def ask(self, inputs, **parameters):
        self.entries.append(entry(self.task, inputs, parameters, lambda: self.pipeline(inputs, **parameters)))

    def ask_as(self, problem_type, inputs, **parameters):
        """Asks with another `problem_type` in `config.json`."""
        before, self.model.config.problem_type = self.model.config.problem_type, problem_type
        files = {"config.json": {"problem_type": problem_type}}
        self.entries.append(entry(self.task, inputs, parameters, lambda: self.pipeline(inputs, **parameters), files))
        self.model.config.problem_type = before


def token_classification(model, tokenizer):
    asker = Asker("token-classification", model, tokenizer)
    for text in [c.PEOPLE, c.UNICODE, c.SPACES]:
        for strategy in ["none", "simple", "first"]:
            asker.ask(text, aggregation_strategy=strategy)
    for strategy in ["average", "max"]:
        asker.ask(c.PEOPLE, aggregation_strategy=strategy)
    asker.ask(c.SHORT)
    asker.ask(c.SHORT, ignore_labels=[])
    asker.ask([c.SHORT, c.PEOPLE], aggregation_strategy="simple")
    asker.ask("")
    asker.ask("", aggregation_strategy="first")
    # Cut at the longest sequence the model reads; or read in windows.
    asker.ask(c.LONG, aggregation_strategy="simple")
    asker.ask(c.LONG, aggregation_strategy="simple", stride=16)
    asker.ask(c.LONG, aggregation_strategy="first", stride=16)
    return asker.entries


def text_classification(model, tokenizer):
    asker = Asker("text-classification", model, tokenizer)
    pair = {"text": c.QUERY, "text_pair": c.PASSAGES[0]}
    long_pair = {"text": c.LONG, "text_pair": c.LONG}
    for text in [c.HAPPY, c.UNICODE, c.SPACES, "", [c.HAPPY, c.ANGRY], pair, [pair, {**pair, "text_pair": ""}]]:
        asker.ask(text)
    asker.ask(c.HAPPY, top_k=None)
    asker.ask([c.HAPPY, c.ANGRY], top_k=2)
    asker.ask(pair, top_k=None)
    asker.ask(c.HAPPY, top_k=None, function_to_apply="sigmoid")
    asker.ask(c.HAPPY, top_k=None, function_to_apply="softmax")
    asker.ask(c.HAPPY, top_k=None, function_to_apply="none")
    # Longest first: the longer text loses tokens until both have the same number.
    for inputs in [c.LONG, long_pair, {**long_pair, "text": c.QUERY}, {**long_pair, "text_pair": c.HAPPY}]:
        asker.ask(inputs, top_k=None, truncation=True)
    asker.ask({**long_pair, "text": c.QUERY}, top_k=None, truncation="only_second")
    for problem_type in ["multi_label_classification", "regression"]:
        asker.ask_as(problem_type, c.HAPPY)
        asker.ask_as(problem_type, [c.HAPPY, c.ANGRY], top_k=None)
    return asker.entries


def zero_shot_classification(model, tokenizer):
    asker = Asker("zero-shot-classification", model, tokenizer)
    labels = ["sports", "politics", "travel"]
    for text in [c.PREMISE, c.UNICODE, c.LONG]:
        asker.ask(text, candidate_labels=labels)
        asker.ask(text, candidate_labels=labels, multi_label=True)
    asker.ask(c.PREMISE, candidate_labels="sports, politics,travel")
    asker.ask(c.PREMISE, candidate_labels=["sports"])
    asker.ask(c.PREMISE, candidate_labels=labels, hypothesis_template="The text is about {}!")
    asker.ask([c.PREMISE, c.HAPPY], candidate_labels=labels)
    asker.ask(c.PREMISE, candidate_labels=labels, hypothesis_template="no place for a label")
    asker.ask(c.PREMISE, candidate_labels=[])
    asker.ask("", candidate_labels=labels)
    return asker.entries


def fill_mask(model, tokenizer):
    asker = Asker("fill-mask", model, tokenizer)
    mask = tokenizer.mask_token
    text = f"The capital of France is {mask}."
    for inputs in [text, f"{mask} Zoë met 李雷 in Ｐａｒｉｓ", f"{mask} is in {mask}.", [text, f"I {mask} you."]]:
        asker.ask(inputs)
    asker.ask(text, top_k=1)
    asker.ask(text, top_k=12)
    asker.ask(text, targets=["is", "on", "Paris"])
    asker.ask(text, targets="is")
    asker.ask(text, targets=["is", "on", "Paris"], top_k=2)
    asker.ask(f"{mask} is in {mask}.", targets=["is", "on"])
    asker.ask(f"{mask} {c.LONG}", tokenizer_kwargs={"truncation": True})
    asker.ask("no gap")
    return asker.entries


def feature_extraction(model, tokenizer):
    asker = Asker("feature-extraction", model, tokenizer)
    for text in [c.SHORT, c.UNICODE, "", [c.SHORT, c.PREMISE]]:
        asker.ask(text)
    asker.ask(c.LONG, truncation=True)
    return asker.entries


ANSWERS = {"token-classification": token_classification, "text-classification": text_classification,
           "zero-shot-classification": zero_shot_classification, "fill-mask": fill_mask,
           "feature-extraction": feature_extraction}
