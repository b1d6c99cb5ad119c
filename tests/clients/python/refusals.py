"""What the server itself refuses, as clients of each dialect are told: a wrong key, and too many requests.

Of requests with the header x-busy only the first is answered, and nobody needs a key for them.
"""

import os

import cohere
import numpy
import openai
import tritonclient.grpc
import tritonclient.http
from checks import TEXT, check, equal, refused, run
from cohere.core.request_options import RequestOptions
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError
from tritonclient.utils import InferenceServerException

URL = os.environ["PILOTLIGHT_REFUSING"].rstrip("/")
KEY = os.environ["PILOTLIGHT_KEY"]
HOST = URL.removeprefix("http://")

BUSY = {"x-busy": "1"}
MODEL = "mpnet-sentence-embeddings"


def by_openai(headers, key="wrong"):
    client = openai.OpenAI(base_url=f"{URL}/v1", api_key=key, default_headers=headers, max_retries=0)
    return client.embeddings.create(model=MODEL, input=TEXT)


def by_hugging_face_hub(headers, path="", key="wrong"):
    return InferenceClient(URL + path, token=key, headers=headers).feature_extraction(TEXT)


def by_cohere(headers, key="wrong"):
    client = cohere.ClientV2(key, base_url=URL)
    options = RequestOptions(max_retries=0, additional_headers=headers)
    return client.rerank(query=TEXT, documents=[TEXT], model=MODEL, request_options=options)


def text_tensor(module):
    tensor = module.InferInput("text", [1], "BYTES")
    tensor.set_data_from_numpy(numpy.array([TEXT], dtype=object))
    return [tensor]


def by_triton(headers, key="wrong"):
    headers = {"authorization": f"Bearer {key}", **headers}
    with tritonclient.http.InferenceServerClient(HOST) as client:
        return client.infer(MODEL, text_tensor(tritonclient.http), headers=headers)


def by_triton_over_grpc(headers, key="wrong"):
    headers = {"authorization": f"Bearer {key}", **headers}
    with tritonclient.grpc.InferenceServerClient(HOST) as client:
        return client.infer(MODEL, text_tensor(tritonclient.grpc), headers=headers)


def status_of_triton(call):
    try:
        call()
    except InferenceServerException as error:
        assert error.message() and "decoding" not in error.message(), error.message()
        return error.status()
    raise AssertionError("answered")


@check
def the_key_opens():
    equal(len(by_openai({}, KEY).data), 1, "vectors")
    equal(by_hugging_face_hub({}, key=KEY).shape[0], 1, "vectors")
    equal(by_triton({}, KEY).as_numpy("embedding").shape[0], 1, "vectors")
    equal(by_triton_over_grpc({}, KEY).as_numpy("embedding").shape[0], 1, "vectors")


@check
def a_wrong_key_is_told():
    error = refused(openai.AuthenticationError, lambda: by_openai({}), 401)
    assert error.body["message"], error.body
    for path in ("", "/embed"):
        refused(HfHubHTTPError, lambda: by_hugging_face_hub({}, path), 401)
    error = refused(cohere.UnauthorizedError, lambda: by_cohere({}), 401)
    assert error.body["message"], error.body
    equal(status_of_triton(lambda: by_triton({})), "401", "status")
    equal(status_of_triton(lambda: by_triton_over_grpc({})), "StatusCode.UNAUTHENTICATED", "status")


@check
def too_many_requests_are_told():
    by_openai(BUSY)
    error = refused(openai.RateLimitError, lambda: by_openai(BUSY), 429)
    assert error.body["message"] and int(error.response.headers["retry-after"]) > 0, error.response.headers
    for path in ("", "/embed"):
        refused(HfHubHTTPError, lambda: by_hugging_face_hub(BUSY, path), 429)
    error = refused(cohere.TooManyRequestsError, lambda: by_cohere(BUSY), 429)
    assert error.body["message"], error.body
    equal(status_of_triton(lambda: by_triton(BUSY)), "429", "status")
    found = status_of_triton(lambda: by_triton_over_grpc(BUSY))
    assert found in ("StatusCode.UNAVAILABLE", "StatusCode.RESOURCE_EXHAUSTED"), found


run()
