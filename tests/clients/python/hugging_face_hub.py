"""huggingface_hub.InferenceClient: all tasks at the server's own address. Runs with version 2 and version 0.36."""

import huggingface_hub
from checks import LONG, MANY, TEXT, UNICODE, Server, check, close, equal, refused, run
from huggingface_hub import AsyncInferenceClient, InferenceClient
from huggingface_hub.errors import BadRequestError, HfHubHTTPError

EMBEDDINGS = Server("embeddings")
CLASSIFIER = Server("classifier")
RERANKER = Server("reranker")
NER = Server("ner")
ZERO_SHOT = Server("zero-shot")
QA = Server("qa")
FILL_MASK = Server("fill-mask")

CONTEXT = "Marie Curie was born in Warsaw and moved to Paris, where she studied physics."
CANDIDATES = ["sports", "politics", "travel"]
PHONE = "I love this phone: the battery lasts two days."


def client(server, path=""):
    return InferenceClient(server.url + path)


def pairs(elements):
    return [[element.label, element.score] for element in elements]


@check
def feature_extraction_has_one_vector_for_each_text():
    found = client(EMBEDDINGS).feature_extraction(TEXT)
    expected = EMBEDDINGS.reference("sentence-embeddings", TEXT)
    equal(found.shape, (1, len(expected)), "shape")
    equal(str(found.dtype), "float32", "type")
    close(found.tolist(), [expected])
    two = client(EMBEDDINGS).feature_extraction([TEXT, UNICODE])
    equal(two.shape, (2, len(expected)), "shape")
    close(two[0].tolist(), expected)


@check
def feature_extraction_works_at_all_addresses_of_the_hub():
    expected = [EMBEDDINGS.reference("sentence-embeddings", TEXT)]
    for path in (
        "/",
        "/models/org/name",
        "/models/org/name/pipeline/feature-extraction",
        "/pipeline/feature-extraction/org/name",
        "/hf-inference/models/org/name",
        "/embed",
    ):
        close(client(EMBEDDINGS, path).feature_extraction(TEXT).tolist(), expected, what=path)


@check
def feature_extraction_takes_its_parameters_at_the_root():
    if int(huggingface_hub.__version__.split(".")[0]) >= 2:
        found = client(EMBEDDINGS).feature_extraction([TEXT, UNICODE], dimensions=8, normalize=True)
        expected = EMBEDDINGS.reference("sentence-embeddings", [TEXT, UNICODE], dimensions=8)
        close(found.tolist(), expected)
    long = client(EMBEDDINGS).feature_extraction(LONG, truncate=True, truncation_direction="left")
    equal(long.shape[0], 1, "texts")


@check
def sentence_similarity_is_a_list_of_cosines():
    source = "A man is playing a guitar."
    sentences = ["A man plays the guitar.", "A woman is reading a book.", "Stocks fell on Monday.", UNICODE]
    found = client(EMBEDDINGS).sentence_similarity(source, sentences)
    inputs = {"source_sentence": source, "sentences": sentences}
    close(found, EMBEDDINGS.reference("sentence-similarity", inputs))


@check
def text_classification_has_all_labels_best_first():
    found = client(CLASSIFIER).text_classification(PHONE)
    expected = CLASSIFIER.reference("text-classification", PHONE, top_k=None)
    close(pairs(found), [[entry["label"], entry["score"]] for entry in expected])
    best = client(CLASSIFIER).text_classification(PHONE, top_k=1)
    close(pairs(best), [[expected[0]["label"], expected[0]["score"]]])


@check
def text_classification_applies_the_function_of_the_request():
    for function in ("sigmoid", "softmax", "none"):
        found = client(CLASSIFIER).text_classification(PHONE, function_to_apply=function)
        reference = {"top_k": None, "function_to_apply": function}
        expected = CLASSIFIER.reference("text-classification", PHONE, **reference)
        close(pairs(found), [[entry["label"], entry["score"]] for entry in expected], what=function)


@check
def token_classification_groups_unless_told_otherwise():
    for strategy in (None, "simple", "first", "average", "max"):
        found = client(NER).token_classification(TEXT, aggregation_strategy=strategy)
        expected = NER.reference("token-classification", TEXT, aggregation_strategy=strategy or "simple")
        places = [[entity.start, entity.end, entity.entity_group, entity.score] for entity in found]
        keys = ("start", "end", "entity_group", "score")
        close(places, [[entity[key] for key in keys] for entity in expected], what=str(strategy))


@check
def token_classification_counts_places_in_code_points():
    text = "🙂 Ada Lovelace met Charles Babbage in Paris."
    for entity in client(NER).token_classification(text):
        inside = text[entity.start : entity.end].lower().replace(" ", "")
        word = entity.word.lower().replace("##", "").replace(" ", "")
        equal(inside, word, f"{entity}")


@check
def zero_shot_classification_ranks_candidates():
    text = "The team won the match in Berlin."
    for multi_label in (False, True):
        found = client(ZERO_SHOT).zero_shot_classification(text, CANDIDATES, multi_label=multi_label)
        settings = {"candidate_labels": CANDIDATES} | ({"multi_label": True} if multi_label else {})
        expected = ZERO_SHOT.reference("zero-shot-classification", text, **settings)
        close(pairs(found), [list(pair) for pair in zip(expected["labels"], expected["scores"])])
    template = "The text is about {}!"
    found = client(ZERO_SHOT).zero_shot_classification(text, CANDIDATES, hypothesis_template=template)
    settings = {"candidate_labels": CANDIDATES, "hypothesis_template": template}
    expected = ZERO_SHOT.reference("zero-shot-classification", text, **settings)
    close(pairs(found), [list(pair) for pair in zip(expected["labels"], expected["scores"])])


@check
def question_answering_finds_answers():
    question = "Where was she born?"
    inputs = {"question": question, "context": CONTEXT}
    keys = ("score", "start", "end", "answer")
    found = client(QA).question_answering(question=question, context=CONTEXT)
    expected = QA.reference("question-answering", inputs)
    close([getattr(found, key) for key in keys], [expected[key] for key in keys])
    several = client(QA).question_answering(question=question, context=CONTEXT, top_k=3)
    expected = QA.reference("question-answering", inputs, top_k=3)
    close([[getattr(one, key) for key in keys] for one in several], [[one[key] for key in keys] for one in expected])


@check
def fill_mask_fills_the_gap():
    text = "The capital of France is <mask>."
    keys = ("score", "token", "token_str", "sequence")
    found = client(FILL_MASK).fill_mask(text)
    expected = FILL_MASK.reference("fill-mask", text)
    close([[getattr(one, key) for key in keys] for one in found], [[one[key] for key in keys] for one in expected])
    found = client(FILL_MASK).fill_mask(text, targets=["is", "on", "Paris"], top_k=2)
    expected = FILL_MASK.reference("fill-mask", text, targets=["is", "on", "Paris"], top_k=2)
    close([[getattr(one, key) for key in keys] for one in found], [[one[key] for key in keys] for one in expected])


@check
def an_endpoint_says_what_it_serves_and_that_it_is_healthy():
    for server in (EMBEDDINGS, CLASSIFIER, RERANKER):
        endpoint = InferenceClient(server.url, provider="hf-inference")
        information = endpoint.get_endpoint_info()
        assert isinstance(information, dict) and information, information
        equal(endpoint.health_check(), True, "health")


@check
def the_asynchronous_client_is_answered_the_same():
    import asyncio

    async def ask():
        vectors = await AsyncInferenceClient(EMBEDDINGS.url).feature_extraction(TEXT)
        labels = await AsyncInferenceClient(CLASSIFIER.url).text_classification(PHONE)
        return vectors.tolist(), labels

    vectors, labels = asyncio.run(ask())
    close(vectors, [EMBEDDINGS.reference("sentence-embeddings", TEXT)])
    equal(len(labels), 3, "labels")


@check
def wrong_types_are_bad_requests():
    refused(BadRequestError, lambda: client(EMBEDDINGS).feature_extraction(5), text="inputs")
    refused(BadRequestError, lambda: client(CLASSIFIER).text_classification(PHONE, top_k="x"), text="top_k")
    refused(BadRequestError, lambda: client(NER).token_classification(TEXT, aggregation_strategy="x"))


@check
def what_a_task_cannot_do_is_told():
    refused(HfHubHTTPError, lambda: client(FILL_MASK).fill_mask("no gap"), text="<mask>")
    refused(
        HfHubHTTPError,
        lambda: client(ZERO_SHOT).zero_shot_classification("text", CANDIDATES, hypothesis_template="none"),
        text="hypothesis_template",
    )
    refused(HfHubHTTPError, lambda: client(ZERO_SHOT).zero_shot_classification("text", []), text="candidate_labels")
    refused(HfHubHTTPError, lambda: client(QA).question_answering(question="Who?", context=""), text="context")


@check
def texts_that_are_too_long_and_too_many_are_refused():
    refused(HfHubHTTPError, lambda: client(EMBEDDINGS).feature_extraction(LONG, truncate=False), text="token")
    refused(HfHubHTTPError, lambda: client(EMBEDDINGS).feature_extraction(MANY), text="257")
    refused(HfHubHTTPError, lambda: client(CLASSIFIER).text_classification(PHONE * 4000), status=413)


@check
def addresses_of_other_tasks_are_not_found():
    other = client(EMBEDDINGS, "/pipeline/fill-mask/org/name")
    refused(HfHubHTTPError, lambda: other.fill_mask("<mask>"), status=404)


run()
