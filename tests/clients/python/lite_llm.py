"""litellm: embeddings through its openai and huggingface providers, rerank through four of its providers."""

import asyncio
import os

# Nothing is looked up elsewhere.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["LITELLM_LOG"] = "CRITICAL"

import litellm
import openai
from checks import MANY, TEXT, UNICODE, Server, check, close, equal, refused, run

litellm.suppress_debug_info = True
litellm.num_retries = 0

EMBEDDINGS = Server("embeddings")
RERANKER = Server("reranker")

QUERY = "What is the capital of France?"
TEXTS = [
    "The capital of France is Paris.",
    "The weather in Paris is mild.",
    "A man is playing a guitar on the street.",
    "To reset your password, open the settings.",
    "",
]


def embedding(provider, base, **more):
    model = f"{provider}/{EMBEDDINGS.model}"
    return litellm.embedding(model=model, api_base=base, api_key="unused", max_retries=0, **more)


def rerank(provider, base="", **more):
    request = {"query": QUERY, "documents": TEXTS} | more
    model = f"{provider}/{RERANKER.model}"
    return litellm.rerank(model=model, api_base=RERANKER.url + base, api_key="unused", max_retries=0, **request)


def expected():
    ranks = RERANKER.reference("reranking", {"query": QUERY, "texts": TEXTS})
    return [[rank["index"], rank["score"]] for rank in ranks]


def found(answer):
    return [[result["index"], result["relevance_score"]] for result in answer.results]


@check
def embeddings_through_openai():
    answer = embedding("openai", f"{EMBEDDINGS.url}/v1", input=[TEXT, UNICODE])
    equal([entry["index"] for entry in answer.data], [0, 1], "indices")
    close(answer.data[0]["embedding"], EMBEDDINGS.reference("sentence-embeddings", TEXT))
    assert answer.usage.prompt_tokens > 0, answer.usage
    equal(answer.model, EMBEDDINGS.model, "model")


@check
def embeddings_through_hosted_vllm():
    answer = embedding("hosted_vllm", f"{EMBEDDINGS.url}/v1", input=[TEXT])
    close(answer.data[0]["embedding"], EMBEDDINGS.reference("sentence-embeddings", TEXT))


@check
def embeddings_through_hugging_face():
    for path in ("", "/embed", "/pipeline/feature-extraction/org/name"):
        answer = embedding("huggingface", EMBEDDINGS.url + path, input=[TEXT], input_type="embed")
        close(answer.data[0]["embedding"], EMBEDDINGS.reference("sentence-embeddings", TEXT), what=path)


@check
def embeddings_asynchronously():
    model = f"openai/{EMBEDDINGS.model}"
    ask = litellm.aembedding(model=model, api_base=f"{EMBEDDINGS.url}/v1", api_key="unused", input=[TEXT])
    close(asyncio.run(ask).data[0]["embedding"], EMBEDDINGS.reference("sentence-embeddings", TEXT))


@check
def rerank_through_cohere():
    answer = rerank("cohere")
    close(found(answer), expected())
    best = rerank("cohere", top_n=2)
    close(found(best), expected()[:2])


@check
def rerank_through_jina():
    answer = rerank("jina_ai")
    close(found(answer), expected())
    assert answer.meta["billed_units"]["total_tokens"] > 0, answer.meta


@check
def rerank_through_hosted_vllm():
    for base in ("", "/v1/rerank"):
        answer = rerank("hosted_vllm", base, return_documents=True)
        close(found(answer), expected(), what=base)
        equal([result["document"]["text"] for result in answer.results], [TEXTS[index] for index, _ in expected()])


@check
def rerank_through_hugging_face():
    answer = rerank("huggingface", return_documents=True)
    close(found(answer), expected())


@check
def rerank_through_infinity():
    # Of the documents that come back unless told otherwise, it reads no other form than its own server's.
    close(found(rerank("infinity", return_documents=False)), expected())


@check
def errors_keep_their_status():
    base = f"{EMBEDDINGS.url}/v1"
    refused(litellm.BadRequestError, lambda: embedding("openai", base, input=MANY), 400, "257")
    refused(litellm.BadRequestError, lambda: embedding("openai", base, input=[]), 400)
    refused(litellm.NotFoundError, lambda: embedding("openai", f"{EMBEDDINGS.url}/v3", input=[TEXT]), 404)
    for provider in ("cohere", "jina_ai"):
        refused(litellm.BadRequestError, lambda: rerank(provider, documents=MANY), 400, "257")
    # Its path is also that of text-embeddings-inference, which answers 413.
    refused(openai.APIError, lambda: rerank("hosted_vllm", documents=MANY), text="257")


run()
