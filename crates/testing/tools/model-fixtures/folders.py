"""The files of a model folder beside the graph, as `optimum` and sentence-transformers leave them."""

import json

from families import FAMILIES, MAX_LENGTH

POOLINGS = {"cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens", "mean_sqrt_len_tokens":
            "mean_sqrt_len_tokens", "weightedmean": "weightedmean_tokens", "lasttoken": "lasttoken"}
MODULE = "sentence_transformers.models"


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def pooling_modes(pooling):
    """The keys of `1_Pooling/config.json` that choose a pooling."""
    return {f"pooling_mode_{key}": name == pooling for name, key in POOLINGS.items()}


def tokens(tokenizer):
    """The special tokens by their names; one that takes the space before it is an object."""
    found = {name: str(token) for name, token in tokenizer.special_tokens_map.items()}
    mask = next(t for t in tokenizer.added_tokens_decoder.values() if str(t) == found["mask_token"])
    if mask.lstrip:
        found["mask_token"] = {"content": str(mask), "lstrip": True, "normalized": mask.normalized,
                               "rstrip": False, "single_word": False}
    return found


def write_tokenizer(folder, fixture, tokenizer):
    """`tokenizer.json`, before any pipeline sets truncation in it, and its two companions."""
    backend = tokenizer.backend_tokenizer
    if fixture.padded:
        backend.enable_truncation(MAX_LENGTH)
        backend.enable_padding(length=MAX_LENGTH, pad_id=tokenizer.pad_token_id, pad_token=tokenizer.pad_token)
    backend.save(str(folder / "tokenizer.json"), pretty=False)
    backend.no_truncation()
    backend.no_padding()
    special = tokens(tokenizer)
    write(folder / "special_tokens_map.json", special)
    write(folder / "tokenizer_config.json", {
        "added_tokens_decoder": {str(number): {
            "content": str(token), "lstrip": token.lstrip, "normalized": token.normalized,
            "rstrip": token.rstrip, "single_word": token.single_word, "special": token.special,
        } for number, token in sorted(tokenizer.added_tokens_decoder.items())},
        "clean_up_tokenization_spaces": False,
        **{name: token if isinstance(token, str) else token["content"] for name, token in special.items()},
        "model_input_names": tokenizer.model_input_names,
        "model_max_length": MAX_LENGTH,
        "tokenizer_class": FAMILIES[fixture.family].tokenizer_class,
    })


def write_config(folder, model):
    """`config.json` with the name of the model's class."""
    model.config.architectures = [type(model).__name__]
    write(folder / "config.json", json.loads(model.config.to_json_string()))


def write_sentence_transformer(folder, fixture, dimension):
    """What says how token vectors become a text's vector."""
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")] + [("2_Normalize", "Normalize")] * fixture.normalize
    write(folder / "modules.json", [
        {"idx": number, "name": str(number), "path": path, "type": f"{MODULE}.{kind}"}
        for number, (path, kind) in enumerate(modules)])
    write(folder / "sentence_bert_config.json", {"max_seq_length": fixture.max_seq_length, "do_lower_case": False})
    write(folder / "1_Pooling" / "config.json", {
        "word_embedding_dimension": dimension, **pooling_modes(fixture.pooling), "include_prompt": True})
    write(folder / "config_sentence_transformers.json", {
        "__version__": {"sentence_transformers": "5.1.0", "transformers": "4.56.0", "pytorch": "2.8.0"},
        "prompts": fixture.prompts, "default_prompt_name": fixture.default_prompt, "similarity_fn_name": "cosine"})
