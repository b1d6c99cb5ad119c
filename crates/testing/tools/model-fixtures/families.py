"""The families: configuration, tokenizer and inputs; and the fixtures: which heads each family gets."""

from dataclasses import dataclass, field

import transformers as hf

import tokenizer_kinds as kinds

IDS, MASK, TYPES = "input_ids", "attention_mask", "token_type_ids"
MAX_LENGTH = 64  # tokens, special tokens included
TYPE = {"token-classification": "TokenClassification", "text-classification": "SequenceClassification",
        "reranking": "SequenceClassification", "zero-shot-classification": "SequenceClassification",
        "question-answering": "QuestionAnswering", "fill-mask": "MaskedLM"}
OUTPUTS = {"question-answering": ["start_logits", "end_logits"], "feature-extraction": ["last_hidden_state"],
           "sentence-embeddings": ["last_hidden_state"]}
ENTITIES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64,
         "max_position_embeddings": MAX_LENGTH}
FAIRSEQ = {**SIZES, "max_position_embeddings": MAX_LENGTH + 2, "bos_token_id": 0, "pad_token_id": 1,
           "eos_token_id": 2}
DEBERTA = {**SIZES, "type_vocab_size": 0, "relative_attention": True, "max_relative_positions": -1,
           "position_buckets": 8, "norm_rel_ebd": "layer_norm", "share_att_key": True,
           "pos_att_type": ["p2c", "c2p"], "position_biased_input": False, "pooler_hidden_size": 32,
           "pooler_dropout": 0, "pooler_hidden_act": "gelu"}


@dataclass
class Family:
    """What all fixtures of a family share."""

    config: type           # of `transformers`
    sizes: dict
    tokenizer: callable    # (model_input_names, max_length) -> tokenizer
    tokenizer_class: str   # that `tokenizer_config.json` names
    inputs: list           # of the graph
    attention: str = "sdpa"


FAMILIES = {
    "distilbert": Family(hf.DistilBertConfig, {
        "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64, "max_position_embeddings": MAX_LENGTH,
    }, lambda *args: kinds.bert(*args, lowercase=False), "DistilBertTokenizer", [IDS, MASK]),
    "roberta": Family(hf.RobertaConfig, {**FAIRSEQ, "type_vocab_size": 1}, kinds.roberta, "RobertaTokenizer",
                      [IDS, MASK]),
    "xlm-roberta": Family(hf.XLMRobertaConfig, {**FAIRSEQ, "type_vocab_size": 1}, kinds.xlm_roberta,
                          "XLMRobertaTokenizer", [IDS, MASK]),
    "mpnet": Family(hf.MPNetConfig, {**FAIRSEQ, "relative_attention_num_buckets": 8}, kinds.mpnet,
                    "MPNetTokenizer", [IDS, MASK], "eager"),
    "albert": Family(hf.AlbertConfig, {
        **SIZES, "embedding_size": 16, "bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0,
    }, kinds.albert, "AlbertTokenizer", [IDS, MASK, TYPES]),
    "electra": Family(hf.ElectraConfig, {**SIZES, "embedding_size": 16}, kinds.bert, "ElectraTokenizer",
                      [IDS, MASK, TYPES]),
    # The large models of version 2 have a convolution beside the first layer.
    "deberta-v2": Family(hf.DebertaV2Config, {**DEBERTA, "conv_kernel_size": 3, "conv_act": "gelu"},
                         kinds.deberta, "DebertaV2Tokenizer", [IDS, MASK], "eager"),
    "deberta-v3": Family(hf.DebertaV2Config, DEBERTA, kinds.deberta, "DebertaV2Tokenizer", [IDS, MASK], "eager"),
    # One layer sees all tokens, the other eight on each side.
    "modernbert": Family(hf.ModernBertConfig, {
        **SIZES, "global_attn_every_n_layers": 2, "local_attention": 16, "classifier_pooling": "mean",
        "unk_token_id": 0, "cls_token_id": 1, "bos_token_id": 1, "sep_token_id": 2, "eos_token_id": 2,
        "pad_token_id": 3,
    }, kinds.modernbert, "PreTrainedTokenizerFast", [IDS, MASK]),
    "nomic-bert": Family(hf.NomicBertConfig, {**SIZES, "type_vocab_size": 2, "pad_token_id": 0}, kinds.bert,
                         "BertTokenizer", [IDS, MASK, TYPES]),
    # The first GTE models are BERT; version 1.5 has rotary positions and gated layers, and no token types.
    "gte": Family(hf.BertConfig, SIZES, kinds.bert, "BertTokenizer", [IDS, MASK, TYPES]),
    "gte-v1.5": Family(hf.GteConfig, {**SIZES, "type_vocab_size": 0, "pad_token_id": 0}, kinds.bert,
                       "BertTokenizer", [IDS, MASK]),
}


@dataclass
class Fixture:
    """A model folder to make."""

    family: str
    task: str
    labels: list = field(default_factory=list)
    dynamo: bool = False               # exported by torch's newer exporter
    pooling: str = ""                  # of sentence-transformers
    normalize: bool = True
    prompts: dict = field(default_factory=dict)
    default_prompt: str | None = None
    pooled_in_graph: bool = False      # `sentence_embedding` is an output
    max_seq_length: int = MAX_LENGTH   # that sentence-transformers reads
    padded: bool = False               # `tokenizer.json` asks for padding and truncation, as published ones do
    all_poolings: bool = False         # ask with every pooling
    new_layout: bool = False           # as sentence-transformers saves from version 6 on

    @property
    def name(self):
        return f"{self.family}-{self.task}" + ("-dynamo" if self.dynamo else "")

    @property
    def outputs(self):
        if self.pooled_in_graph:
            return ["token_embeddings", "sentence_embedding"]
        return OUTPUTS.get(self.task, ["logits"])

    def model_class(self):
        """The class of `transformers` for the head."""
        return getattr(hf, f"AutoModelFor{TYPE[self.task]}") if self.task in TYPE else hf.AutoModel

    def build_config(self, vocabulary):
        """The configuration with the head's labels."""
        family = FAMILIES[self.family]
        labels = {"id2label": dict(enumerate(self.labels)),
                  "label2id": {label: number for number, label in enumerate(self.labels)}} if self.labels else {}
        return family.config(vocab_size=vocabulary, **labels, **family.sizes)


def embeddings(family, pooling, **keys):
    return Fixture(family, "sentence-embeddings", pooling=pooling, **keys)


MOODS = ["negative", "neutral", "positive"]
TOPICS = ["travel", "sport", "politics", "science"]
FIXTURES = [
    Fixture("distilbert", "token-classification", ENTITIES),
    Fixture("distilbert", "zero-shot-classification", ["ENTAILMENT", "NEUTRAL", "CONTRADICTION"]),
    Fixture("distilbert", "question-answering"),
    Fixture("roberta", "text-classification", MOODS),
    Fixture("roberta", "question-answering"),
    Fixture("roberta", "fill-mask"),
    Fixture("xlm-roberta", "token-classification", ENTITIES),
    Fixture("xlm-roberta", "reranking", ["LABEL_0"]),
    embeddings("xlm-roberta", "mean", pooled_in_graph=True,
               prompts={"query": "query: ", "passage": "passage: "}, default_prompt="passage"),
    embeddings("mpnet", "mean", max_seq_length=32, padded=True, all_poolings=True),
    Fixture("mpnet", "fill-mask"),
    Fixture("albert", "text-classification", TOPICS),
    Fixture("albert", "question-answering"),
    Fixture("albert", "fill-mask"),
    Fixture("electra", "token-classification", ENTITIES),
    Fixture("electra", "reranking", ["LABEL_0"]),
    Fixture("electra", "feature-extraction"),
    Fixture("deberta-v2", "zero-shot-classification", ["contradiction", "neutral", "entailment"]),
    Fixture("deberta-v2", "question-answering"),
    Fixture("deberta-v3", "token-classification", ENTITIES),
    Fixture("deberta-v3", "zero-shot-classification", ["entailment", "neutral", "contradiction"]),
    Fixture("modernbert", "text-classification", MOODS, dynamo=True),
    embeddings("modernbert", "lasttoken", normalize=False),
    Fixture("modernbert", "fill-mask"),
    Fixture("nomic-bert", "text-classification", TOPICS),
    embeddings("nomic-bert", "mean", prompts={"query": "search_query: ", "document": "search_document: "}, new_layout=True),
    embeddings("gte", "mean", dynamo=True),
    embeddings("gte-v1.5", "cls", new_layout=True),
    Fixture("gte-v1.5", "reranking", ["LABEL_0"], new_layout=True),
]
