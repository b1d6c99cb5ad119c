"""text-embeddings-inference: what no client has a method for, and its routes by huggingface_hub's client."""

from checks import LONG, MANY, TEXT, UNICODE, Server, check, close, equal, refused, run
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

EMBEDDINGS = Server("embeddings")
CLASSIFIER = Server("classifier")
RERANKER = Server("reranker")
PHONE = "I love this phone: the battery lasts two days."


def answered(server, path, **body):
    status, answer = server.post(path, **body)
    equal(status, 200, f"status of {path} ({answer})")
    return answer


@check
def embed_and_embed_all_have_vectors_of_texts_and_tokens():
    expected = EMBEDDINGS.reference("sentence-embeddings", TEXT)
    close(answered(EMBEDDINGS, "/embed", inputs=TEXT), [expected])
    close(answered(EMBEDDINGS, "/embed", inputs=[TEXT, UNICODE])[0], expected)
    text = "The team won the match in Berlin."
    found = InferenceClient(EMBEDDINGS.url + "/embed_all").feature_extraction(text)
    close(found.tolist(), EMBEDDINGS.reference("feature-extraction", text))


@check
def tokens_of_a_text_are_its_vector_too():
    tokens = answered(EMBEDDINGS, "/tokenize", inputs=TEXT, add_special_tokens=False)[0]
    ids = [token["id"] for token in tokens]
    close(answered(EMBEDDINGS, "/embed", inputs=ids)[0], EMBEDDINGS.reference("sentence-embeddings", TEXT))


@check
def tokenize_has_places_in_bytes():
    for text in (TEXT, UNICODE):
        tokens = answered(EMBEDDINGS, "/tokenize", inputs=[text])[0]
        equal(set(tokens[0]), {"id", "text", "special", "start", "stop"}, "keys")
        equal([token["special"] for token in tokens[:1] + tokens[-1:]], [True, True], "special")
        for token in tokens[1:-1]:
            equal(text.encode()[token["start"] : token["stop"]].decode(), token["text"], "text")


@check
def decode_is_the_way_back():
    tokens = answered(EMBEDDINGS, "/tokenize", inputs="the capital of france")[0]
    ids = [token["id"] for token in tokens]
    equal(answered(EMBEDDINGS, "/decode", ids=ids), ["the capital of france"])
    special = answered(EMBEDDINGS, "/decode", ids=[ids, ids], skip_special_tokens=False)
    equal((len(special), special[0].startswith("<s>")), (2, True), "texts")


@check
def similarity_is_a_list_of_cosines():
    sentences = ["A man plays the guitar.", "A woman is reading a book.", "Stocks fell on Monday.", UNICODE]
    inputs = {"source_sentence": "A man is playing a guitar.", "sentences": sentences}
    expected = EMBEDDINGS.reference("sentence-similarity", inputs)
    close(answered(EMBEDDINGS, "/similarity", inputs=inputs, parameters={"truncate": True}), expected)
    found = InferenceClient(EMBEDDINGS.url + "/similarity").sentence_similarity(inputs["source_sentence"], sentences)
    close(found, expected)


@check
def predict_is_flat_for_a_text_and_nested_for_a_batch():
    expected = CLASSIFIER.reference("text-classification", PHONE, top_k=None)
    close(answered(CLASSIFIER, "/predict", inputs=PHONE), expected)
    close(answered(CLASSIFIER, "/predict", inputs=[[PHONE], [TEXT]])[0], expected)
    raw = CLASSIFIER.reference("text-classification", PHONE, top_k=None, function_to_apply="none")
    close(answered(CLASSIFIER, "/predict", inputs=PHONE, raw_scores=True), raw)
    pair = {"text": "What is the capital of France?", "text_pair": "The capital of France is Paris."}
    expected = CLASSIFIER.reference("text-classification", pair, top_k=None)
    close(answered(CLASSIFIER, "/predict", inputs=list(pair.values())), expected)


@check
def rerank_takes_texts():
    query = "What is the capital of France?"
    texts = ["The capital of France is Paris.", "The weather in Paris is mild.", "A man is playing a guitar on the street."]
    texts += ["To reset your password, open the settings.", ""]
    for raw in (False, True):
        parameters = {"raw_scores": True} if raw else {}
        expected = RERANKER.reference("reranking", {"query": query, "texts": texts}, **parameters)
        close(answered(RERANKER, "/rerank", query=query, texts=texts, raw_scores=raw), expected, 1e-4)
    with_text = answered(RERANKER, "/rerank", query=query, texts=texts, return_text=True)
    equal([rank["text"] for rank in with_text], [texts[rank["index"]] for rank in with_text], "texts")


@check
def health_and_info_are_told():
    for server in (EMBEDDINGS, CLASSIFIER, RERANKER):
        equal(server.get("/health"), (200, None), "health")
        status, told = server.get("/info")
        equal(status, 200, "status")
        assert {"model_id", "model_type", "max_input_length", "max_client_batch_size"} <= set(told), told


@check
def errors_have_a_type():
    for server, path, body, status, kind in (
        (EMBEDDINGS, "/embed", {"inputs": []}, 400, "Empty"),
        (EMBEDDINGS, "/embed", {"inputs": ""}, 400, "Empty"),
        (EMBEDDINGS, "/embed", {"inputs": LONG, "truncate": False}, 413, "Validation"),
        (EMBEDDINGS, "/embed", {"inputs": MANY}, 413, "Validation"),
        (EMBEDDINGS, "/embed", {"inputs": 5}, 422, "Validation"),
        (EMBEDDINGS, "/embed", {}, 422, "Validation"),
        (EMBEDDINGS, "/predict", {"inputs": TEXT}, 424, "Backend"),
        (EMBEDDINGS, "/rerank", {"query": TEXT, "texts": [TEXT]}, 424, "Backend"),
        (EMBEDDINGS, "/embed_sparse", {"inputs": TEXT}, 424, "Backend"),
        (CLASSIFIER, "/embed", {"inputs": TEXT}, 424, "Backend"),
        (CLASSIFIER, "/predict", {"inputs": ["a", "b", "c"]}, 422, "Validation"),
        (RERANKER, "/rerank", {"query": TEXT, "texts": []}, 400, "Empty"),
        (RERANKER, "/rerank", {"query": TEXT, "texts": TEXT}, 422, "Validation"),
    ):
        found, answer = server.post(path, **body)
        what = f"{path} {str(body)[:60]}: {answer}"
        equal((found, answer["error_type"]), (status, kind), what)
        equal(set(answer), {"error", "error_type"}, what)


@check
def errors_reach_huggingface_hub():
    client = InferenceClient(EMBEDDINGS.url + "/embed")
    refused(HfHubHTTPError, lambda: client.feature_extraction(MANY), 413, "257")
    refused(HfHubHTTPError, lambda: client.feature_extraction(LONG, truncate=False), 413, "token")


run()
