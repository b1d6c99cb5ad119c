"""huggingface_hub: speech. PILOTLIGHT_SPEECH is the URL of a server of moonshine-tiny-en."""

from pathlib import Path

from checks import Server, check, refused, run
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

SPEECH = Server("speech")
RECORDING = (
    Path(__file__).resolve().parents[2] / "golden" / "audio" / "sense_and_sensibility_01_austen_64kb-0870.wav"
)
SAID = "much there might be prudently in his power to do for them."
PATHS = ("", "/models/org/name", "/pipeline/automatic-speech-recognition/org/name")


def transcribe(audio, path="", **options):
    return InferenceClient(SPEECH.url + path).automatic_speech_recognition(audio, **options)


@check
def recordings_are_files_or_bytes():
    for path in PATHS:
        # A file says what it is by its name; bytes say nothing.
        for audio in (RECORDING, str(RECORDING), RECORDING.read_bytes()):
            answer = transcribe(audio, path)
            assert answer.text.endswith(SAID), (path, answer)


@check
def with_parameters_a_recording_is_sent_in_json():
    answer = transcribe(RECORDING, extra_body={"min_silence_ms": 400})
    assert answer.text.endswith(SAID), answer


@check
def what_cannot_be_transcribed_is_refused():
    refused(HfHubHTTPError, lambda: transcribe(b"fLaC\0\0\0\x22\xff\xff\xff\xff"), 400, "FLAC")
    refused(HfHubHTTPError, lambda: transcribe(RECORDING.read_bytes()[:20]), 400, "WAV")
    refused(HfHubHTTPError, lambda: transcribe(RECORDING, extra_body={"loud": True}), 400, "loud")


run()
