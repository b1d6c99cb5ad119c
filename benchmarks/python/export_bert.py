"""Writes a model folder with the shape of BERT-base-Chinese and random weights: export_bert.py FOLDER

12 layers, hidden size 768, 12 heads, intermediate size 3072, 21,128 tokens, 12 kinds of entities. Its labels
mean nothing; its speed is that of a trained model.
"""

import hashlib
import json
import math
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import WordPiece

LAYERS, HIDDEN, HEADS, INTERMEDIATE, VOCABULARY, POSITIONS = 12, 768, 12, 3072, 21128, 512
KINDS = ["NAME", "ADDRESS", "PHONE", "EMAIL", "ID_CARD", "PASSPORT", "BANK_CARD", "PLATE", "COMPANY", "BIRTHDAY", "ACCOUNT", "URL"]
LABELS = ["O"] + [f"{place}-{kind}" for kind in KINDS for place in "BI"]


class Graph:
    """Nodes and weights in order."""

    def __init__(self):
        self.random = np.random.default_rng(12)
        self.nodes, self.weights, self.values = [], [], 0

    def add(self, operator, *inputs, **attributes):
        self.values += 1
        self.nodes.append(helper.make_node(operator, inputs, [f"value_{self.values}"], **attributes))
        return f"value_{self.values}"

    def constant(self, array):
        self.weights.append(numpy_helper.from_array(np.asarray(array), f"weight_{len(self.weights)}"))
        return self.weights[-1].name

    def drawn(self, *shape):
        return self.constant(self.random.normal(0, 0.02, shape).astype(np.float32))

    def number(self, value):
        return self.constant(np.float32(value))

    def linear(self, value, inner, outer):
        return self.add("Add", self.add("MatMul", value, self.drawn(inner, outer)), self.drawn(outer))

    def normalized(self, value):
        gain, shift = np.ones(HIDDEN, np.float32), np.zeros(HIDDEN, np.float32)
        return self.add("LayerNormalization", value, self.constant(gain), self.constant(shift), axis=-1, epsilon=1e-12)

    def gelu(self, value):
        error = self.add("Erf", self.add("Div", value, self.number(math.sqrt(2))))
        return self.add("Mul", self.add("Mul", value, self.add("Add", error, self.number(1))), self.number(0.5))


def embeddings(graph):
    length = graph.add("Gather", graph.add("Shape", "input_ids"), graph.constant(np.array([1])), axis=0)
    positions = graph.add("Slice", graph.drawn(POSITIONS, HIDDEN), graph.constant(np.array([0])), length, graph.constant(np.array([0])))
    words = graph.add("Gather", graph.drawn(VOCABULARY, HIDDEN), "input_ids", axis=0)
    types = graph.add("Gather", graph.drawn(2, HIDDEN), "token_type_ids", axis=0)
    return graph.normalized(graph.add("Add", graph.add("Add", words, types), positions))


def mask(graph):
    """0 for tokens, a large negative number for padding, to add to the scores of all heads."""
    spread = graph.add("Unsqueeze", "attention_mask", graph.constant(np.array([1, 2])))
    given = graph.add("Cast", spread, to=TensorProto.FLOAT)
    return graph.add("Mul", graph.add("Sub", graph.number(1), given), graph.number(-10000))


def attention(graph, value, added):
    split, joined = (graph.constant(np.array(shape)) for shape in ([0, 0, HEADS, HIDDEN // HEADS], [0, 0, HIDDEN]))

    def heads(order):
        return graph.add("Transpose", graph.add("Reshape", graph.linear(value, HIDDEN, HIDDEN), split), perm=order)

    query, key, content = heads([0, 2, 1, 3]), heads([0, 2, 3, 1]), heads([0, 2, 1, 3])
    scores = graph.add("Div", graph.add("MatMul", query, key), graph.number(math.sqrt(HIDDEN // HEADS)))
    shares = graph.add("Softmax", graph.add("Add", scores, added), axis=-1)
    mixed = graph.add("Transpose", graph.add("MatMul", shares, content), perm=[0, 2, 1, 3])
    output = graph.linear(graph.add("Reshape", mixed, joined), HIDDEN, HIDDEN)
    return graph.normalized(graph.add("Add", output, value))


def model():
    graph = Graph()
    value, added = embeddings(graph), mask(graph)
    for _ in range(LAYERS):
        value = attention(graph, value, added)
        output = graph.linear(graph.gelu(graph.linear(value, HIDDEN, INTERMEDIATE)), INTERMEDIATE, HIDDEN)
        value = graph.normalized(graph.add("Add", output, value))
    graph.nodes.append(helper.make_node("Identity", [graph.linear(value, HIDDEN, len(LABELS))], ["logits"]))
    shape = ["batch", "sequence"]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in ("input_ids", "attention_mask", "token_type_ids")]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [*shape, len(LABELS)])]
    built = helper.make_graph(graph.nodes, "bert", inputs, outputs, graph.weights)
    made = helper.make_model(built, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    return made


def tokenizer():
    """The special tokens where BERT-base-Chinese has them; then single characters, alone and as continuations."""
    tokens = ["[PAD]", *(f"[unused{number}]" for number in range(1, 100)), "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    characters = [chr(0x4E00 + number) for number in range((VOCABULARY - len(tokens)) // 2)]
    tokens += characters + ["##" + character for character in characters]
    made = Tokenizer(WordPiece({token: number for number, token in enumerate(tokens)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = [("[CLS]", 101), ("[SEP]", 102)]
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=special)
    made.decoder = decoders.WordPiece()
    made.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    assert made.get_vocab_size() == VOCABULARY
    return made


def config():
    return {
        "architectures": ["BertForTokenClassification"], "model_type": "bert", "hidden_act": "gelu", "hidden_size": HIDDEN,
        "id2label": {str(number): label for number, label in enumerate(LABELS)}, "label2id": {label: number for number, label in enumerate(LABELS)},
        "intermediate_size": INTERMEDIATE, "layer_norm_eps": 1e-12, "max_position_embeddings": POSITIONS, "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS, "pad_token_id": 0, "type_vocab_size": 2, "vocab_size": VOCABULARY,
    }  # fmt: skip


def manifest(folder):
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("config.json", "model.onnx", "tokenizer.json")}
    head = f'name = "bert-base-random"\ntask = "token-classification"\nmax-length = {POSITIONS}\nlicense = "CC0-1.0"\n\n[files]\n'
    return head + "".join(f'"{name}".sha256 = "{digest}"\n' for name, digest in digests.items())


folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
onnx.save(model(), str(folder / "model.onnx"))
tokenizer().save(str(folder / "tokenizer.json"))
(folder / "config.json").write_text(json.dumps(config(), indent=1))
(folder / "model.toml").write_text(manifest(folder))
