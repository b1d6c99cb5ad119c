"""What the clients' tests share: the servers, the reference answers, and a line for each check.

A test names its servers by task. Their URLs are in environment variables: PILOTLIGHT_EMBEDDINGS and so on.
"""

import json
import math
import os
import sys
import traceback
import urllib.error
import urllib.request
from pathlib import Path

MODELS = Path(__file__).resolve().parents[3] / "crates" / "testing" / "models"

TEXT = "My name is Sarah and I live in London."
UNICODE = "Zoë Müller\u00a0met 李雷 in 北京 – ﬁnally! 🙂 Ｐａｒｉｓ"
# More tokens than any of the tiny models reads.
LONG = "The weather in Paris is mild, but the winter in Warsaw is cold and long. " * 40
# More texts than a request may have: 256 unless the model's manifest says otherwise.
MANY = ["a"] * 257

_checks = []


class Server:
    """The server of a task, and the reference answers of the model that it serves."""

    def __init__(self, task):
        variable = "PILOTLIGHT_" + task.upper().replace("-", "_")
        if variable not in os.environ:
            sys.exit(f"{variable} is not set; it is the URL of a server for {task}")
        self.url = os.environ[variable].rstrip("/")
        self.host = self.url.removeprefix("http://")
        with urllib.request.urlopen(f"{self.url}/v1/models") as answer:
            self.model = json.load(answer)["data"][0]["id"]

    def reference(self, task, inputs, **parameters):
        """What transformers or sentence-transformers answers."""
        request = {"inputs": inputs, "parameters": parameters} if parameters else {"inputs": inputs}
        for entry in json.loads((MODELS / self.model / "answers.json").read_text()):
            if entry["task"] == task and entry["request"] == request and "files" not in entry:
                return entry["answer"]
        raise LookupError(f"{self.model} has no reference answer to {task} {request}")

    def get(self, path):
        """The status and the body of a request that has no client."""
        return _send(urllib.request.Request(self.url + path))

    def post(self, path, **body):
        """The same, with JSON."""
        headers = {"content-type": "application/json"}
        return _send(urllib.request.Request(self.url + path, json.dumps(body).encode(), headers))


def _send(request):
    try:
        with urllib.request.urlopen(request) as answer:
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    return status, json.loads(body) if body else None


def check(function):
    """Decorator of a check; its name says what holds."""
    _checks.append(function)
    return function


def run():
    """Runs all checks of a test. The exit code is 1 if one fails."""
    failed = 0
    for function in _checks:
        name = function.__name__.replace("_", " ")
        try:
            function()
            print(f"ok      {name}", flush=True)
        except Exception as error:
            failed += 1
            line = traceback.extract_tb(error.__traceback__)[1:2] or traceback.extract_tb(error.__traceback__)
            place = f"{Path(line[0].filename).name}:{line[0].lineno}"
            reason = " ".join(str(error).split())
            print(f"FAILED  {name} ({place}): {type(error).__name__}: {reason}", flush=True)
    print(f"{len(_checks) - failed} passed, {failed} failed", flush=True)
    # Some clients leave threads behind.
    sys.stdout.flush()
    os._exit(1 if failed else 0)


def equal(found, expected, what="value"):
    assert found == expected, f"{what} is {found!r}, expected {expected!r}"


def close(found, expected, tolerance=1e-5, what="value"):
    """Checks numbers, and lists and objects of them."""
    if isinstance(expected, dict):
        equal(set(found), set(expected), f"keys of {what}")
        for key in expected:
            close(found[key], expected[key], tolerance, f"{what}.{key}")
    elif isinstance(expected, (list, tuple)):
        equal(len(found), len(expected), f"length of {what}")
        for place, (one, other) in enumerate(zip(found, expected)):
            close(one, other, tolerance, f"{what}[{place}]")
    elif isinstance(expected, float):
        is_close = math.isclose(found, expected, rel_tol=tolerance, abs_tol=tolerance)
        assert is_close, f"{what} is {found!r}, expected {expected!r}"
    else:
        equal(found, expected, what)


def refused(kind, call, status=None, text=""):
    """Checks that a call raises the client's error for `status`, with `text` in its message."""
    try:
        answer = call()
    except kind as error:
        found = status_of(error)
        assert status is None or found == status, f"{kind.__name__} has status {found}, expected {status}: {error}"
        assert text.lower() in str(error).lower(), f"{text!r} is not in {str(error)!r}"
        return error
    raise AssertionError(f"answered {str(answer)[:200]!r}, expected {kind.__name__}")


def status_of(error):
    """The status that an error of any client has."""
    response = getattr(error, "response", None)
    for holder in (error, response):
        for name in ("status_code", "http_status", "code"):
            value = getattr(holder, name, None)
            if isinstance(value, int):
                return value
    return None
