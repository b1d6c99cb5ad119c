"""What recognizers add to a text of about 400 tokens."""

import http.client
import statistics
import subprocess
import time

import load

# The text of the example `scan` of the crate `recognizers`.
TEXT = (
    "Dear Ms. Lovelace, thank you for your call on 3 March about invoice 2024-1187. We have refunded $ 1,250.00 to the card "
    "4111 1111 1111 1111; please confirm at billing@example.com or call +49 30 901820-0. Your IBAN DE89 3704 0044 0532 0130 00 "
    "remains on file with customer number 8841207. "
) * 6


def added(with_recognizers, without, requests):
    """Milliseconds that a request takes longer with recognizers, by two ports: the median of pairs of requests."""
    connections = [http.client.HTTPConnection("127.0.0.1", port) for port in (without, with_recognizers)]

    def took(connection):
        start = time.perf_counter()
        load.post(connection, "/v1/redact", {"text": TEXT})
        return time.perf_counter() - start

    pairs = [[took(connection) for connection in connections] for _ in range(requests)]
    return 1000 * statistics.median(longer - shorter for shorter, longer in pairs)


def native(program):
    """Milliseconds that the recognizers take alone, as the example `scan` prints it."""
    out = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    (line,) = (line for line in out.splitlines() if line.startswith("400 tokens: "))
    microseconds = line.split(", ")[1]
    return float(microseconds.removesuffix(" µs")) / 1000
