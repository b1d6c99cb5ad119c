"""Writes transcripts.jsonl: what ONNX Runtime makes of recordings, segment by segment.

Usage: make_transcripts.py MODELS, with the folder that `cargo xtask models` fills. Needs onnxruntime and numpy.

Segments are those of Silero's `get_speech_timestamps` for the options below, without its maximum: no recording here has
so long speech. Moonshine is decoded greedily with its keys and values, 6.5 tokens a second of audio at most.
"""

import json
import math
import sys
import wave
from pathlib import Path

import numpy as np
import onnxruntime

HERE = Path(__file__).parent
RATE, FRAME, CONTEXT = 16_000, 512, 64
THRESHOLD, NEGATIVE, MIN_SPEECH, MIN_SILENCE, PAD = 0.5, 0.35, 4_000, 8_000, 3_200
START, END = 1, 2
# Files in audio/, and what is said in them, as Debian's pocketsphinx-testdata has it.
RECORDINGS = {
    "sense_and_sensibility_01_austen_64kb-0870.wav": "and mister john dashwood had then leisure to consider how much "
    "there might be prudently in his power to do for them",
    "sense_and_sensibility_01_austen_64kb-0880.wav": "he was not an ill disposed young man",
    "sense_and_sensibility_01_austen_64kb-0930.wav": "he might even have been made amiable himself",
    "cards-005.wav": "eight of spades four of clubs seven of hearts",
}


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options)


def samples(path):
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32_768


def probabilities(voice, audio):
    """Of speech in each frame; the last one is filled up with silence."""
    audio = np.pad(audio, (CONTEXT, -len(audio) % FRAME))
    state, found = np.zeros((2, 1, 128), np.float32), []
    for start in range(0, len(audio) - CONTEXT, FRAME):
        frame = audio[None, start : start + CONTEXT + FRAME]
        probability, state = voice.run(None, {"input": frame, "state": state})
        found.append(float(probability.reshape(())))
    return found


def segments(found, length):
    speech, start, silence = [], None, None
    for at, probability in ((number * FRAME, value) for number, value in enumerate(found)):
        if probability >= THRESHOLD:
            start, silence = at if start is None else start, None
        elif probability < NEGATIVE and start is not None:
            silence = at if silence is None else silence
            if at - silence >= MIN_SILENCE:
                speech += [[start, silence]] if silence - start > MIN_SPEECH else []
                start, silence = None, None
    if start is not None and length - start > MIN_SPEECH:
        speech.append([start, length])
    padded = [[max(0, start - PAD), min(length, end + PAD)] for start, end in speech]
    for before, behind in zip(padded, padded[1:]):
        if before[1] > behind[0]:
            gap = (before[1] - PAD + behind[0] + PAD) // 2
            before[1] = behind[0] = gap
    return padded


def token_texts(path):
    """For each id a length (a byte; from 128 on two, base 128), then so many bytes."""
    content, texts, at = path.read_bytes(), [], 0
    while at < len(content):
        length, at = content[at], at + 1
        if length >= 128:
            length, at = length - 128 + 128 * content[at], at + 1
        texts.append(content[at : at + length])
        at += length
    return texts


def transcribe(encoder, decoder, texts, audio):
    audio = np.pad(audio, (0, max(0, 1_600 - len(audio))))[None]
    mask = np.ones(audio.shape, np.int64)
    (encoded,) = encoder.run(None, {"input_values": audio, "attention_mask": mask})
    past = {
        port.name: np.zeros((1, port.shape[1], 0, port.shape[3]), np.float32)
        for port in decoder.get_inputs()
        if port.name.startswith("past_key_values")
    }
    outputs = [port.name for port in decoder.get_outputs()]
    tokens = [START]
    for step in range(math.ceil(audio.shape[1] * 6.5 / RATE)):
        given = {
            "input_ids": np.array([[tokens[-1]]]),
            "encoder_hidden_states": encoded,
            "encoder_attention_mask": mask,
            "use_cache_branch": np.array([step > 0]),
        }
        results = dict(zip(outputs, decoder.run(None, {**given, **past})))
        tokens.append(int(results["logits"][0, -1].argmax()))
        if tokens[-1] == END:
            break
        for name in past:
            # The encoder's keys and values are given once, by the first step.
            if step == 0 or ".decoder." in name:
                past[name] = results[name.replace("past_key_values", "present")]
    spelled = b"".join(texts[token] for token in tokens if token > END)
    return spelled.decode(errors="replace").replace("\u2581", " ").strip()


def main():
    folder = Path(sys.argv[1]) / "moonshine-tiny-en"
    encoder, decoder = session(folder / "encoder_model.ort"), session(folder / "decoder_model_merged.ort")
    voice, texts = session(folder / "silero_vad_openvino_16k.onnx"), token_texts(folder / "tokenizer.bin")
    with open(HERE / "transcripts.jsonl", "w") as out:
        for name, said in RECORDINGS.items():
            audio = samples(HERE / "audio" / name)
            spoken = [
                {
                    "start": start / RATE,
                    "end": end / RATE,
                    "text": transcribe(encoder, decoder, texts, audio[start:end]),
                }
                for start, end in segments(probabilities(voice, audio), len(audio))
            ]
            out.write(json.dumps({"file": name, "said": said, "segments": spoken}) + "\n")


main()
