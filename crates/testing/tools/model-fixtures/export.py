"""The exports to ONNX, and their comparison with torch."""


import numpy as np
import onnx
import onnxruntime
import torch

TOLERANCE = 1e-4


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


def by_position(fixture, model, inputs):
    """The same by another `forward`: the graph's names are then those of `optimum`'s exports."""
    forward = model.forward

    def named(*tensors):
        answer = forward(**dict(zip(inputs, tensors)))
        return tuple(answer[name] for name in fixture.outputs)

    model.forward = named
    return model


def wrapped(fixture, model, inputs):
    module = MeanOfTokens(model) if fixture.pooled_in_graph else Encoder(model, inputs, fixture.outputs)
    return module.eval()


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
    with torch.no_grad():
        if fixture.dynamo:
            module = wrapped(fixture, model, inputs)
            shapes = tuple(axes(name, fixture) for name in inputs)
            torch.onnx.export(module, args, str(path), dynamo=True, opset_version=18, external_data=False,
                              input_names=inputs, output_names=fixture.outputs, verbose=False,
                              dynamic_shapes=(shapes,))
        else:
            module = wrapped(fixture, model, inputs) if fixture.pooled_in_graph else by_position(fixture, model, inputs)
            torch.onnx.export(module, args, str(path), dynamo=False, opset_version=17,
                              do_constant_folding=True, input_names=inputs, output_names=fixture.outputs,
                              dynamic_axes={name: axes(name, fixture) for name in [*inputs, *fixture.outputs]})
            vars(model).pop("forward", None)
    shrink(path)


def shrink(path):
    """Leaves out what no reader needs and what takes more space than the weights: notes and long names.

    The names of inputs, outputs and weights stay; nodes lose theirs, and tensors between them are counted.
    """
    model = onnx.load(path)
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    kept = {value.name for value in [*model.graph.input, *model.graph.output, *model.graph.initializer]}
    rename(model.graph, kept, {})
    onnx.checker.check_model(model)
    onnx.save(model, path)


def rename(graph, kept, names):
    """Gives tensors short names, in graphs inside of nodes too."""
    for node in graph.node:
        node.name = node.doc_string = ""
        del node.metadata_props[:]
        for ports in (node.input, node.output):
            for place, name in enumerate(ports):
                if name and name not in kept:
                    ports[place] = names.setdefault(name, f"t{len(names)}")
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                inner = {value.name for value in [*attribute.g.input, *attribute.g.initializer]}
                rename(attribute.g, kept | inner, names)
                for output in attribute.g.output:
                    output.name = names.get(output.name, output.name)


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
