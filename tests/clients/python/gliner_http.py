"""GLiNER's servers have no client of their own: the requests that their users send."""

from checks import TEXT, Server, check, equal, run

NER = Server("ner")


def entities(path, text, **body):
    status, answer = NER.post(path, text=text, **body)
    equal(status, 200, f"status ({answer})")
    return answer["entities"]


@check
def entities_are_found_with_their_places():
    for path in ("/gliner", "/predict"):
        found = entities(path, TEXT, labels=["person", "PER", "loc"], threshold=0.0)
        assert found, f"{path}: no entities"
        for entity in found:
            equal(set(entity), {"start", "end", "text", "label", "score"}, "keys")
            equal(TEXT[entity["start"] : entity["end"]], entity["text"], "text")
            assert entity["label"] in ("PER", "loc"), entity
        equal(sorted(found, key=lambda entity: entity["start"]), found, "order")


@check
def labels_and_threshold_choose_entities():
    everything = entities("/gliner", TEXT, labels=["PER", "LOC"], threshold=0.0)
    persons = entities("/gliner", TEXT, labels=["per"], threshold=0.0)
    equal(len(persons), sum(entity["label"] == "PER" for entity in everything), "persons")
    equal(entities("/gliner", TEXT, labels=["animal"], threshold=0.0), [], "animals")
    equal(entities("/gliner", TEXT, labels=["PER", "LOC"], threshold=1.0), [], "certain entities")
    equal(entities("/gliner", "  ", labels=["PER"]), [], "entities of spaces")


@check
def guardrails_is_answered_in_its_own_shape():
    status, answer = NER.post("/v1/extract", text=TEXT, labels=["PER", "LOC"], threshold=0.0, chunk_length=384, overlap=128)
    equal(status, 200, f"status ({answer})")
    equal(answer["total_entities"], len(answer["entities"]), "entities")
    tagged = answer["tagged_text"]
    for entity in answer["entities"]:
        equal(TEXT[entity["start_position"] : entity["end_position"]], entity["value"], "value")
        assert f"[{entity['value']}]({entity['suggested_label']})" in tagged, tagged


@check
def wrong_requests_are_refused():
    for path in ("/gliner", "/v1/extract"):
        for body in ({"text": 5}, {}, {"text": TEXT, "labels": 5}, {"text": TEXT, "threshold": "high"}):
            status, answer = NER.post(path, **body)
            assert 400 <= status < 500, (status, answer)
            assert isinstance(answer["error"], str), answer


run()
