"""Pilotlight and Presidio on the texts of `corpus.py`: what they find, and how fast. Writes a page of documentation.

    python compare.py PILOTLIGHT FIND MODEL_DIR PAGE [--quick]

PILOTLIGHT is the program, FIND the example `find` of the crate `recognizers`, and MODEL_DIR the default model's folder.
"""

import argparse
import contextlib
import http.client
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import load
import score

HERE = Path(__file__).resolve().parent
PILOTLIGHT, MODEL_ALONE, PRESIDIO = 18201, 18202, 18203
CONNECTIONS = 4
# Presidio's names of labels of the corpus.
NAMES = {
    "EMAIL_ADDRESS": "EMAIL", "PHONE_NUMBER": "PHONE", "IBAN_CODE": "IBAN", "ES_NIF": "ES_DNI",
    "CRYPTO": "CRYPTO_ADDRESS", "DATE_TIME": "DATE_OF_BIRTH",
}
# Labels of values with a checksum.
CHECKED = {
    "BR_CNPJ", "BR_CPF", "CN_RESIDENT_ID", "CREDIT_CARD", "CRYPTO_ADDRESS", "DE_TAX_ID", "ES_DNI", "ES_NIE", "FR_NIR",
    "IBAN", "IT_FISCAL_CODE", "NL_BSN", "PL_PESEL", "SE_PERSONNUMMER", "UK_NHS",
}
# What both find by patterns and checksums, and the default model does not find.
IDENTIFIERS = ["CREDIT_CARD", "CRYPTO", "IBAN_CODE", "IP_ADDRESS", "US_SSN"]


@contextlib.contextmanager
def served(command, port, path):
    """A server on the first core, and its process, once it answers."""
    pinned = ["taskset", "-c", "0", *command]
    process = subprocess.Popen(pinned, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=HERE)
    try:
        for _ in range(1200):
            with contextlib.suppress(OSError):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", path)
                if connection.getresponse().status == 200:
                    break
            if process.poll() is not None:
                raise RuntimeError(f"{command[0]} has ended with {process.returncode}")
            time.sleep(0.5)
        yield process
    finally:
        process.terminate()
        process.wait(60)


def pilotlight(program, folder, port, cache):
    os.environ["PILOTLIGHT_CACHE_DIR"] = str(cache)
    os.environ["XDG_RUNTIME_DIR"] = str(cache)
    command = [program, "serve", str(folder), "--listen", f"127.0.0.1:{port}", "--admin-listen", "127.0.0.1:0"]
    return served(command, port, "/info")


def presidio():
    command = [sys.executable, "-m", "gunicorn", "--workers", "1", "--bind", f"127.0.0.1:{PRESIDIO}"]
    return served([*command, "presidio_service:application()"], PRESIDIO, "/health")


def redacted(port, lines):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    answers = (load.post(connection, "/v1/redact", {"text": line["text"]}) for line in lines)
    keys = lambda entity: {"label": entity["entity_group"], "start": entity["start"], "end": entity["end"]}
    return [[keys(entity) for entity in answer["entities"]] for answer in answers]


def analyzed(port, lines):
    """What Presidio finds, without what lies within something longer, which its anonymizer drops, too."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    found = []
    for line in lines:
        body = {"text": line["text"], "language": line["language"]}
        results = load.post(connection, "/analyze", body)
        longer = lambda one, other: (
            one["start"] <= other["start"] and other["end"] <= one["end"]
            and one["end"] - one["start"] > other["end"] - other["start"]
        )
        kept = [one for one in results if not any(longer(other, one) for other in results)]
        label = lambda one: NAMES.get(one["entity_type"], one["entity_type"])
        found.append([{"label": label(one), "start": one["start"], "end": one["end"]} for one in kept])
    return found


def recognized(program, lines):
    given = "".join(json.dumps(line) + "\n" for line in lines)
    out = subprocess.run([program], input=given, capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def without_recognizers(folder, where):
    """A copy of a model folder whose manifest asks for no recognizers."""
    copy = where / "pii-ner"
    shutil.copytree(folder, copy)
    manifest = copy / "model.toml"
    manifest.write_text(manifest.read_text().replace("[recognizers]\n", ""))
    return copy


def measured(servers, requests, seconds, rounds):
    """Closed loops in turn; then all at half the rate that the slowest can do."""
    os.sched_setaffinity(0, {1})
    closed = {name: [] for name, _, _ in servers}
    for _ in range(rounds):
        for name, port, _ in servers:
            load.closed(port, requests, CONNECTIONS, seconds / 5)
            closed[name].append(load.closed(port, requests, CONNECTIONS, seconds))
    rate = min(statistics.median(rate for rate, _ in results) for results in closed.values()) / 2
    found = {}
    for name, port, process in servers:
        _, paced = load.paced(port, requests, 64, seconds * rounds, rate)
        rates = [rate for rate, _ in closed[name]]
        latencies = sorted(latency for _, all in closed[name] for latency in all)
        found[name] = {
            "rate": statistics.median(rates), "least": min(rates), "most": max(rates),
            "p99": load.quantile(latencies, 0.99), "paced p50": load.quantile(paced, 0.5),
            "paced p99": load.quantile(paced, 0.99), "memory": load.memory(process.pid),
        }
    return rate, found


def percent(value):
    return f"{100 * value:.1f}"


def quality(counts):
    """A table of labels: precision, recall and F1 of each, and decoys that were taken."""
    names = list(counts)
    lines = ["| label | values | " + " | ".join(names) + " |", "| --- |" + " --- |" * (len(names) + 1)]
    labels = list(next(iter(counts.values())))
    cells = lambda c: " / ".join(percent(rate) for rate in score.rates(c))
    for label in labels:
        values = counts[names[0]][label]["gold"]
        lines.append(f"| `{label}` | {values} | " + " | ".join(cells(counts[name][label]) for name in names) + " |")
    totals = [score.total(counts[name]) for name in names]
    lines.append(f"| all | {totals[0]['gold']} | " + " | ".join(cells(total) for total in totals) + " |")
    checked = [score.total({k: c for k, c in counts[name].items() if k in CHECKED}) for name in names]
    lines.append(f"| with a checksum | {checked[0]['gold']} | " + " | ".join(cells(total) for total in checked) + " |")
    taken = [f"{total['taken']} of {total['decoys']}" for total in totals]
    lines.append("| numbers with a wrong checksum that were found as what they are not | | " + " | ".join(taken) + " |")
    covered = [percent(total["covered"] / total["gold"]) + " %" for total in totals]
    lines.append("| values of which nothing is left, whatever the label | | " + " | ".join(covered) + " |")
    return "\n".join(lines)


def missed(lines, found, most=12):
    """Examples of values of which something is left, one for each language and label."""
    seen, rows = set(), []
    for line, entities in zip(lines, found):
        text = line["text"]
        masked = {place for one in entities for place in range(one["start"], one["end"])}
        for span in line["spans"]:
            key = (line["language"], span["label"])
            left = [p for p in range(span["start"], span["end"]) if text[p].isalnum() and p not in masked]
            if left and key not in seen:
                seen.add(key)
                rows.append((key, text[span["start"]:span["end"]]))
    total = len(rows)
    rows = [f"| {language} | `{label}` | `{value}` |" for (language, label), value in sorted(rows)[:most]]
    return total, "\n".join(["| language | label | an example |", "| --- | --- | --- |", *rows])


def goals(counts, speed):
    ours, theirs = counts["Pilotlight"], counts["Presidio"]
    precision, recall, _ = score.rates(score.total({k: c for k, c in ours.items() if k in CHECKED}))
    f1 = lambda counts: score.rates(score.total(counts))[2]
    one, other = speed["Pilotlight"], speed["Presidio"]
    rows = [
        ("recall of identifiers with a checksum", "≥ 99.5 %", percent(recall) + " %", recall >= 0.995),
        ("precision of identifiers with a checksum", "≥ 99.5 %", percent(precision) + " %", precision >= 0.995),
        ("F1 of all labels, less Presidio's", "> 0", percent(f1(ours) - f1(theirs)), f1(ours) > f1(theirs)),
        ("requests/s on one core, relative to Presidio", "≥ 10×", f"{one['rate'] / other['rate']:.1f}×",
         one["rate"] >= 10 * other["rate"]),
        ("memory, relative to Presidio", "≤ 0.2×", f"{one['memory'] / other['memory']:.2f}×",
         one["memory"] <= other["memory"] / 5),
        ("p99 at the same load, relative to Presidio", "≤ 0.2×", f"{one['paced p99'] / other['paced p99']:.2f}×",
         one["paced p99"] <= other["paced p99"] / 5),
    ]
    result = lambda reached: "reached" if reached else "**missed**"
    lines = [f"| {what} | {goal} | {value} | {result(reached)} |" for what, goal, value, reached in rows]
    return "\n".join(["| metric | goal | measured | result |", "| --- | --- | --- | --- |", *lines])


def processor():
    names = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    return f"{len(names)} cores, {names[0]}, Linux {platform.release()}"


def speeds(speed, rate):
    lines = [
        "| server | requests/s (least to most) | p99, closed loop | p50 at " + f"{rate:.1f}/s | p99 at {rate:.1f}/s | memory |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    ms = lambda seconds: f"{1000 * seconds:.1f} ms"
    for name, one in speed.items():
        lines.append(
            f"| {name} | {one['rate']:.1f} ({one['least']:.1f} to {one['most']:.1f}) | {ms(one['p99'])} | "
            f"{ms(one['paced p50'])} | {ms(one['paced p99'])} | {one['memory']:.0f} MiB |"
        )
    return "\n".join(lines)


PAGE = """\
# Personal data: what is found, and how fast

`cargo xtask compare pii` measures Pilotlight and [Presidio](https://github.com/data-privacy-stack/presidio) on the same texts, in one run, and
writes this page. The machine: {machine}.

- The texts are made up: {texts} in ten languages, with values of [Faker](https://faker.readthedocs.io), valid and invalid by their
  checksums ([corpus.py](../benchmarks/pii/corpus.py)). Sentences are few and simple; real texts are harder for all that find names.
- *Pilotlight* is the default model with its recognizers, *model* and *recognizers* each of them alone.
- *Presidio* is `presidio-analyzer` {presidio} with spaCy's smallest English model, which reads the texts of all languages, because no other
  is on PyPI. Its recognizers of German tax numbers and Swedish identity numbers, which are off by default, are on; that of payment
  cards, which is on for four languages, is on for all ([presidio_service.py](../benchmarks/pii/presidio_service.py)).
  Its `DATE_TIME` counts as a date of birth.
- A value counts as found if something of its label begins and ends where it does.

## Goals

{goals}

## What is found

Precision / recall / F1, in percent.

{quality}

## What is not found

Of {kinds} kinds of values (a label in a language) at least one was not covered as a whole. Examples:

{missed}

## Requests

`POST /analyze` of both, with the texts of the corpus one by one: {connections} connections that send their next request when they have
an answer, in {rounds} rounds of {seconds} s in turn; then a fixed rate, half of what the slower one can do. The server has one
core, the load generator the other one. Presidio runs in Gunicorn with one worker. Memory is the proportional set size after that.

{speeds}

The same requests for identifiers alone (`"entities": [{identifiers}]`), for which Pilotlight does not run its model:

{identifier_speeds}
"""


def main():
    options = argparse.ArgumentParser()
    for name in ("pilotlight", "find", "model", "page"):
        options.add_argument(name)
    options.add_argument("--quick", action="store_true")
    options = options.parse_args()
    texts, seconds, rounds = (20, 2, 1) if options.quick else (200, 15, 3)
    corpus = subprocess.run([sys.executable, HERE / "corpus.py", "--texts", str(texts)], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in corpus.stdout.splitlines()]
    requests = [("/analyze", {"text": line["text"], "language": line["language"]}) for line in lines]
    identifiers = [(path, {**body, "entities": IDENTIFIERS}) for path, body in requests]
    with tempfile.TemporaryDirectory() as scratch:
        cache = Path(scratch) / "cache"
        cache.mkdir(mode=0o700)
        with pilotlight(options.pilotlight, without_recognizers(options.model, Path(scratch)), MODEL_ALONE, cache):
            model = redacted(MODEL_ALONE, lines)
        with pilotlight(options.pilotlight, options.model, PILOTLIGHT, cache) as ours, presidio() as theirs:
            both, other = redacted(PILOTLIGHT, lines), analyzed(PRESIDIO, lines)
            servers = [("Pilotlight", PILOTLIGHT, ours), ("Presidio", PRESIDIO, theirs)]
            rate, speed = measured(servers, requests, seconds, rounds)
            identifier_rate, identifier_speed = measured(servers, identifiers, seconds, rounds)
    found = {"Pilotlight": both, "model": model, "recognizers": recognized(options.find, lines), "Presidio": other}
    counts = {name: score.counted(list(zip(lines, entities))) for name, entities in found.items()}
    kinds, examples = missed(lines, both)
    os.sched_setaffinity(0, range(os.cpu_count()))
    page = PAGE.format(
        machine=processor(), texts=len(lines), presidio=version("presidio-analyzer"), goals=goals(counts, speed),
        quality=quality(counts), kinds=kinds, missed=examples, connections=CONNECTIONS, rounds=rounds, seconds=seconds,
        speeds=speeds(speed, rate), identifiers=", ".join(f'"{name}"' for name in IDENTIFIERS),
        identifier_speeds=speeds(identifier_speed, identifier_rate),
    )
    Path(options.page).write_text(page)


if __name__ == "__main__":
    main()
