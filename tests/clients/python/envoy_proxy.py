"""Envoy as a proxy in front of a language model: its external processing asks Pilotlight to redact what passes.

The upstream is a stub that keeps what it gets. `PII` redacts; `ENCRYPTING` encrypts values and puts them back.
"""

import ctypes
import gzip
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from checks import check, equal, run

CARD = "4111 1111 1111 1111"
MAIL = "ada.lovelace@example.com"
LOCAL = "127.0.0.1"


class Upstream(BaseHTTPRequestHandler):
    """Answers with what it got last: as a chat completion, as its events, or as text."""

    protocol_version = "HTTP/1.1"
    received = []

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self._body()
        Upstream.received.append((dict(self.headers), body))
        if self.path == "/text":
            return self._answer("text/plain", body)
        if self.path == "/mail":
            return self._answer("application/json", json.dumps(completion(f"Write to {MAIL}.")).encode())
        if self.path == "/zip":
            return self._answer("application/json", gzip.compress(b"{}"), ("content-encoding", "gzip"))
        content = json.loads(body)["messages"][-1]["content"]
        if self.path == "/events":
            return self._events(content)
        if self.path == "/letter":
            return self._events(f"My card is {CARD} and my mail {MAIL}. Thank you!")
        return self._answer("application/json", json.dumps(completion(content)).encode())

    def _body(self):
        if "chunked" not in self.headers.get("transfer-encoding", ""):
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        body = b""
        while length := int(self.rfile.readline(), 16):
            body += self.rfile.read(length)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, content_type, body, *headers):
        self.send_response(200)
        for name, value in (("content-type", content_type), ("content-length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _events(self, content):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for start in range(0, len(content), 5):
            choice = {"index": 0, "delta": {"content": content[start : start + 5]}, "finish_reason": None}
            self._chunk(f"data: {json.dumps({'id': 'c', 'model': 'm', 'choices': [choice]})}\n\n")
        self._chunk('data: {"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n')
        self._chunk("data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, text):
        self.wfile.write(f"{len(text.encode()):x}\r\n{text}\r\n".encode())
        self.wfile.flush()


def completion(content):
    return {"id": "c", "model": "m", "choices": [{"index": 0, "message": {"role": "assistant", "content": content}}]}


def free_port():
    with socket.socket() as sock:
        sock.bind((LOCAL, 0))
        return sock.getsockname()[1]


def cluster(name, port, http2=False):
    endpoint = {"endpoint": {"address": {"socket_address": {"address": LOCAL, "port_value": port}}}}
    options = {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options" if http2 else "http_protocol_options": {}},
    }
    return {
        "name": name,
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
    }


def listener(port, processor, modes, metadata):
    """Listens on `port`, and has bodies processed that are sent in `modes`."""
    external = {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor",
        "grpc_service": {
            "envoy_grpc": {"cluster_name": processor},
            "initial_metadata": [{"key": key, "value": value} for key, value in metadata.items()],
        },
        "message_timeout": "20s",
        "processing_mode": {
            "request_header_mode": "SEND",
            "response_header_mode": "SEND",
            "request_body_mode": modes[0],
            "response_body_mode": modes[1],
            # Envoy wants trailers where it streams in both directions.
            **{
                f"{part}_trailer_mode": "SEND"
                for part, mode in zip(("request", "response"), modes)
                if mode == "FULL_DUPLEX_STREAMED"
            },
        },
    }
    router = {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}
    routes = [{"match": {"prefix": "/"}, "route": {"cluster": "upstream", "timeout": "30s"}}]
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "proxy",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": [
            {"name": "envoy.filters.http.ext_proc", "typed_config": external},
            {"name": "envoy.filters.http.router", "typed_config": router},
        ],
    }
    return {
        "name": f"listener-{port}",
        "address": {"socket_address": {"address": LOCAL, "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def port_of(variable):
    return int(os.environ[f"PILOTLIGHT_{variable}"].rstrip("/").rpartition(":")[2])


def end_with_the_test():
    """Has the kernel end this process when its parent has ended (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def start():
    """Starts the upstream and Envoy; the ports of Envoy by what they do."""
    upstream = ThreadingHTTPServer((LOCAL, 0), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    key = {"x-api-key": os.environ["PILOTLIGHT_KEY"]}
    listeners = {
        "buffered": ("pii", ("BUFFERED", "BUFFERED"), {}),
        "streamed": ("pii", ("STREAMED", "STREAMED"), {}),
        "duplex": ("pii", ("BUFFERED", "FULL_DUPLEX_STREAMED"), {}),
        "requests": ("pii", ("BUFFERED", "BUFFERED"), {"x-pilotlight-response": "pass"}),
        "encrypting": ("encrypting", ("BUFFERED", "FULL_DUPLEX_STREAMED"), key),
        "strangers": ("encrypting", ("BUFFERED", "BUFFERED"), {}),
        "nobody": ("nobody", ("BUFFERED", "BUFFERED"), {}),
    }
    ports = {name: free_port() for name in listeners}
    bootstrap = {
        "static_resources": {
            "listeners": [listener(ports[name], *rest) for name, rest in listeners.items()],
            "clusters": [
                cluster("upstream", upstream.server_port),
                cluster("pii", port_of("PII"), http2=True),
                cluster("encrypting", port_of("ENCRYPTING"), http2=True),
                # Nothing listens there.
                cluster("nobody", 9, http2=True),
            ],
        }
    }
    file = Path(tempfile.mkdtemp()) / "envoy.json"
    file.write_text(json.dumps(bootstrap))
    envoy = Path(sys.executable).parent / "envoy"
    arguments = ["-c", str(file), "--disable-hot-restart", "--concurrency", "1", "-l", "error"]
    process = subprocess.Popen([envoy, *arguments], preexec_fn=end_with_the_test)
    for port in ports.values():
        while process.poll() is None:
            with socket.socket() as sock:
                if sock.connect_ex((LOCAL, port)) == 0:
                    break
            time.sleep(0.05)
    return ports


PORTS = start()


def post(through, path, body, content_type="application/json", **headers):
    """Status, headers and body of the answer, and what the upstream got: nothing, or headers and body."""
    Upstream.received.clear()
    connection = http.client.HTTPConnection(LOCAL, PORTS[through], timeout=60)
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST", path, body, {"content-type": content_type, **names})
    answer = connection.getresponse()
    return answer.status, answer.read().decode(), (Upstream.received or [None])[0]


def chat(text):
    return {"model": "org/model-1", "messages": [{"role": "user", "content": text}]}


def content(body):
    return json.loads(body)["choices"][0]["message"]["content"]


def told(events):
    """The text of events of a chat completion."""
    data = [line.removeprefix("data: ") for line in events.splitlines() if line.startswith("data: ")]
    equal(data.pop(), "[DONE]")
    choices = [json.loads(event)["choices"][0] for event in data]
    return "".join(choice["delta"].get("content", "") for choice in choices)


@check
def a_request_is_redacted_before_the_upstream_gets_it():
    for through in ("buffered", "streamed", "duplex", "requests"):
        status, body, (headers, sent) = post(through, "/chat", chat(f"I pay with {CARD}."), accept_encoding="gzip")
        equal(status, 200, through)
        sent = json.loads(sent)
        equal(sent, chat("I pay with [CREDIT_CARD]."), through)
        equal(content(body), "I pay with [CREDIT_CARD].", through)
        assert "accept-encoding" not in {name.lower() for name in headers}, headers


@check
def a_response_is_redacted():
    for through in ("buffered", "streamed", "duplex"):
        status, body, _ = post(through, "/mail", chat("Hello"))
        equal((status, content(body)), (200, "Write to [EMAIL]."), through)


@check
def responses_pass_where_the_metadata_says_so():
    status, body, _ = post("requests", "/mail", chat("Hello"))
    equal((status, content(body)), (200, f"Write to {MAIL}."))


@check
def events_are_redacted_across_their_borders():
    for through in ("streamed", "duplex"):
        status, events, _ = post(through, "/letter", chat("x"))
        expected = "My card is [CREDIT_CARD] and my mail [EMAIL]. Thank you!"
        equal((status, told(events)), (200, expected), through)


@check
def texts_are_redacted():
    status, body, (_, sent) = post("buffered", "/text", f"My card is {CARD}.".encode(), "text/plain")
    equal((status, sent), (200, b"My card is [CREDIT_CARD]."))


@check
def values_are_encrypted_for_the_upstream_and_put_back_for_the_client():
    text = f"I pay with {CARD}."
    status, body, (_, sent) = post("encrypting", "/chat", chat(text))
    assert CARD not in sent.decode() and "[CREDIT_CARD:" in sent.decode(), sent
    equal((status, content(body)), (200, text))
    status, events, _ = post("encrypting", "/events", chat(text))
    equal((status, told(events)), (200, text))


@check
def what_cannot_be_checked_does_not_reach_the_upstream():
    image = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}
    for body, content_type, headers, expected in (
        (b"a=b", "application/x-www-form-urlencoded", {}, 415),
        (gzip.compress(b"{}"), "application/json", {"content_encoding": "gzip"}, 415),
        ({"messages": [image]}, "application/json", {}, 415),
        (b"{", "application/json", {}, 400),
        (b"\xff", "text/plain", {}, 415),
        (b'"' + b"a " * (1 << 20) + b'"', "application/json", {}, 413),
    ):
        status, answer, sent = post("streamed", "/chat", body, content_type, **headers)
        equal((status, sent), (expected, None), f"{content_type} {str(body)[:20]}")
        assert json.loads(answer)["error"]["message"], answer


@check
def a_response_that_cannot_be_checked_does_not_reach_the_client():
    status, answer, _ = post("buffered", "/zip", chat("Hello"))
    equal(status, 415)


@check
def nothing_passes_without_pilotlight():
    for through in ("nobody", "strangers"):
        status, _, sent = post(through, "/chat", chat(f"I pay with {CARD}."))
        assert status >= 400 and sent is None, (through, status, sent)


run()
