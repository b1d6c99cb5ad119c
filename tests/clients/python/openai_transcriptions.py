"""openai: transcriptions. PILOTLIGHT_SPEECH is the URL of a server of moonshine-tiny-en."""

import io
from pathlib import Path

import openai
from checks import Server, check, equal, refused, run

SPEECH = Server("speech")
RECORDING = (
    Path(__file__).resolve().parents[2] / "golden" / "audio" / "sense_and_sensibility_01_austen_64kb-0870.wav"
)
SAID = "much there might be prudently in his power to do for them."


def transcribe(file=RECORDING, **options):
    client = openai.OpenAI(base_url=f"{SPEECH.url}/v1", api_key="unused", max_retries=0)
    return client.audio.transcriptions.create(file=file, model=SPEECH.model, **options)


@check
def json_has_the_text():
    answer = transcribe()
    assert answer.text.endswith(SAID), answer
    equal((answer.usage.type, answer.usage.seconds), ("duration", 8), "usage")


@check
def verbose_json_has_segments():
    answer = transcribe(response_format="verbose_json", language="en", timestamp_granularities=["segment"])
    equal((answer.language, round(float(answer.duration), 1), len(answer.segments)), ("en", 7.1, 1))
    segment = answer.segments[0]
    assert segment.text.endswith(SAID) and 0 <= segment.start < 1 and 6.5 < segment.end <= 7.1, segment


@check
def text_and_subtitles_are_strings():
    assert transcribe(response_format="text").strip().endswith(SAID)
    subrip = transcribe(response_format="srt")
    assert subrip.startswith("1\n00:00:00,") and " --> 00:00:0" in subrip, subrip
    webvtt = transcribe(response_format="vtt")
    assert webvtt.startswith("WEBVTT\n\n00:00:00."), webvtt


@check
def what_cannot_be_transcribed_is_refused():
    for file, message in [
        (("empty.wav", b""), "empty"),
        (("song.flac", b"fLaC\0\0\0\x22"), "FLAC"),
        (("short.wav", RECORDING.read_bytes()[:20]), "WAV"),
    ]:
        refused(openai.BadRequestError, lambda: transcribe(file), 400, message)
    refused(openai.BadRequestError, lambda: transcribe(language="de"), 400, "writes en")
    refused(openai.BadRequestError, lambda: transcribe(response_format="diarized_json"), 400, "diarized_json")
    file = io.BytesIO(RECORDING.read_bytes())
    file.name = "talk.wav"
    refused(openai.APIStatusError, lambda: transcribe(file, timestamp_granularities=["word"]), 501, "segments")


run()
