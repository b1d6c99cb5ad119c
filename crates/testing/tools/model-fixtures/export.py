"""Seeded weights, the exports to ONNX, and their comparison with torch."""

import hashlib

import numpy as np
import onnx
import onnxruntime
import torch

TOLERANCE = 1e-4


def seed_weights(model, name):
    """Fills every parameter, biases and norms too, so that a step left out changes the answers."""
    generator = torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big"))
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim > 1:
                parameter.copy_(0.3 * noise)
            elif "norm" in key.lower() and key.endswith("weight"):
                parameter.copy_(1 + 0.2 * noise)
            else:
                parameter.copy_(0.2 * noise)
    return model.eval()


class Encoder(torch.nn.Module):
    """The model with its inputs by position, and the named outputs as a tuple."""

    def __init__(self, model, inputs, outputs):
        super().__init__()
        self.model, self.inputs, self.outputs = model, inputs, outputs

    def forward(self, *tensors):
        answer = self.model(**dict(zip(self.inputs, tensors)))
        return tuple(answer[name] for name in self.outputs)


class MeanOfTokens(torch.nn.Module):
    """A sentence encoder with pooling and normalization in the graph, as `optimum` exports it."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        tokens = self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).expand(tokens.size()).float()
        mean = (tokens * mask).sum(1) / torch.clamp(mask.sum(1), min=1e-9)
        return tokens, torch.nn.functional.normalize(mean, p=2, dim=1)


def wrapped(fixture, model, inputs):
    return MeanOfTokens(model) if fixture.pooled_in_graph else Encoder(model, inputs, fixture.outputs)


def axes(name, fixture):
    """The names that `optimum` gives dynamic dimensions."""
    per_text = fixture.task in ("text-classification", "zero-shot-classification", "reranking")
    if name == "sentence_embedding" or (name == "logits" and per_text):
        return {0: "batch_size"}
    return {0: "batch_size", 1: "sequence_length"}


def sample(inputs, vocabulary, shape=(2, 16)):
    """Token ids, a mask with padding, two token types."""
    ids = torch.randint(5, vocabulary, shape, generator=torch.Generator().manual_seed(1))
    mask = torch.ones(shape, dtype=torch.long)
    mask[-1, shape[1] * 3 // 4:] = 0
    types = torch.zeros(shape, dtype=torch.long)
    types[:, shape[1] // 2:] = 1
    made = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
    return tuple(made[name] for name in inputs)


def export(fixture, model, inputs, path):
    """Writes the graph by the TorchScript-based exporter, or by the newer one."""
    args = sample(inputs, model.config.vocab_size)
    module = wrapped(fixture, model, inputs).eval()
    with torch.no_grad():
        if fixture.dynamo:
            shapes = tuple(axes(name, fixture) for name in inputs)
            torch.onnx.export(module, args, str(path), dynamo=True, opset_version=18, external_data=False,
                              input_names=inputs, output_names=fixture.outputs, verbose=False,
                              dynamic_shapes=(shapes,))
        else:
            torch.onnx.export(module, args, str(path), dynamo=False, opset_version=17,
                              do_constant_folding=True, input_names=inputs, output_names=fixture.outputs,
                              dynamic_axes={name: axes(name, fixture) for name in [*inputs, *fixture.outputs]})
    shrink(path)


def shrink(path):
    """Drops source locations and the exporter's notes, several times the size of the weights."""
    graph = onnx.load(path)
    del graph.metadata_props[:]
    graph.graph.doc_string = ""
    del graph.graph.metadata_props[:]
    for node in graph.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in [*graph.graph.value_info, *graph.graph.input, *graph.graph.output]:
        value.doc_string = ""
        del value.metadata_props[:]
    onnx.checker.check_model(graph)
    onnx.save(graph, path)


class Check:
    """Compares the graph with torch: in other shapes, and for all that the pipelines feed the model."""

    def __init__(self, fixture, model, inputs, path):
        self.fixture, self.model, self.inputs = fixture, model, inputs
        self.module = wrapped(fixture, model, inputs)
        self.session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self.worst, self.seen = 0.0, []
        declared = [port.name for port in self.session.get_inputs()]
        if declared != inputs:
            raise ValueError(f"{fixture.name}: the graph's inputs are {declared}, not {inputs}")
        for shape in [(1, 2), (1, 7), (3, 33), (2, 64)]:
            self.compare(sample(inputs, model.config.vocab_size, shape))
        model.register_forward_hook(self.remember, with_kwargs=True)

    def remember(self, _module, _args, kwargs, _output):
        self.seen.append({name: kwargs[name] for name in self.inputs if name in kwargs})

    def compare(self, tensors):
        with torch.no_grad():
            expected = self.module(*tensors)
        found = self.session.run(self.fixture.outputs, {
            name: tensor.numpy() for name, tensor in zip(self.inputs, tensors)})
        for name, ours, theirs in zip(self.fixture.outputs, found, expected):
            difference = float(np.abs(ours - theirs.numpy()).max())
            self.worst = max(self.worst, difference)
            if ours.shape != tuple(theirs.shape) or difference > TOLERANCE:
                raise ValueError(f"{self.fixture.name}: {name} differs by {difference} from torch")

    def replay(self):
        """Runs what the pipelines have run."""
        seen, self.seen = self.seen, []
        for tensors in seen:
            if set(tensors) != set(self.inputs):
                raise ValueError(f"{self.fixture.name}: a pipeline fed {sorted(tensors)} only")
            self.compare([tensors[name] for name in self.inputs])
        self.seen = []
