"""tritonclient.http, synchronous and asynchronous: tensors in JSON and binary, texts as BYTES."""

import asyncio
import json

import numpy
import tritonclient.http
import tritonclient.http.aio
from checks import LONG, MANY, TEXT, UNICODE, Server, check, close, equal, run
from tritonclient.http import InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

EMBEDDINGS = Server("embeddings")
CLASSIFIER = Server("classifier")
RERANKER = Server("reranker")
NER = Server("ner")
ZERO_SHOT = Server("zero-shot")
QA = Server("qa")
FILL_MASK = Server("fill-mask")
TENSORS = Server("tensors")

ROWS = numpy.array([[1.5, -2.0, 0.25], [3.0, 4.0, -5.5]], dtype=numpy.float32)


def client(server):
    return tritonclient.http.InferenceServerClient(server.host)


def strings(name, values, binary=True):
    tensor = InferInput(name, [len(values)], "BYTES")
    tensor.set_data_from_numpy(numpy.array(values, dtype=object), binary_data=binary)
    return tensor


def numbers(values=ROWS, binary=True, name="x", datatype="FP32"):
    tensor = InferInput(name, list(values.shape), datatype)
    tensor.set_data_from_numpy(values, binary_data=binary)
    return tensor


def refused(call, status, text=""):
    try:
        answer = call()
    except InferenceServerException as error:
        equal(error.status(), str(status), f"status ({error})")
        assert text.lower() in error.message().lower(), f"{text!r} is not in {error.message()!r}"
        return error
    raise AssertionError(f"answered {answer}, expected status {status}")


@check
def the_server_is_alive_and_ready_with_its_model():
    for server in (EMBEDDINGS, TENSORS):
        with client(server) as triton:
            assert triton.is_server_live() and triton.is_server_ready()
            assert triton.is_model_ready(server.model)
            assert triton.is_model_ready(server.model, "1")
            assert not triton.is_model_ready("nobody")
            assert not triton.is_model_ready(server.model, "7")


@check
def metadata_and_configuration_describe_the_model():
    with client(TENSORS) as triton:
        told = triton.get_server_metadata()
        equal(told["name"], "pilotlight", "name")
        assert "binary_tensor_data" in told["extensions"], told
        told = triton.get_model_metadata(TENSORS.model)
        equal((told["name"], told["versions"]), (TENSORS.model, ["1"]))
        equal(told["inputs"], [{"name": "x", "datatype": "FP32", "shape": [-1, -1]}])
        equal(told["outputs"], [{"name": "y", "datatype": "FP32", "shape": [-1, -1]}])
        told = triton.get_model_config(TENSORS.model)
        equal([tensor["data_type"] for tensor in told["input"]], ["TYPE_FP32"], "types")
    with client(EMBEDDINGS) as triton:
        told = triton.get_model_metadata(EMBEDDINGS.model, "1")
        equal([tensor["datatype"] for tensor in told["inputs"]], ["BYTES"], "types")
        equal(triton.get_model_config(EMBEDDINGS.model)["input"][0]["data_type"], "TYPE_STRING")


@check
def tensors_are_computed_in_json_and_in_binary():
    with client(TENSORS) as triton:
        for binary_input in (True, False):
            for binary_output in (True, False):
                outputs = [InferRequestedOutput("y", binary_data=binary_output)]
                inputs = [numbers(binary=binary_input)]
                answer = triton.infer(TENSORS.model, inputs, outputs=outputs, request_id="42")
                equal(answer.as_numpy("y").tolist(), (2 * ROWS).tolist(), "y")
                told = answer.get_response()
                equal((told["id"], told["model_name"]), ("42", TENSORS.model))
        answer = triton.infer(TENSORS.model, [numbers()], model_version="1")
        equal(answer.as_numpy("y").tolist(), (2 * ROWS).tolist(), "all outputs")


@check
def tensors_without_elements_are_computed():
    nothing = numpy.zeros((0, 3), dtype=numpy.float32)
    with client(TENSORS) as triton:
        equal(triton.infer(TENSORS.model, [numbers(nothing)]).as_numpy("y").shape, (0, 3), "shape")


@check
def bodies_are_compressed_if_asked():
    with client(TENSORS) as triton:
        for name in ("gzip", "deflate"):
            answer = triton.infer(
                TENSORS.model,
                [numbers()],
                request_compression_algorithm=name,
                response_compression_algorithm=name,
            )
            equal(answer.as_numpy("y").tolist(), (2 * ROWS).tolist(), name)


@check
def many_requests_are_answered_at_once():
    with tritonclient.http.InferenceServerClient(TENSORS.host, concurrency=4) as triton:
        started = [triton.async_infer(TENSORS.model, [numbers(ROWS * factor)]) for factor in range(8)]
        for factor, request in enumerate(started):
            equal(request.get_result().as_numpy("y").tolist(), (2 * factor * ROWS).tolist(), f"y of {factor}")


@check
def texts_are_sent_as_they_are():
    with client(EMBEDDINGS) as triton:
        for binary in (True, False):
            answer = triton.infer(EMBEDDINGS.model, [strings("text", [TEXT, UNICODE], binary)])
            found = answer.as_numpy("embedding")
            expected = EMBEDDINGS.reference("sentence-embeddings", TEXT)
            equal((found.shape, str(found.dtype)), ((2, len(expected)), "float32"))
            close(found[0].tolist(), expected)


@check
def classes_come_with_labels():
    text = "I love this phone: the battery lasts two days."
    expected = CLASSIFIER.reference("text-classification", text, top_k=None)
    with client(CLASSIFIER) as triton:
        answer = triton.infer(CLASSIFIER.model, [strings("text", [text])])
        equal(answer.as_numpy("label").tolist(), [expected[0]["label"].encode()], "label")
        close(sorted(answer.as_numpy("scores")[0].tolist()), sorted(entry["score"] for entry in expected))
        outputs = [InferRequestedOutput("scores", class_count=2)]
        answer = triton.infer(CLASSIFIER.model, [strings("text", [text])], outputs=outputs)
        classes = [element.decode().split(":") for element in answer.as_numpy("scores").ravel()]
        equal([label for _, _, label in classes], [entry["label"] for entry in expected[:2]], "labels")
        close([float(score) for score, _, _ in classes], [entry["score"] for entry in expected[:2]])


@check
def texts_are_ranked():
    texts = ["A man plays the guitar.", "A woman is reading a book.", "Stocks fell on Monday.", UNICODE]
    with client(RERANKER) as triton:
        answer = triton.infer(RERANKER.model, [strings("query", [UNICODE]), strings("text", texts)])
    expected = RERANKER.reference("reranking", {"query": UNICODE, "texts": texts})
    scores = {rank["index"]: rank["score"] for rank in expected}
    close(answer.as_numpy("scores").tolist(), [scores[index] for index in range(len(texts))])


@check
def other_tasks_answer_in_json():
    def ask(server, *inputs):
        with client(server) as triton:
            answer = triton.infer(server.model, list(inputs))
        name = answer.get_response()["outputs"][0]["name"]
        return [json.loads(element) for element in answer.as_numpy(name).tolist()]

    entities = ask(NER, strings("text", [TEXT]))[0]
    assert all({"score", "start", "end", "word"} <= set(entity) for entity in entities), entities
    text = "The team won the match in Berlin."
    candidates = ["sports", "politics", "travel"]
    found = ask(ZERO_SHOT, strings("text", [text]), strings("candidate_labels", candidates))[0]
    close(found, ZERO_SHOT.reference("zero-shot-classification", text, candidate_labels=candidates))
    question = "Where was she born?"
    context = "Marie Curie was born in Warsaw and moved to Paris, where she studied physics."
    found = ask(QA, strings("question", [question]), strings("context", [context]))[0]
    close(found, QA.reference("question-answering", {"question": question, "context": context}))
    text = "The capital of France is <mask>."
    close(ask(FILL_MASK, strings("text", [text]))[0], FILL_MASK.reference("fill-mask", text))


@check
def statistics_count_requests():
    with client(TENSORS) as triton:
        def succeeded():
            told = triton.get_inference_statistics(TENSORS.model)["model_stats"]
            equal([model["name"] for model in told], [TENSORS.model], "models")
            return told[0]["inference_stats"]["success"]["count"]

        before = succeeded()
        for _ in range(3):
            triton.infer(TENSORS.model, [numbers()])
        equal(succeeded() - before, 3, "requests")
        equal(len(triton.get_inference_statistics()["model_stats"]), 1, "models")


@check
def the_asynchronous_client_is_answered_the_same():
    async def ask():
        async with tritonclient.http.aio.InferenceServerClient(TENSORS.host) as triton:
            assert await triton.is_server_live() and await triton.is_model_ready(TENSORS.model)
            told = await triton.get_model_metadata(TENSORS.model)
            equal(told["name"], TENSORS.model, "name")
            stats = await triton.get_inference_statistics(TENSORS.model)
            equal(stats["model_stats"][0]["name"], TENSORS.model, "name")
            answers = await asyncio.gather(
                *(triton.infer(TENSORS.model, [numbers(ROWS * factor)]) for factor in range(4))
            )
            for factor, answer in enumerate(answers):
                equal(answer.as_numpy("y").tolist(), (2 * factor * ROWS).tolist(), f"y of {factor}")
            compressed = await triton.infer(
                TENSORS.model, [numbers()], request_compression_algorithm="gzip", response_compression_algorithm="gzip"
            )
            equal(compressed.as_numpy("y").tolist(), (2 * ROWS).tolist(), "y")
            try:
                await triton.infer("nobody", [numbers()])
            except InferenceServerException as error:
                equal(error.status(), "404", "status")
            else:
                raise AssertionError("an unknown model answered")

    asyncio.run(ask())


@check
def unknown_models_are_told():
    with client(TENSORS) as triton:
        for call in (
            lambda: triton.infer("nobody", [numbers()]),
            lambda: triton.infer("org/nobody", [numbers()]),
            lambda: triton.get_model_metadata("nobody"),
            lambda: triton.get_model_config("nobody"),
            lambda: triton.get_inference_statistics("nobody"),
            lambda: triton.infer(TENSORS.model, [numbers()], model_version="7"),
        ):
            refused(call, 404)
        refused(lambda: triton.infer("nobody", [numbers()]), 404, "Request for unknown model: 'nobody'")


@check
def wrong_tensors_are_told():
    double = ROWS.astype(numpy.float64)
    with client(TENSORS) as triton:
        infer = lambda *inputs, **more: triton.infer(TENSORS.model, list(inputs), **more)
        refused(lambda: infer(numbers(name="z")), 400, "z")
        refused(lambda: infer(), 400, "x")
        refused(lambda: infer(numbers(), numbers()), 400, "x")
        for binary in (True, False):
            refused(lambda: infer(numbers(double, binary, datatype="FP64")), 400, "FP32")
            refused(lambda: infer(numbers(ROWS[0], binary)), 400, "shape")
        refused(lambda: infer(numbers(), outputs=[InferRequestedOutput("z")]), 400, "z")
        refused(lambda: infer(numbers(), sequence_id=5, sequence_start=True), 400, "sequence_id")
    wrong = numbers()
    wrong.set_shape([2, 4])
    with client(TENSORS) as triton:
        refused(lambda: triton.infer(TENSORS.model, [wrong]), 400)
    with client(EMBEDDINGS) as triton:
        refused(lambda: triton.infer(EMBEDDINGS.model, [numbers(name="text")]), 400, "BYTES")


@check
def texts_that_are_too_long_and_too_many_are_told():
    with client(EMBEDDINGS) as triton:
        refused(lambda: triton.infer(EMBEDDINGS.model, [strings("text", MANY)]), 400, "257")
        refused(lambda: triton.infer(EMBEDDINGS.model, [strings("text", [LONG * 100])]), 413)


@check
def what_is_not_supported_is_told():
    with client(TENSORS) as triton:
        refused(triton.get_log_settings, 501, "not supported")
        refused(lambda: triton.update_log_settings({"log_info": True}), 501, "not supported")
        refused(triton.get_trace_settings, 501, "not supported")
        refused(lambda: triton.get_trace_settings(TENSORS.model), 501, "not supported")
        refused(triton.get_system_shared_memory_status, 501, "not supported")
        refused(lambda: triton.register_system_shared_memory("a", "/a", 16), 501, "not supported")
        refused(triton.get_cuda_shared_memory_status, 501, "not supported")
    shared = InferInput("x", [2, 3], "FP32")
    shared.set_shared_memory("a", ROWS.nbytes)
    with client(TENSORS) as triton:
        refused(lambda: triton.infer(TENSORS.model, [shared]), 400, "shared memory")


run()
