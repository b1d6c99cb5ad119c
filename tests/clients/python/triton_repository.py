"""tritonclient.http and the administration: the repository extension."""

import os

import tritonclient.http
from checks import Server, check, equal, run
from tritonclient.utils import InferenceServerException

TENSORS = Server("tensors")
# The address of the administration, and the token that it asks for.
ADMIN = os.environ["PILOTLIGHT_ADMIN"].removeprefix("http://").rstrip("/")
HEADERS = {"Authorization": "Bearer " + os.environ["PILOTLIGHT_ADMIN_TOKEN"]}


def client():
    return tritonclient.http.InferenceServerClient(ADMIN)


def refused(call, status):
    try:
        answer = call()
    except InferenceServerException as error:
        equal(error.status(), str(status), f"status ({error})")
        return
    raise AssertionError(f"answered {answer}, expected status {status}")


@check
def the_index_lists_the_model():
    with client() as triton:
        found = triton.get_model_repository_index(headers=HEADERS)
    equal(found, [{"name": TENSORS.model, "version": "1", "state": "READY"}])


@check
def a_model_is_loaded_again():
    with client() as triton:
        triton.load_model(TENSORS.model, headers=HEADERS)
        found = triton.get_model_repository_index(headers=HEADERS)
    equal([model["state"] for model in found], ["READY"], "states")
    with tritonclient.http.InferenceServerClient(TENSORS.host) as triton:
        assert triton.is_model_ready(TENSORS.model)


@check
def what_cannot_be_loaded_is_told():
    with client() as triton:
        refused(lambda: triton.load_model("nobody", headers=HEADERS), 404)
        refused(lambda: triton.load_model(TENSORS.model, headers=HEADERS, config="{}"), 501)
        refused(lambda: triton.unload_model(TENSORS.model, headers=HEADERS), 501)


@check
def nobody_without_the_token_is_answered():
    with client() as triton:
        refused(triton.get_model_repository_index, 401)


run()
