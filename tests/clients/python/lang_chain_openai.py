"""langchain-openai: OpenAIEmbeddings that send texts, not the token ids of OpenAI's models."""

import asyncio

import openai
from checks import LONG, TEXT, UNICODE, Server, check, close, equal, refused, run
from langchain_openai import OpenAIEmbeddings

EMBEDDINGS = Server("embeddings")


def embeddings(**more):
    return OpenAIEmbeddings(
        model=EMBEDDINGS.model,
        base_url=f"{EMBEDDINGS.url}/v1",
        api_key="unused",
        check_embedding_ctx_length=False,
        max_retries=0,
        **more,
    )


@check
def documents_and_queries_have_vectors():
    expected = EMBEDDINGS.reference("sentence-embeddings", TEXT)
    close(embeddings().embed_query(TEXT), expected)
    vectors = embeddings().embed_documents([TEXT, UNICODE])
    equal(len(vectors), 2, "vectors")
    close(vectors[0], expected)


@check
def many_documents_are_sent_in_parts():
    texts = [f"{TEXT[:20]} {number}" for number in range(300)]
    vectors = embeddings(chunk_size=100).embed_documents(texts)
    equal(len(vectors), 300, "vectors")
    close(vectors[299], embeddings().embed_query(texts[299]))


@check
def dimensions_shorten_vectors():
    vectors = embeddings(dimensions=8).embed_documents([TEXT, UNICODE])
    close(vectors, EMBEDDINGS.reference("sentence-embeddings", [TEXT, UNICODE], dimensions=8))


@check
def the_asynchronous_client_is_answered_the_same():
    close(asyncio.run(embeddings().aembed_query(TEXT)), EMBEDDINGS.reference("sentence-embeddings", TEXT))


@check
def texts_that_are_too_long_are_bad_requests():
    refused(openai.BadRequestError, lambda: embeddings().embed_query(LONG), 400, "token")


run()
