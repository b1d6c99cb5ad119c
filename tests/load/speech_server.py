"""Speech to text as a Python service: FastAPI, and Moonshine and Silero's model in ONNX Runtime.

    python tests/load/speech_server.py target/models/moonshine-tiny-en 8001 --processes 2

Segments and partial texts are those of Pilotlight with its defaults, but for speech of more than 15 s, which is not cut.
Transcription runs in threads beside the event loop, as ONNX Runtime does not hold Python's lock while it computes.
"""

import asyncio
import math
from pathlib import Path

import numpy as np

import serving
from stream_server import FRAME, Voice

RATE = 16_000
THRESHOLD, NEGATIVE = 0.5, 0.35
# In samples.
MIN_SPEECH, MIN_SILENCE, PAD, PARTIAL = 4_000, 8_000, 3_200, RATE
START, END = 1, 2
TOKENS_PER_SECOND = 6.5


class Moonshine:
    """An encoder, and a decoder with its keys and values, which selects the most likely token."""

    def __init__(self, folder):
        self.encoder = serving.graph(folder / "encoder_model.ort")
        self.decoder = serving.graph(folder / "decoder_model_merged.ort")
        self.outputs = [port.name for port in self.decoder.get_outputs()]
        self.texts = token_texts(folder / "tokenizer.bin")
        ports = [port for port in self.decoder.get_inputs() if port.name.startswith("past_key_values")]
        self.past = {port.name: np.zeros((1, port.shape[1], 0, port.shape[3]), np.float32) for port in ports}

    def transcribe(self, audio):
        audio = np.pad(audio, (0, max(0, 1_600 - len(audio))))[np.newaxis]
        mask = np.ones(audio.shape, np.int64)
        (encoded,) = self.encoder.run(None, {"input_values": audio, "attention_mask": mask})
        past, tokens = dict(self.past), [START]
        for step in range(math.ceil(audio.shape[1] * TOKENS_PER_SECOND / RATE)):
            given = {
                "input_ids": np.array([[tokens[-1]]]),
                "encoder_hidden_states": encoded,
                "encoder_attention_mask": mask,
                "use_cache_branch": np.array([step > 0]),
            }
            results = dict(zip(self.outputs, self.decoder.run(None, {**given, **past})))
            tokens.append(int(results["logits"][0, -1].argmax()))
            if tokens[-1] == END:
                break
            for name in past:
                # The encoder's keys and values are given once, by the first step.
                if step == 0 or ".decoder." in name:
                    past[name] = results[name.replace("past_key_values", "present")]
        spelled = b"".join(self.texts[token] for token in tokens if token > END)
        return spelled.decode(errors="replace").replace("\u2581", " ").strip()


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


class Session:
    def __init__(self, graph, moonshine):
        self.voice, self.moonshine = Voice(graph), moonshine
        # Samples that may be transcribed, and the place of the first of them.
        self.samples, self.first = np.zeros(0, np.float32), 0
        # Where the next frame, the speech and the silence in it begin.
        self.at, self.start, self.silence = 0, None, None
        # Where the last partial text ended, and its length.
        self.told = (0, 0)
        self.partial = ""

    async def push(self, audio):
        probabilities, samples = self.voice.push(audio)
        self.samples = np.concatenate([self.samples, samples])
        ended = [segment for segment in map(self.frame, probabilities) if segment]
        segments = [await self.segment(*segment) for segment in ended]
        await self.tell_partial()
        self.forget()
        if segments:
            text = " ".join(segment["text"] for segment in segments)
            return {"result": segments, "text": text, "probabilities": probabilities}
        return {"partial": self.partial, "probabilities": probabilities}

    async def finish(self):
        end = self.first + len(self.samples)
        speaks = self.start is not None and end - self.start > MIN_SPEECH
        segments = [await self.segment(self.start, end)] if speaks else []
        return {"result": segments, "text": " ".join(segment["text"] for segment in segments)}

    def frame(self, probability):
        """The speech that a frame ends."""
        at, self.at = self.at, self.at + FRAME
        if probability >= THRESHOLD:
            self.start, self.silence = at if self.start is None else self.start, None
        elif probability < NEGATIVE and self.start is not None:
            self.silence = at if self.silence is None else self.silence
            if at - self.silence >= MIN_SILENCE:
                ended, self.start, self.silence = (self.start, self.silence), None, None
                return ended if ended[1] - ended[0] > MIN_SPEECH else None
        return None

    async def segment(self, start, end):
        start, end = max(start - PAD, self.first), min(end + PAD, self.first + len(self.samples))
        self.partial = ""
        return {"start": start / RATE, "end": end / RATE, "text": await self.text(start, end)}

    async def tell_partial(self):
        """Text of speech that goes on, after each second, or each quarter of longer speech."""
        if self.start is None:
            return
        end = self.first + len(self.samples)
        told, length = self.told
        since, before = (told, length) if told > self.start else (self.start, 0)
        if end >= since + max(PARTIAL, before // 4):
            self.told = (end, end - self.start)
            self.partial = await self.text(max(self.start - PAD, self.first), end)

    async def text(self, start, end):
        samples = self.samples[start - self.first : end - self.first]
        return await asyncio.to_thread(self.moonshine.transcribe, samples)

    def forget(self):
        """Gives back the memory of what is not needed any more."""
        needed = (self.at if self.start is None else self.start) - PAD
        if needed - self.first > 4 * RATE:
            self.samples = self.samples[needed - self.first :].copy()
            self.first = needed


def load(folder):
    folder = Path(folder)
    graph = serving.graph(folder / "silero_vad_openvino_16k.onnx")
    moonshine = Moonshine(folder)
    return serving.application(str(folder), lambda: Session(graph, moonshine))


if __name__ == "__main__":
    serving.run(__doc__, load)
