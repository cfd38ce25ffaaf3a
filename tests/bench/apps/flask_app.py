"""Flask and ONNX Runtime, as in most tutorials; the model is the file that BENCH_ONNX names."""

from __future__ import annotations

import os

import numpy as np
import onnxruntime
from flask import Flask, Response, jsonify, request

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["BENCH_ONNX"], options, providers=["CPUExecutionProvider"])
app = Flask(__name__)


@app.post("/predict")
def predict() -> Response:
    """Rows in, predictions out."""
    rows = np.array(request.get_json()["instances"], dtype=np.float32)
    return jsonify(predictions=session.run(None, {"numeric": rows})[0].tolist())
