"""What the services have in common: processes that share a port, and Vosk's protocol over a WebSocket."""

import argparse
import ctypes
import json
import multiprocessing
import os
import signal
import socket

import onnxruntime
import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

# <sys/prctl.h>
PR_SET_PDEATHSIG = 1


def graph(path):
    """A session of ONNX Runtime that computes in the thread that calls it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])


def application(model, new_session):
    """Answers each message of audio by one; `new_session()` has `await push(audio)` and `await finish()`."""
    app = FastAPI()

    @app.get("/info")
    def info():
        return {"model": model}

    @app.websocket("/")
    async def recognize(websocket: WebSocket):
        await websocket.accept()
        session = new_session()
        try:
            while True:
                message = await websocket.receive()
                if message.get("bytes") is not None:
                    await websocket.send_text(json.dumps(await session.push(message["bytes"])))
                elif message.get("text") is not None:
                    if "eof" in json.loads(message["text"]):
                        await websocket.send_text(json.dumps(await session.finish()))
                        await websocket.close()
                        return
                else:
                    return
        except (WebSocketDisconnect, RuntimeError):
            return

    return app


def run(description, load):
    """Serves what `load(MODEL)` returns, in one or more processes that accept connections of one port."""
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument("model", help="a graph, or a model folder")
    arguments.add_argument("port", type=int)
    arguments.add_argument("--processes", type=int, default=1)
    options = arguments.parse_args()
    listener = socket.create_server(("127.0.0.1", options.port), backlog=2048)
    loaded = multiprocessing.get_context("fork").Barrier(options.processes)
    for _ in range(options.processes - 1):
        if os.fork() == 0:
            # It ends with the first process.
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            break
    app = load(options.model)
    # None accepts connections before all can.
    loaded.wait()
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    server.run(sockets=[listener])
