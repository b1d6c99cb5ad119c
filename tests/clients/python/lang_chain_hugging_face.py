"""langchain-huggingface: HuggingFaceEndpointEmbeddings, whose model may be a URL up to version 1.2.0."""

import asyncio

from checks import LONG, MANY, TEXT, UNICODE, Server, check, close, equal, refused, run
from huggingface_hub.errors import HfHubHTTPError
from langchain_huggingface import HuggingFaceEndpointEmbeddings

EMBEDDINGS = Server("embeddings")


def embeddings(path="", **more):
    return HuggingFaceEndpointEmbeddings(model=EMBEDDINGS.url + path, **more)


@check
def documents_and_queries_have_vectors():
    expected = EMBEDDINGS.reference("sentence-embeddings", TEXT)
    for path in ("", "/embed", "/models/org/name"):
        close(embeddings(path).embed_query(TEXT), expected, what=path)
        vectors = embeddings(path).embed_documents([TEXT, UNICODE])
        equal(len(vectors), 2, "vectors")
        close(vectors[0], expected, what=path)


@check
def parameters_are_passed_on():
    vectors = embeddings(model_kwargs={"truncate": True, "normalize": True}).embed_documents([LONG])
    equal(len(vectors), 1, "vectors")


@check
def the_asynchronous_client_is_answered_the_same():
    close(asyncio.run(embeddings().aembed_query(TEXT)), EMBEDDINGS.reference("sentence-embeddings", TEXT))


@check
def too_many_texts_are_refused():
    refused(HfHubHTTPError, lambda: embeddings().embed_documents(MANY), text="257")


run()
