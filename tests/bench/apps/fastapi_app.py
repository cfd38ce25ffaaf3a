"""FastAPI, pydantic and ONNX Runtime, on the event loop; the model is the file that BENCH_ONNX names."""

import os

import numpy as np
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["BENCH_ONNX"], options, providers=["CPUExecutionProvider"])
app = FastAPI()


class Rows(BaseModel):
    instances: list[list[float]]


class Predictions(BaseModel):
    predictions: list[float]


@app.post("/predict")
async def predict(rows: Rows) -> Predictions:
    """Rows in, predictions out."""
    array = np.array(rows.instances, dtype=np.float32)
    return Predictions(predictions=session.run(None, {"numeric": array})[0].tolist())
