"""Precision, recall and F1 of what was found in the texts of `corpus.py`.

    python score.py corpus.jsonl found.jsonl

`found.jsonl` has a line for each text: a list of `label`, `start`, `end`. A value is found if something of its
label begins and ends where it does; several names side by side (GIVEN_NAME, SURNAME) count as one NAME. `covered`
is the share of values of which no letter or digit is left, whatever the label. `decoys` counts numbers with a
wrong checksum that were found as what they are not.
"""

import collections
import json
import sys

SAME = {"GIVEN_NAME": "NAME", "SURNAME": "NAME", "PERSON": "NAME", "PER": "NAME"}


def merged(text, found):
    """Neighbors of the label NAME as one."""
    out = []
    for one in sorted(found, key=lambda one: one["start"]):
        one = dict(one, label=SAME.get(one["label"], one["label"]))
        last = out[-1] if out else None
        if last and last["label"] == one["label"] == "NAME" and not text[last["end"]:one["start"]].strip():
            last["end"] = one["end"]
        else:
            out.append(one)
    return out


def counted(lines):
    """Counts by label of pairs of a line of the corpus and what was found in it."""
    counts = collections.defaultdict(collections.Counter)
    labels = set()
    for line, _ in lines:
        labels.update(span["label"] for span in line["spans"])
    for line, found in lines:
        text, found = line["text"], merged(line["text"], found)
        key = lambda one: (one["label"], one["start"], one["end"])
        gold, there = set(map(key, line["spans"])), set(map(key, found))
        masked = {place for one in found for place in range(one["start"], one["end"])}
        for label, start, end in gold:
            counts[label]["gold"] += 1
            counts[label]["hit"] += (label, start, end) in there
            counts[label]["covered"] += all(p in masked for p in range(start, end) if text[p].isalnum())
        for label, start, end in there - gold:
            counts[label]["false"] += label in labels
        for decoy in line["decoys"]:
            label = decoy["label"]
            counts[label]["decoys"] += 1
            counts[label]["taken"] += any(
                one["label"] == label and one["start"] < decoy["end"] and decoy["start"] < one["end"] for one in found
            )
    return {label: counts[label] for label in sorted(counts) if counts[label]["gold"]}


def rates(c):
    """Precision, recall and F1."""
    precision = c["hit"] / max(1, c["hit"] + c["false"])
    recall = c["hit"] / max(1, c["gold"])
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def total(counts):
    return sum(counts.values(), collections.Counter())


def main(corpus, found):
    counts = counted([(json.loads(a), json.loads(b)) for a, b in zip(open(corpus), open(found))])
    print(f"{'label':18} {'values':>6} {'precision':>9} {'recall':>7} {'F1':>6} {'covered':>8} {'decoys taken':>13}")
    for label in counts:
        print(row(label, counts[label]))
    print(row("all", total(counts)))


def row(label, c):
    precision, recall, f1 = rates(c)
    decoys = f"{c['taken']}/{c['decoys']}" if c["decoys"] else "–"
    return (f"{label:18} {c['gold']:6} {precision:9.3f} {recall:7.3f} {f1:6.3f} "
            f"{c['covered'] / max(1, c['gold']):8.3f} {decoys:>13}")


if __name__ == "__main__":
    main(*sys.argv[1:])
