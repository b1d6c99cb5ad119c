"""Voice activity as a Python service: what `pilotlight bench stream --protocol websocket` compares with.

A FastAPI WebSocket in Vosk's protocol, with the state of each connection beside it and one session of ONNX
Runtime with one thread in each process:

    pip install fastapi uvicorn websockets numpy onnxruntime
    MODEL=silero_vad_openvino_16k.onnx uvicorn --app-dir tests/load stream_server:app --port 8001 --workers 2
"""

import json
import os

import numpy as np
import onnxruntime
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

FRAME, CONTEXT = 512, 64

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
model = onnxruntime.InferenceSession(os.environ["MODEL"], options, ["CPUExecutionProvider"])
app = FastAPI()


class Session:
    def __init__(self):
        self.state = np.zeros((2, 1, 128), np.float32)
        self.samples = np.zeros(CONTEXT, np.float32)

    def push(self, audio):
        samples = np.frombuffer(audio, "<i2").astype(np.float32) / 32768
        self.samples = np.concatenate([self.samples, samples])
        probabilities = []
        while len(self.samples) >= CONTEXT + FRAME:
            frame = self.samples[np.newaxis, : CONTEXT + FRAME]
            output, self.state = model.run(None, {"input": frame, "state": self.state})
            probabilities.append(float(output[0, 0]))
            self.samples = self.samples[FRAME:]
        return probabilities


@app.websocket("/")
async def recognize(socket: WebSocket):
    await socket.accept()
    session = Session()
    try:
        while True:
            message = await socket.receive()
            if message.get("bytes") is not None:
                answer = {"partial": "", "probabilities": session.push(message["bytes"])}
                await socket.send_text(json.dumps(answer))
            elif message.get("text") is not None:
                if "eof" in json.loads(message["text"]):
                    await socket.send_text(json.dumps({"result": [], "text": ""}))
                    await socket.close()
                    return
            else:
                return
    except (WebSocketDisconnect, RuntimeError):
        return
