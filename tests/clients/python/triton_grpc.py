"""tritonclient.grpc, synchronous and asynchronous: the service of the Open Inference Protocol."""

import asyncio
import json
import queue

import numpy
import tritonclient.grpc
import tritonclient.grpc.aio
from checks import LONG, MANY, TEXT, UNICODE, Server, check, close, equal, run
from tritonclient.grpc import InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

EMBEDDINGS = Server("embeddings")
CLASSIFIER = Server("classifier")
NER = Server("ner")
TENSORS = Server("tensors")

ROWS = numpy.array([[1.5, -2.0, 0.25], [3.0, 4.0, -5.5]], dtype=numpy.float32)


def client(server):
    return tritonclient.grpc.InferenceServerClient(server.host)


def strings(name, values):
    tensor = InferInput(name, [len(values)], "BYTES")
    tensor.set_data_from_numpy(numpy.array(values, dtype=object))
    return tensor


def numbers(values=ROWS, name="x", datatype="FP32"):
    tensor = InferInput(name, list(values.shape), datatype)
    tensor.set_data_from_numpy(values)
    return tensor


def refused(call, status, text=""):
    try:
        answer = call()
    except InferenceServerException as error:
        equal(error.status(), f"StatusCode.{status}", f"status ({error})")
        assert text.lower() in error.message().lower(), f"{text!r} is not in {error.message()!r}"
        return
    raise AssertionError(f"answered {answer}, expected {status}")


@check
def the_server_is_alive_and_ready_with_its_model():
    for server in (EMBEDDINGS, TENSORS):
        with client(server) as triton:
            assert triton.is_server_live() and triton.is_server_ready()
            assert triton.is_model_ready(server.model)
            assert triton.is_model_ready(server.model, "1")
            assert not triton.is_model_ready("nobody")


@check
def metadata_and_configuration_describe_the_model():
    with client(TENSORS) as triton:
        told = triton.get_server_metadata()
        equal(told.name, "pilotlight", "name")
        assert told.version and list(told.extensions), told
        told = triton.get_model_metadata(TENSORS.model)
        equal((told.name, list(told.versions)), (TENSORS.model, ["1"]))
        tensors = [(tensor.name, tensor.datatype, list(tensor.shape)) for tensor in (*told.inputs, *told.outputs)]
        equal(tensors, [("x", "FP32", [-1, -1]), ("y", "FP32", [-1, -1])], "tensors")
        told = triton.get_model_config(TENSORS.model).config
        equal((told.name, told.input[0].name, told.output[0].name), (TENSORS.model, "x", "y"))
        told = triton.get_model_config(TENSORS.model, as_json=True)
        equal(told["config"]["input"][0]["data_type"], "TYPE_FP32", "type")
    with client(EMBEDDINGS) as triton:
        told = triton.get_model_metadata(EMBEDDINGS.model, "1", as_json=True)
        equal([tensor["datatype"] for tensor in told["inputs"]], ["BYTES"], "types")


@check
def tensors_are_computed():
    with client(TENSORS) as triton:
        answer = triton.infer(TENSORS.model, [numbers()], request_id="42")
        equal(answer.as_numpy("y").tolist(), (2 * ROWS).tolist(), "y")
        told = answer.get_response()
        equal((told.id, told.model_name, told.model_version), ("42", TENSORS.model, "1"))
        outputs = [InferRequestedOutput("y")]
        answer = triton.infer(TENSORS.model, [numbers()], model_version="1", outputs=outputs)
        equal(answer.as_numpy("y").tolist(), (2 * ROWS).tolist(), "y")


@check
def messages_are_compressed_if_asked():
    with client(TENSORS) as triton:
        for name in ("gzip", "deflate"):
            answer = triton.infer(TENSORS.model, [numbers()], compression_algorithm=name)
            equal(answer.as_numpy("y").tolist(), (2 * ROWS).tolist(), name)


@check
def large_tensors_are_computed():
    rows = numpy.arange(250_000, dtype=numpy.float32).reshape(250, 1000)
    with client(TENSORS) as triton:
        equal(triton.infer(TENSORS.model, [numbers(rows)]).as_numpy("y").tolist(), (2 * rows).tolist(), "y")


@check
def texts_are_sent_as_they_are():
    with client(EMBEDDINGS) as triton:
        found = triton.infer(EMBEDDINGS.model, [strings("text", [TEXT, UNICODE])]).as_numpy("embedding")
        expected = EMBEDDINGS.reference("sentence-embeddings", TEXT)
        equal((found.shape, str(found.dtype)), ((2, len(expected)), "float32"))
        close(found[0].tolist(), expected)
    with client(NER) as triton:
        answer = triton.infer(NER.model, [strings("text", [TEXT])]).as_numpy("entities")
        assert isinstance(json.loads(answer.tolist()[0]), list), answer


@check
def classes_come_with_labels():
    text = "I love this phone: the battery lasts two days."
    expected = CLASSIFIER.reference("text-classification", text, top_k=None)
    with client(CLASSIFIER) as triton:
        outputs = [InferRequestedOutput("scores", class_count=2)]
        answer = triton.infer(CLASSIFIER.model, [strings("text", [text])], outputs=outputs)
    classes = [element.decode().split(":") for element in answer.as_numpy("scores").ravel()]
    equal([label for _, _, label in classes], [entry["label"] for entry in expected[:2]], "labels")
    close([float(score) for score, _, _ in classes], [entry["score"] for entry in expected[:2]])


@check
def callbacks_have_results_and_errors():
    with client(TENSORS) as triton:
        answers = queue.Queue()
        done = lambda result, error: answers.put((result, error))
        triton.async_infer(TENSORS.model, [numbers()], done)
        result, error = answers.get(timeout=30)
        assert error is None, error
        equal(result.as_numpy("y").tolist(), (2 * ROWS).tolist(), "y")
        triton.async_infer("nobody", [numbers()], done)
        result, error = answers.get(timeout=30)
        equal((result, error.status()), (None, "StatusCode.NOT_FOUND"))


@check
def statistics_count_requests():
    with client(TENSORS) as triton:
        def succeeded():
            told = triton.get_inference_statistics(TENSORS.model).model_stats
            equal([model.name for model in told], [TENSORS.model], "models")
            return told[0].inference_stats.success.count

        before = succeeded()
        for _ in range(3):
            triton.infer(TENSORS.model, [numbers()])
        equal(succeeded() - before, 3, "requests")
    # Its name has a character that some escape in paths.
    assert "-" in NER.model, NER.model
    with client(NER) as triton:
        for version in ("", "1"):
            told = triton.get_inference_statistics(NER.model, version).model_stats
            equal([model.name for model in told], [NER.model], "models")


@check
def the_asynchronous_client_is_answered_the_same():
    async def ask():
        async with tritonclient.grpc.aio.InferenceServerClient(TENSORS.host) as triton:
            assert await triton.is_server_live() and await triton.is_model_ready(TENSORS.model)
            answers = await asyncio.gather(
                *(triton.infer(TENSORS.model, [numbers(ROWS * factor)]) for factor in range(4))
            )
            for factor, answer in enumerate(answers):
                equal(answer.as_numpy("y").tolist(), (2 * factor * ROWS).tolist(), f"y of {factor}")

    asyncio.run(ask())


@check
def unknown_models_are_told():
    with client(TENSORS) as triton:
        refused(lambda: triton.infer("nobody", [numbers()]), "NOT_FOUND", "Request for unknown model")
        refused(lambda: triton.infer("org/nobody", [numbers()]), "NOT_FOUND")
        refused(lambda: triton.infer(TENSORS.model, [numbers()], model_version="7"), "NOT_FOUND")
        refused(lambda: triton.get_model_metadata("nobody"), "NOT_FOUND")
        refused(lambda: triton.get_model_config("nobody"), "NOT_FOUND")
        refused(lambda: triton.get_inference_statistics("nobody"), "NOT_FOUND")


@check
def wrong_tensors_are_told():
    with client(TENSORS) as triton:
        infer = lambda *inputs, **more: triton.infer(TENSORS.model, list(inputs), **more)
        refused(lambda: infer(numbers(name="z")), "INVALID_ARGUMENT", "z")
        refused(lambda: infer(), "INVALID_ARGUMENT", "x")
        refused(lambda: infer(numbers(ROWS.astype(numpy.float64), datatype="FP64")), "INVALID_ARGUMENT", "FP32")
        refused(lambda: infer(numbers(ROWS[0])), "INVALID_ARGUMENT", "shape")
        refused(lambda: infer(numbers(), outputs=[InferRequestedOutput("z")]), "INVALID_ARGUMENT", "z")
        refused(lambda: infer(InferInput("x", [2, 3], "FP32")), "INVALID_ARGUMENT", "x")


@check
def texts_that_are_too_long_and_too_many_are_told():
    with client(EMBEDDINGS) as triton:
        refused(lambda: triton.infer(EMBEDDINGS.model, [strings("text", MANY)]), "INVALID_ARGUMENT", "257")
        for factor in (100, 3000):
            call = lambda: triton.infer(EMBEDDINGS.model, [strings("text", [LONG * factor])])
            try:
                call()
            except InferenceServerException as error:
                assert error.status() in ("StatusCode.RESOURCE_EXHAUSTED", "StatusCode.OUT_OF_RANGE"), error
            else:
                raise AssertionError("a message over the limit was answered")


@check
def what_is_not_supported_is_told():
    with client(TENSORS) as triton:
        for call in (
            triton.get_log_settings,
            triton.get_trace_settings,
            triton.get_system_shared_memory_status,
            triton.get_cuda_shared_memory_status,
            triton.get_model_repository_index,
            lambda: triton.load_model(TENSORS.model),
        ):
            refused(call, "UNIMPLEMENTED")


run()
