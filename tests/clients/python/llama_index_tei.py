"""llama-index: embeddings and ranks of text-embeddings-inference."""

import asyncio

from checks import LONG, TEXT, UNICODE, Server, check, close, equal, run
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from llama_index.embeddings.text_embeddings_inference import TextEmbeddingsInference
from llama_index.postprocessor.tei_rerank import TextEmbeddingInference

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


def embeddings(**more):
    return TextEmbeddingsInference(model_name=EMBEDDINGS.model, base_url=EMBEDDINGS.url, **more)


@check
def texts_and_queries_have_vectors():
    expected = EMBEDDINGS.reference("sentence-embeddings", TEXT)
    close(embeddings().get_text_embedding(TEXT), expected)
    close(embeddings().get_query_embedding(TEXT), expected)
    vectors = embeddings().get_text_embedding_batch([TEXT, UNICODE] * 10)
    equal(len(vectors), 20, "vectors")
    close(vectors[18], expected)


@check
def other_addresses_and_tokens_are_taken():
    expected = EMBEDDINGS.reference("sentence-embeddings", TEXT)
    close(embeddings(endpoint="/", auth_token="unused").get_text_embedding(TEXT), expected)
    doubled = TextEmbeddingsInference(model_name=EMBEDDINGS.model, base_url=EMBEDDINGS.url + "/")
    close(doubled.get_text_embedding(TEXT), expected)


@check
def texts_that_are_too_long_are_shortened():
    equal(len(embeddings().get_text_embedding(LONG)), len(EMBEDDINGS.reference("sentence-embeddings", TEXT)), "columns")


@check
def the_asynchronous_client_is_answered_the_same():
    found = asyncio.run(embeddings().aget_text_embedding(TEXT))
    close(found, EMBEDDINGS.reference("sentence-embeddings", TEXT))


@check
def an_error_is_an_object():
    # The client looks at no status: what it indexes has no place 0.
    try:
        embeddings(truncate_text=False).get_text_embedding(LONG)
    except KeyError:
        return
    raise AssertionError("a text that is too long was answered")


def rank(texts, query=QUERY, **more):
    reranker = TextEmbeddingInference(base_url=RERANKER.url, **more)
    nodes = [NodeWithScore(node=TextNode(text=text, id_=str(place))) for place, text in enumerate(texts)]
    return reranker.postprocess_nodes(nodes, query_bundle=QueryBundle(query))


@check
def nodes_are_ranked():
    ranked = rank(TEXTS, top_n=5)
    expected = RERANKER.reference("reranking", {"query": QUERY, "texts": TEXTS})
    found = [[int(node.node.node_id), node.score] for node in ranked]
    close(found, [[one["index"], one["score"]] for one in expected])
    equal(len(rank(TEXTS, top_n=2, auth_token="unused")), 2, "nodes")


@check
def many_nodes_and_long_ones_are_ranked_at_once():
    equal(len(rank([f"{TEXT} {number}" for number in range(100)], top_n=100)), 100, "nodes")
    equal(len(rank([LONG, TEXT])), 2, "nodes")


run()
