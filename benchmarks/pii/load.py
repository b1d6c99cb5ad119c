"""Requests to a server, by several connections at once, and the memory that its processes have."""

import http.client
import json
import threading
import time
from pathlib import Path


def closed(port, requests, connections, seconds):
    """Each connection sends its next request when it has its answer: requests per second, and latencies."""
    return _send(port, requests, connections, seconds, None)


def paced(port, requests, connections, seconds, rate):
    """So many requests per second, whatever the answers take: latencies count from when a request was due."""
    return _send(port, requests, connections, seconds, rate)


def _send(port, requests, connections, seconds, rate):
    latencies, lock, turn = [], threading.Lock(), iter(range(1 << 40))
    start = time.perf_counter()

    def work():
        connection, own = http.client.HTTPConnection("127.0.0.1", port), []
        while True:
            with lock:
                number = next(turn)
            due = start + number / rate if rate else time.perf_counter()
            if (due if rate else time.perf_counter()) - start > seconds:
                break
            time.sleep(max(0, due - time.perf_counter()))
            post(connection, *requests[number % len(requests)])
            own.append(time.perf_counter() - due)
        with lock:
            latencies.extend(own)

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(latencies) / (time.perf_counter() - start), sorted(latencies)


def post(connection, path, body):
    connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path} answered {answer.status}: {content[:200]!r}")
    return json.loads(content)


def quantile(latencies, share):
    return latencies[min(len(latencies) - 1, int(len(latencies) * share))]


def memory(pid):
    """Proportional set size of a process and its children, in MiB."""
    total = 0
    for process in _tree(pid):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def _tree(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid] + [process for child in children for process in _tree(int(child))]
