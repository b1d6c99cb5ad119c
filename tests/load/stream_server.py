"""Voice activity as a Python service: FastAPI and ONNX Runtime, with the state of each connection beside it.

    python tests/load/stream_server.py silero_vad_openvino_16k.onnx 8001 --processes 2
"""

import numpy as np

import serving

FRAME, CONTEXT = 512, 64


class Voice:
    """The state of the graph, and samples that are no whole frame yet."""

    def __init__(self, graph):
        self.graph = graph
        self.state = np.zeros((2, 1, 128), np.float32)
        self.samples = np.zeros(CONTEXT, np.float32)

    def push(self, audio):
        """The probabilities of the frames that 16-bit samples complete, and the samples as floats."""
        new = np.frombuffer(audio, "<i2").astype(np.float32) / 32_768
        self.samples = np.concatenate([self.samples, new])
        probabilities = []
        while len(self.samples) >= CONTEXT + FRAME:
            frame = self.samples[np.newaxis, : CONTEXT + FRAME]
            output, self.state = self.graph.run(None, {"input": frame, "state": self.state})
            probabilities.append(float(output[0, 0]))
            self.samples = self.samples[FRAME:]
        return probabilities, new


class Session:
    def __init__(self, graph):
        self.voice = Voice(graph)

    async def push(self, audio):
        probabilities, _ = self.voice.push(audio)
        return {"partial": "", "probabilities": probabilities}

    async def finish(self):
        return {"result": [], "text": ""}


def load(model):
    graph = serving.graph(model)
    return serving.application(model, lambda: Session(graph))


if __name__ == "__main__":
    serving.run(__doc__, load)
