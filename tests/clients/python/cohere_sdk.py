"""cohere: rerank with the clients of versions 1 and 2."""

import asyncio

import cohere
from checks import LONG, MANY, Server, check, close, equal, refused, run
from cohere.core.api_error import ApiError
from cohere.core.request_options import RequestOptions

RERANKER = Server("reranker")
ONCE = RequestOptions(max_retries=0)

QUERY = "What is the capital of France?"
TEXTS = [
    "The capital of France is Paris.",
    "The weather in Paris is mild.",
    "A man is playing a guitar on the street.",
    "To reset your password, open the settings.",
    "",
]


def expected():
    ranks = RERANKER.reference("reranking", {"query": QUERY, "texts": TEXTS})
    return [[rank["index"], rank["score"]] for rank in ranks]


def found(answer):
    return [[result.index, result.relevance_score] for result in answer.results]


def first():
    return cohere.Client("unused", base_url=RERANKER.url)


def second():
    return cohere.ClientV2("unused", base_url=RERANKER.url)


@check
def version_1_ranks_documents():
    answer = first().rerank(query=QUERY, documents=TEXTS, model=RERANKER.model)
    close(found(answer), expected())
    equal(answer.meta.api_version.version, "1", "version")
    assert answer.id, answer
    best = first().rerank(query=QUERY, documents=TEXTS, top_n=2)
    close(found(best), expected()[:2])


@check
def version_1_returns_documents_if_asked():
    answer = first().rerank(query=QUERY, documents=TEXTS, return_documents=True)
    equal([result.document.text for result in answer.results], [TEXTS[index] for index, _ in expected()])
    objects = [{"text": text} for text in TEXTS]
    answer = first().rerank(query=QUERY, documents=objects, return_documents=True, rank_fields=["text"])
    close(found(answer), expected())


@check
def version_2_ranks_documents():
    answer = second().rerank(query=QUERY, documents=TEXTS, model=RERANKER.model, max_tokens_per_doc=4096)
    close(found(answer), expected())
    equal(answer.meta.api_version.version, "2", "version")
    equal(answer.meta.billed_units.search_units, 1.0, "search units")
    best = second().rerank(query=QUERY, documents=TEXTS, model=RERANKER.model, top_n=100)
    close(found(best), expected())


@check
def the_asynchronous_client_is_answered_the_same():
    async def ask():
        client = cohere.AsyncClientV2("unused", base_url=RERANKER.url)
        return await client.rerank(query=QUERY, documents=TEXTS, model=RERANKER.model)

    close(found(asyncio.run(ask())), expected())


@check
def documents_that_are_too_long_are_shortened():
    answer = second().rerank(query=QUERY, documents=[LONG, TEXTS[0]], model=RERANKER.model)
    equal(sorted(result.index for result in answer.results), [0, 1], "indices")


@check
def wrong_requests_are_bad_requests():
    for client in (first(), second()):
        for wrong in (
            {"documents": []},
            {"documents": [5]},
            {"documents": 5},
            {"documents": TEXTS, "top_n": -1},
            {"documents": TEXTS, "top_n": "two"},
            {"documents": MANY},
        ):
            call = lambda: client.rerank(query=QUERY, model=RERANKER.model, request_options=ONCE, **wrong)
            error = refused(cohere.BadRequestError, call, 400)
            assert error.body["message"], error.body


@check
def what_is_not_there_is_told():
    call = lambda: second().embed(
        texts=TEXTS, model="m", input_type="search_query", embedding_types=["float"], request_options=ONCE
    )
    error = refused(ApiError, call, 404)
    assert isinstance(error, cohere.NotFoundError), error


run()
