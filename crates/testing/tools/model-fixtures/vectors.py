"""What sentence-transformers answers: vectors of texts, their similarity, and ranks of texts."""

import shutil
import tempfile
from pathlib import Path

import sentence_transformers as st
import torch

import corpus as c
import folders
from answers import Asker, entry

SENTENCES = [c.PEOPLE, c.UNICODE, c.SPACES, "", c.LONG]


def load(kind, fixture, model, tokenizer, folder):
    """The model as sentence-transformers reads it from a folder; the files it saves, if they are wanted."""
    with tempfile.TemporaryDirectory() as scratch:
        saved = Path(scratch) / "model"
        model.save_pretrained(saved)
        tokenizer.save_pretrained(saved)
        if fixture.pooling:
            folders.write_sentence_transformer(saved, fixture, model.config.hidden_size)
        loaded = kind(str(saved), device="cpu")
        if fixture.new_layout:
            again = Path(scratch) / "again"
            loaded.save(str(again))
            keep_layout(again, folder)
    # The very tokenizer that the folder has, and the model that is compared with the graph.
    loaded[0].model, loaded[0].processor = model, tokenizer
    loaded.max_seq_length = fixture.max_seq_length
    return loaded


def keep_layout(saved, folder):
    """Takes what says how the modules follow one another, without weights and tokenizer."""
    for name in ["modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"]:
        shutil.copy(saved / name, folder / name)
    for path in saved.glob("*_*/config.json"):
        (folder / path.parent.name).mkdir(exist_ok=True)
        shutil.copy(path, folder / path.parent.name)


def encode(encoder, inputs, prompt_name=None, prompt=None, dimensions=None, normalize=None):
    """`dimensions` cuts the vectors, and scales what is left to length 1 if the model scales its vectors."""
    normalizes = "Normalize" in [type(module).__name__ for module in encoder]
    return encoder.encode(inputs, prompt_name=prompt_name, prompt=prompt, truncate_dim=dimensions,
                          normalize_embeddings=bool(normalize) or bool(dimensions and normalizes))


def sentence_embeddings(fixture, model, tokenizer, folder):
    encoder = load(st.SentenceTransformer, fixture, model, tokenizer, folder)
    entries = []

    def ask(inputs, files=None, **parameters):
        entries.append(entry("sentence-embeddings", inputs, parameters,
                             lambda: encode(encoder, inputs, **parameters), files))

    ask(c.PEOPLE)
    ask(SENTENCES)
    ask([c.PEOPLE, c.UNICODE], dimensions=8)
    ask([c.PEOPLE], prompt="Represent this: ")
    ask([c.PEOPLE], prompt_name="no such prompt")
    for name in fixture.prompts:
        ask([c.PEOPLE, c.LONG], prompt_name=name)
    if not fixture.normalize:
        ask([c.PEOPLE, c.LONG], normalize=True)
    entries += similarity(encoder)
    entries += token_vectors(model, tokenizer)
    if fixture.prompts and not fixture.default_prompt:
        encoder.set_pooling_include_prompt(False)
        ask([c.PEOPLE, c.LONG], {"1_Pooling/config.json": {"include_prompt": False}}, prompt_name="query")
    for pooling in folders.POOLINGS if fixture.all_poolings else []:
        encoder[1].pooling_mode = pooling
        ask([c.PEOPLE, c.LONG], {"1_Pooling/config.json": folders.pooling_modes(pooling)})
    return entries


def similarity(encoder):
    """Cosine of a text's vector with those of others."""
    def scores(source, sentences):
        return encoder.similarity(encoder.encode(source), encoder.encode(sentences))[0]
    return [entry("sentence-similarity", {"source_sentence": source, "sentences": sentences}, {},
                  lambda: scores(source, sentences))
            for source, sentences in [("A man is playing a guitar.", c.SIMILAR), (c.LONG, [c.LONG, "", c.PEOPLE])]]


def token_vectors(model, tokenizer):
    """An encoder answers with the vectors of tokens too."""
    asker = Asker("feature-extraction", model, tokenizer)
    asker.ask(c.PREMISE)
    return asker.entries


def reranking(fixture, model, tokenizer, folder):
    """Scores of texts for a query, the best first, and the same pairs as a text classifier."""
    ranker = load(st.CrossEncoder, fixture, model, tokenizer, folder)
    entries = []

    def rank(query, texts, raw_scores=False):
        activation = torch.nn.Identity() if raw_scores else torch.nn.Sigmoid()
        return [{"index": found["corpus_id"], "score": found["score"]}
                for found in ranker.rank(query, texts, activation_fn=activation)]

    for query, texts in [(c.QUERY, c.PASSAGES), (c.UNICODE, c.SIMILAR), (c.QUERY, [c.LONG, c.HAPPY]),
                         (c.LONG, [c.LONG, c.HAPPY])]:
        for parameters in [{}, {"raw_scores": True}]:
            entries.append(entry("reranking", {"query": query, "texts": texts}, parameters,
                                 lambda: rank(query, texts, **parameters)))
    asker = Asker("text-classification", model, tokenizer)
    pair = {"text": c.QUERY, "text_pair": c.PASSAGES[0]}
    asker.ask(pair)
    asker.ask(c.HAPPY)
    asker.ask_as("regression", pair)
    return entries + asker.entries
