"""What redaction adds to the first event and to the first text of a stream, beside a server that sends all events back.

    python streams.py PORT

serves the latter.
"""

import json
import socket
import socketserver
import sys
import time

import load

REDACT = "/v1/redact/stream"
HEAD = f"POST {REDACT} HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
# A sentence, a word in each event. The next one begins in the last event, so that the first is known to be complete.
WORDS = ["Dear", " Sarah", ",", " your", " order", " is", " on", " its", " way", ".", " Please", " call"]
# What of the first sentence leaves: Pilotlight sends it as a whole.
REDACTED = b"order is on its way."
# Chunked encoding's last chunk.
END = b"0\r\n\r\n"


def event(delta):
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta}]}).encode() + b"\n\n"


def chunk(data):
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def measured(targets, streams):
    """Seconds to the first event and to the first text of streams, by the name of a target.

    Each target has a port, and the text that it sends when the last word has come.
    """
    found = {name: ([], []) for name in targets}
    for _ in range(streams):
        for name, (port, text) in targets.items():
            for times, took in zip(found[name], _stream(port, text)):
                times.append(took)
    return {name: (sorted(first), sorted(text)) for name, (first, text) in found.items()}


def _stream(port, text):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        received = bytearray()
        start = time.perf_counter()
        connection.sendall(HEAD.encode() + chunk(event({"role": "assistant"})))
        _receive(connection, received, b'"assistant"')
        first = time.perf_counter() - start
        *words, last = [chunk(event({"content": word})) for word in WORDS]
        for word in words[:-1]:
            connection.sendall(word)
        # What has come by now is no part of the time.
        time.sleep(0.02)
        start = time.perf_counter()
        connection.sendall(words[-1] + last)
        _receive(connection, received, text)
        took = time.perf_counter() - start
        connection.sendall(END)
        while not received.endswith(END):
            received += connection.recv(1 << 16) or END
        return first, took


def _receive(connection, received, text):
    while text not in received:
        data = connection.recv(1 << 16)
        if not data:
            raise RuntimeError(f"the stream has ended without {text!r}: {bytes(received[-300:])!r}")
        received += data


def added(found):
    """What Pilotlight adds at the 99th percentile, in milliseconds: to the first event, and to the first text."""
    at = lambda name, which: load.quantile(found[name][which], 0.99)
    return [1000 * (at("Pilotlight", which) - at("directly", which)) for which in (0, 1)]


def table(found):
    lines = ["| | first event, p50 | p99 | first text, p50 | p99 |", "| --- | --- | --- | --- | --- |"]
    for name, columns in found.items():
        cells = [f"{1000 * load.quantile(times, share):.2f} ms" for times in columns for share in (0.5, 0.99)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


# What it sends back of the last word.
LAST = event({"content": WORDS[-1]})


class _Echo(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = bytearray()
        while b"\r\n\r\n" not in head:
            data = self.request.recv(1 << 16)
            if not data:
                return
            head += data
        if head.startswith(b"GET"):
            self.request.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            return
        # The chunks of the request are those of the answer.
        body = bytes(head.split(b"\r\n\r\n", 1)[1])
        self.request.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n" + body)
        while not body.endswith(END) and (body := self.request.recv(1 << 16)):
            self.request.sendall(body)


class _Server(socketserver.TCPServer):
    """Serves one connection after the other, without the time that a thread takes to start."""

    allow_reuse_address = True


if __name__ == "__main__":
    with _Server(("127.0.0.1", int(sys.argv[1])), _Echo) as server:
        server.serve_forever()
