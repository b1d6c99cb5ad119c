"""A small tokenizer of each family's kind, put together as the `tokenizer.json` on the hub is."""

import io
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import (
    AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers,
)
from transformers import PreTrainedTokenizerFast

from corpus import CORPUS

BERT_TOKENS = {"unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]",
               "mask_token": "[MASK]"}
ROBERTA_TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "cls_token": "<s>",
                  "sep_token": "</s>", "pad_token": "<pad>", "mask_token": "<mask>"}
WORD_PIECES, BYTE_PAIRS, UNIGRAMS = 240, 320, 256


def finish(tokenizer, tokens, inputs, max_length, mask_strips=False):
    """The tokenizer as `transformers` uses it. `mask_strips`: the mask takes the space before it."""
    mask = AddedToken(tokens["mask_token"], lstrip=mask_strips, rstrip=False, special=True)
    tokenizer.add_special_tokens([*dict.fromkeys(v for k, v in tokens.items() if k != "mask_token"), mask])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=max_length,
                                   model_input_names=inputs, **{**tokens, "mask_token": mask})


def template(tokenizer, cls, sep, pair):
    """`[CLS] A [SEP]`, and `pair` for two texts."""
    special = [(token, tokenizer.token_to_id(token)) for token in (cls, sep)]
    return processors.TemplateProcessing(single=f"{cls}:0 $A:0 {sep}:0", pair=pair, special_tokens=special)


def bert_pair(second):
    """`[CLS] A [SEP] B [SEP]`; B has the token type `second`."""
    return f"[CLS]:0 $A:0 [SEP]:0 $B:{second} [SEP]:{second}"


def word_pieces(special, unknown, lowercase):
    """BERT's WordPiece model with its normalizer, trained on the corpus."""
    tokenizer = Tokenizer(models.WordPiece(unk_token=unknown))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(CORPUS, trainers.WordPieceTrainer(
        vocab_size=WORD_PIECES, special_tokens=special, show_progress=False))
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    return tokenizer


def bert(inputs, max_length, lowercase=True):
    """BERT, ELECTRA, DistilBERT, NomicBERT, GTE."""
    tokenizer = word_pieces(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], "[UNK]", lowercase)
    tokenizer.post_processor = template(tokenizer, "[CLS]", "[SEP]", bert_pair(1))
    return finish(tokenizer, BERT_TOKENS, inputs, max_length)


def mpnet(inputs, max_length):
    """WordPiece with RoBERTa's special tokens."""
    tokenizer = word_pieces(["<s>", "<pad>", "</s>", "[UNK]", "<mask>"], "[UNK]", True)
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", tokenizer.token_to_id("</s>")), ("<s>", tokenizer.token_to_id("<s>")), True, False)
    return finish(tokenizer, {**ROBERTA_TOKENS, "unk_token": "[UNK]"}, inputs, max_length, mask_strips=True)


def byte_pairs(special):
    """Byte-level BPE, trained on the corpus."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=BYTE_PAIRS, special_tokens=special, show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def roberta(inputs, max_length):
    """Byte-level BPE whose offsets leave out the space before a word."""
    tokenizer = byte_pairs(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", tokenizer.token_to_id("</s>")), ("<s>", tokenizer.token_to_id("<s>")), True, False)
    return finish(tokenizer, ROBERTA_TOKENS, inputs, max_length, mask_strips=True)


def modernbert(inputs, max_length):
    """Byte-level BPE with BERT's special tokens, and one token type."""
    tokenizer = byte_pairs(["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"])
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.post_processor = template(tokenizer, "[CLS]", "[SEP]", bert_pair(0))
    return finish(tokenizer, BERT_TOKENS, inputs, max_length, mask_strips=True)


def character_map():
    """Rules like those of SentencePiece's `nmt_nfkc`, a few of them: full-width forms, ligatures, spaces."""
    rules = {0xA0: [0x20], 0x3000: [0x20], 0x09: [0x20], 0x0A: [0x20], 0xFB01: [0x66, 0x69], 0x200B: []}
    rules.update({0xFF01 + i: [0x21 + i] for i in range(94)})
    return "".join(f"{source:X}\t{' '.join(f'{c:X}' for c in target)}\n" for source, target in rules.items())


def unigrams(texts):
    """Pieces with scores, and the compiled character map, from SentencePiece's own trainer."""
    model = io.BytesIO()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as rules:
        rules.write(character_map())
        rules.flush()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts), model_writer=model, vocab_size=UNIGRAMS, model_type="unigram",
            character_coverage=1.0, hard_vocab_limit=False, num_threads=1, minloglevel=2,
            normalization_rule_tsv=rules.name)
    proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    pieces = [(piece.piece, piece.score) for piece in proto.pieces if piece.type == piece.NORMAL]
    return pieces, proto.normalizer_spec.precompiled_charsmap


def unigram(before, pieces, after=()):
    """A Unigram model with special tokens before and after the pieces."""
    vocabulary = [(token, 0.0) for token in before] + pieces + [(token, 0.0) for token in after]
    unknown = [token for token, _ in vocabulary].index("[UNK]" if "[UNK]" in before else "<unk>")
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=unknown, byte_fallback=False))
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def split_at_spaces():
    """How XLM-R and ALBERT mark words."""
    return pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])


def xlm_roberta(inputs, max_length):
    """SentencePiece in fairseq's order, the mask last."""
    pieces, characters = unigrams(CORPUS)
    tokenizer = unigram(["<s>", "<pad>", "</s>", "<unk>"], pieces, ["<mask>"])
    tokenizer.normalizer = normalizers.Precompiled(characters)
    tokenizer.pre_tokenizer = split_at_spaces()
    tokenizer.post_processor = template(tokenizer, "<s>", "</s>", "<s>:0 $A:0 </s>:0 </s>:0 $B:0 </s>:0")
    return finish(tokenizer, ROBERTA_TOKENS, inputs, max_length, mask_strips=True)


def albert(inputs, max_length):
    """SentencePiece of lower-case text without accents."""
    pieces, characters = unigrams(text.lower() for text in CORPUS)
    tokenizer = unigram(["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"], pieces)
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Replace("``", '"'), normalizers.Replace("''", '"'), normalizers.NFKD(),
        normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Precompiled(characters)])
    tokenizer.pre_tokenizer = split_at_spaces()
    tokenizer.post_processor = template(tokenizer, "[CLS]", "[SEP]", bert_pair(1))
    tokens = {**BERT_TOKENS, "unk_token": "<unk>", "pad_token": "<pad>", "bos_token": "[CLS]", "eos_token": "[SEP]"}
    return finish(tokenizer, tokens, inputs, max_length, mask_strips=True)


def deberta(inputs, max_length):
    """SentencePiece with BERT's special tokens, the mask last; trailing spaces are dropped."""
    pieces, characters = unigrams(CORPUS)
    tokenizer = unigram(["[PAD]", "[CLS]", "[SEP]", "[UNK]"], pieces, ["[MASK]"])
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Strip(left=False, right=True), normalizers.Precompiled(characters),
        normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = template(tokenizer, "[CLS]", "[SEP]", bert_pair(1))
    return finish(tokenizer, {**BERT_TOKENS, "bos_token": "[CLS]", "eos_token": "[SEP]"}, inputs, max_length)
