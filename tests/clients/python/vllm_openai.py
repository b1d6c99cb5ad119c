"""vLLM's /classify, /score and /pooling, by openai's client, as vLLM's users send them."""

import base64
import struct

import openai
from checks import LONG, TEXT, UNICODE, Server, check, close, equal, refused, run

EMBEDDINGS = Server("embeddings")
CLASSIFIER = Server("classifier")
RERANKER = Server("reranker")
NER = Server("ner")
PHONE = "I love this phone: the battery lasts two days."


def ask(server, path, **body):
    client = openai.OpenAI(base_url=server.url, api_key="unused", max_retries=0)
    return client.post(path, cast_to=object, body={"model": server.model} | body)


@check
def classify_has_the_scores_of_all_labels():
    answer = ask(CLASSIFIER, "/classify", input=[PHONE, TEXT])
    equal((answer["object"], answer["model"], len(answer["data"])), ("list", CLASSIFIER.model, 2))
    assert answer["usage"]["prompt_tokens"] > 0, answer
    expected = CLASSIFIER.reference("text-classification", PHONE, top_k=None)
    one = answer["data"][0]
    equal((one["index"], one["label"], one["num_classes"]), (0, expected[0]["label"], 3))
    # In the labels' order, which is also that of the alphabet.
    close(one["probs"], [label["score"] for label in sorted(expected, key=lambda label: label["label"])])


@check
def score_compares_texts():
    query = "What is the capital of France?"
    texts = ["The capital of France is Paris.", "The weather in Paris is mild.", "A man is playing a guitar on the street."]
    texts += ["To reset your password, open the settings.", ""]
    ranks = RERANKER.reference("reranking", {"query": query, "texts": texts})
    expected = [rank["score"] for rank in sorted(ranks, key=lambda rank: rank["index"])]
    for path in ("/score", "/v1/score"):
        for names in (("text_1", "text_2"), ("queries", "documents"), ("data_1", "data_2")):
            answer = ask(RERANKER, path, **dict(zip(names, (query, texts))))
            close([entry["score"] for entry in answer["data"]], expected, what=f"{path} {names}")
    sentences = ["A man plays the guitar.", "A woman is reading a book.", "Stocks fell on Monday.", UNICODE]
    inputs = {"source_sentence": "A man is playing a guitar.", "sentences": sentences}
    answer = ask(EMBEDDINGS, "/score", text_1=inputs["source_sentence"], text_2=sentences)
    close([entry["score"] for entry in answer["data"]], EMBEDDINGS.reference("sentence-similarity", inputs))


@check
def pooling_has_vectors_of_texts_and_tokens():
    expected = EMBEDDINGS.reference("sentence-embeddings", TEXT)
    close(ask(EMBEDDINGS, "/pooling", input=[TEXT])["data"][0]["data"], expected)
    text = ask(EMBEDDINGS, "/pooling", input=TEXT, encoding_format="base64")["data"][0]["data"]
    decoded = base64.b64decode(text, validate=True)
    close(list(struct.unpack(f"<{len(decoded) // 4}f", decoded)), expected)
    tokens = ask(EMBEDDINGS, "/pooling", input=TEXT, task="token_embed")["data"][0]["data"]
    equal(len(tokens[0]), len(expected), "columns")
    labels = ask(NER, "/pooling", input=TEXT, task="token_classify")["data"][0]["data"]
    equal(len(labels[0]), 5, "labels")


@check
def wrong_requests_are_bad_requests():
    for server, path, body in (
        (CLASSIFIER, "/classify", {"input": {}}),
        (CLASSIFIER, "/classify", {"input": []}),
        (CLASSIFIER, "/classify", {"input": LONG}),
        (RERANKER, "/score", {"text_1": ["a", "b"], "text_2": ["a", "b", "c"]}),
        (RERANKER, "/score", {"text_1": "a", "text_2": []}),
        (RERANKER, "/score", {"text_1": "a"}),
        (EMBEDDINGS, "/pooling", {"input": TEXT, "task": "paint"}),
        (EMBEDDINGS, "/pooling", {"input": TEXT, "encoding_format": "hex"}),
    ):
        error = refused(openai.BadRequestError, lambda: ask(server, path, **body), 400)
        assert isinstance(error.body, dict) and error.body["message"], (path, body, error.body)
    refused(openai.APIStatusError, lambda: ask(EMBEDDINGS, "/classify", input=TEXT))


run()
