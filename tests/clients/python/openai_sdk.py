"""openai: embeddings, models and moderations."""

import asyncio
import base64
import struct

import openai
from checks import LONG, MANY, TEXT, UNICODE, Server, check, close, equal, refused, run

EMBEDDINGS = Server("embeddings")
CLASSIFIER = Server("classifier")
PHONE = "I love this phone: the battery lasts two days."


def client(server, **options):
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="unused", max_retries=0, **options)


@check
def vectors_are_those_of_sentence_transformers():
    texts = [TEXT, UNICODE]
    answer = client(EMBEDDINGS).embeddings.create(model=EMBEDDINGS.model, input=texts)
    equal((answer.object, answer.model), ("list", EMBEDDINGS.model))
    equal([entry.index for entry in answer.data], [0, 1], "indices")
    equal([entry.object for entry in answer.data], ["embedding"] * 2, "objects")
    expected = EMBEDDINGS.reference("sentence-embeddings", TEXT)
    close(answer.data[0].embedding, expected)
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 0, answer.usage


@check
def vectors_are_the_same_as_numbers_and_in_base64():
    create = client(EMBEDDINGS).embeddings.create
    by_default = create(model=EMBEDDINGS.model, input=TEXT).data[0].embedding
    numbers = create(model=EMBEDDINGS.model, input=TEXT, encoding_format="float").data[0].embedding
    text = create(model=EMBEDDINGS.model, input=TEXT, encoding_format="base64").data[0].embedding
    decoded = base64.b64decode(text, validate=True)
    equal(list(struct.unpack(f"<{len(decoded) // 4}f", decoded)), by_default, "base64")
    close(numbers, by_default, 1e-7, "numbers")
    close(numbers, EMBEDDINGS.reference("sentence-embeddings", TEXT))


@check
def dimensions_shorten_vectors():
    answer = client(EMBEDDINGS).embeddings.create(model=EMBEDDINGS.model, input=[TEXT, UNICODE], dimensions=8)
    expected = EMBEDDINGS.reference("sentence-embeddings", [TEXT, UNICODE], dimensions=8)
    close([entry.embedding for entry in answer.data], expected)


@check
def as_many_texts_as_allowed_come_back_in_order():
    texts = [f"{TEXT[:20]} {number}" for number in range(256)]
    answer = client(EMBEDDINGS).embeddings.create(model=EMBEDDINGS.model, input=texts)
    equal([entry.index for entry in answer.data], list(range(256)), "indices")
    for place in (0, 100, 255):
        alone = client(EMBEDDINGS).embeddings.create(model=EMBEDDINGS.model, input=texts[place])
        close(answer.data[place].embedding, alone.data[0].embedding, what=f"vector {place}")


@check
def null_and_unknown_keys_are_ignored():
    extra = {"user": None, "dimensions": None, "truncate_prompt_tokens": None, "input_type": "query"}
    answer = client(EMBEDDINGS).embeddings.create(model=EMBEDDINGS.model, input=TEXT, extra_body=extra)
    close(answer.data[0].embedding, EMBEDDINGS.reference("sentence-embeddings", TEXT))


@check
def vllm_s_clients_have_texts_shortened():
    def tokens(**extra):
        create = client(EMBEDDINGS).embeddings.create
        return create(model=EMBEDDINGS.model, input=LONG, extra_body=extra).usage.prompt_tokens

    equal(tokens(truncate_prompt_tokens=5), 5, "tokens")
    equal(tokens(truncate_prompt_tokens=-1), tokens(truncate=True), "tokens")


@check
def the_asynchronous_client_is_answered_the_same():
    async def ask():
        asynchronous = openai.AsyncOpenAI(base_url=f"{EMBEDDINGS.url}/v1", api_key="unused", max_retries=0)
        answers = await asyncio.gather(
            *(asynchronous.embeddings.create(model=EMBEDDINGS.model, input=TEXT) for _ in range(4))
        )
        return [answer.data[0].embedding for answer in answers]

    for found in asyncio.run(ask()):
        close(found, EMBEDDINGS.reference("sentence-embeddings", TEXT))


@check
def each_answer_has_an_id():
    answer = client(EMBEDDINGS).embeddings.create(model=EMBEDDINGS.model, input=TEXT)
    assert answer._request_id, "no x-request-id"
    error = refused(openai.APIStatusError, lambda: client(EMBEDDINGS).models.retrieve("nobody"))
    assert error.request_id, "no x-request-id of an error"


@check
def models_are_listed_and_found_by_name():
    for server in (EMBEDDINGS, CLASSIFIER):
        listed = list(client(server).models.list())
        equal([model.id for model in listed], [server.model], "models")
        found = client(server).models.retrieve(server.model)
        equal((found.id, found.object, type(found.created)), (server.model, "model", int))
    error = refused(openai.NotFoundError, lambda: client(EMBEDDINGS).models.retrieve("org/nobody"), 404, "nobody")
    equal(error.code, "model_not_found", "code")


@check
def moderations_have_the_labels_of_the_classifier():
    answer = client(CLASSIFIER).moderations.create(input=[TEXT, PHONE])
    assert answer.id.startswith("modr-"), answer.id
    equal(len(answer.results), 2, "results")
    result = answer.results[0]
    equal(type(result.flagged), bool, "flagged")
    equal(result.categories.harassment_threatening, False, "a category of OpenAI's")
    equal(result.category_scores.self_harm, 0.0, "a score of OpenAI's")
    expected = CLASSIFIER.reference("text-classification", PHONE, top_k=None)
    scores = answer.results[1].category_scores.model_extra
    close([scores[label["label"]] for label in expected], [label["score"] for label in expected])
    equal(answer.results[1].category_applied_input_types.model_extra["negative"], ["text"], "types")
    one = client(CLASSIFIER).moderations.create(input=PHONE, model="omni-moderation-latest")
    close(one.results[0].category_scores.model_extra, scores)
    parts = [{"type": "text", "text": TEXT}, {"type": "text", "text": PHONE}]
    equal(len(client(CLASSIFIER).moderations.create(input=parts).results), 1, "results of one message")


@check
def wrong_requests_are_bad_requests():
    create = client(EMBEDDINGS).embeddings.create
    for wrong in (
        {"input": 5},
        {"input": {"text": TEXT}},
        {"input": [TEXT, 5]},
        {"input": []},
        {"input": TEXT, "dimensions": "eight"},
        {"input": TEXT, "dimensions": 0},
        {"input": TEXT, "dimensions": 100_000},
        {"input": TEXT, "encoding_format": "hex"},
    ):
        error = refused(openai.BadRequestError, lambda: create(model=EMBEDDINGS.model, **wrong), 400)
        equal(error.type, "invalid_request_error", f"type for {wrong}")
        assert set(error.body) >= {"message", "type", "param", "code"}, error.body
    image = [{"type": "image_url", "image_url": {"url": "data:,"}}]
    refused(openai.BadRequestError, lambda: client(CLASSIFIER).moderations.create(input=image), 400, "input")


@check
def texts_that_are_too_long_and_too_many_are_bad_requests():
    create = client(EMBEDDINGS).embeddings.create
    refused(openai.BadRequestError, lambda: create(model=EMBEDDINGS.model, input=LONG), 400, "token")
    refused(openai.BadRequestError, lambda: create(model=EMBEDDINGS.model, input=MANY), 400, "257")
    refused(openai.APIStatusError, lambda: create(model=EMBEDDINGS.model, input=LONG * 100), 413)


@check
def what_a_server_does_not_have_is_not_found():
    create = client(CLASSIFIER).embeddings.create
    error = refused(openai.NotFoundError, lambda: create(model=CLASSIFIER.model, input=TEXT), 404)
    assert error.body and error.body["message"], error.body
    messages = [{"role": "user", "content": TEXT}]
    completions = client(EMBEDDINGS).chat.completions
    error = refused(openai.NotFoundError, lambda: completions.create(model="m", messages=messages), 404)
    assert error.body and error.body["message"], error.body


run()
