"""Models that were trained elsewhere: the same gates, the same registry, one sentence for each that is unfit."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from model.publish.__main__ import main
from mulgam.encoding.encoder import Encoder
from mulgam.errors import RegistryError
from mulgam.registry import Entry, Registry
from service.backends.onnxruntime import OnnxRuntimeBackend
from service.backends.prediction import predict
from service.versions.served import Served, check_has_onnx

COLUMNS = """
description = "Of somebody else."
[[features]]
name = "area"
unit = "pyeong"
minimum = 9
maximum = 70
[[features]]
name = "rooms"
minimum = 1
maximum = 6
[[features]]
name = "distance"
minimum = 0
maximum = 3.5
"""
PRICE = COLUMNS + '[target]\nname = "price"\nunit = "억 원"\n'
YES_OR_NO = 'scores = "logits"\n' + COLUMNS + '[target]\nname = "sold"\nclasses = ["no", "yes"]\n'
ROWS = [[32.0, 3.0, 0.3], [50.0, 4.0, 2.5]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the models of somebody else lie, and the command runs."""
    monkeypatch.chdir(tmp_path)
    for name, text in {"price.toml": PRICE, "sold.toml": YES_OR_NO}.items():
        Path(name).write_text(text, encoding="utf-8")
    return tmp_path


def perceptron(outputs: int = 1) -> nn.Module:
    """A plain `torch.nn.Sequential` of three numbers."""
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, outputs)).eval()


def weights(module: nn.Module) -> dict[str, npt.NDArray[np.float32]]:
    """The module's weights, transposed as ONNX's MatMul takes them."""
    return {name: value.numpy().T.copy() for name, value in module.state_dict().items()}


def write_onnx(
    path: Path,
    module: nn.Module,
    batch: str | int | None = "rows",
    change: Callable[[onnx.ModelProto], object] = lambda _: None,
) -> None:
    """The perceptron as an ONNX file written by hand: `x` [rows, 3] → `y` [rows, outputs]."""
    values = weights(module)
    nodes = [
        helper.make_node("MatMul", ["x", "0.weight"], ["a"]), helper.make_node("Add", ["a", "0.bias"], ["b"]),
        helper.make_node("Relu", ["b"], ["c"]), helper.make_node("MatMul", ["c", "2.weight"], ["d"]),
        helper.make_node("Add", ["d", "2.bias"], ["y"], doc_string="/srv/somebody/train.py"),
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, len(values["2.bias"])])],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )  # fmt: skip
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    change(proto)
    onnx.save(proto, str(path))


def publish(*arguments: str, name: str = "mine") -> Entry:
    """Publish, and the version that came out."""
    assert main([*arguments, "--name", name]) == 0
    newest, _ = Registry(Path("registry")).newest(name)
    assert newest is not None
    return newest


async def _served_answers(entry: Entry, instances: list[object]) -> npt.NDArray[np.float32]:
    served = Served(entry, "onnx")
    backend = OnnxRuntimeBackend([served], "cpu")
    try:
        return await predict(served, served.encoder.encode(instances), backend, 5)
    finally:
        await backend.close()


def answers(entry: Entry, instances: list[object]) -> npt.NDArray[np.float32]:
    """What the gateway's own backend answers."""
    return asyncio.run(_served_answers(entry, instances))


def test_an_onnx_file_with_a_signature_takes_columns(folder: Path) -> None:
    """Named features in, one number out, golden requests of the right answers, nothing of the writer's machine."""
    module = perceptron()
    write_onnx(folder / "m.onnx", module)
    entry = publish("m.onnx", "--signature", "price.toml")
    assert entry.runtimes == ("onnx",)
    expected = module(torch.tensor(ROWS)).detach().numpy()[:, 0]
    assert answers(entry, ROWS) == pytest.approx(expected, abs=1e-5)
    assert [one.name for one in entry.signature.inputs] == ["numeric"]
    assert (entry.signature.task, entry.signature.target.unit) == ("regression", "억 원")
    for request in entry.golden:
        encoded = Encoder(entry.signature).encode(request.instances)["numeric"]
        assert request.answer == pytest.approx(module(torch.from_numpy(encoded)).detach().numpy()[:, 0], abs=1e-4)
    assert b"/srv/somebody" not in (entry.path / "model.onnx").read_bytes()
    assert json.loads((entry.path / "metrics.json").read_text())["scores"] == {}


def test_an_onnx_file_alone_keeps_its_own_tensors(folder: Path) -> None:
    """Names, datatypes and shapes of the graph; its rows are lists as deep as they are."""
    module = perceptron(outputs=2)
    write_onnx(folder / "m.onnx", module, batch=None)
    entry = publish("m.onnx")
    assert entry.signature.task == "generic"
    assert [(one.name, one.shape) for one in (*entry.signature.inputs, entry.signature.output)] == [
        ("x", (-1, 3)), ("y", (-1, 2)),
    ]  # fmt: skip
    assert answers(entry, [ROWS[0], {"x": ROWS[1]}]) == pytest.approx(
        module(torch.tensor(ROWS)).detach().numpy(), abs=1e-5
    )


def test_a_classifier_as_scikit_learn_writes_it(folder: Path) -> None:
    """Labels beside probabilities: the only floats are the answer; two outputs of floats must be told apart."""

    def add(proto: onnx.ModelProto) -> None:
        proto.graph.node.extend([
            helper.make_node("Softmax", ["y"], ["probabilities"], axis=1),
            helper.make_node("ArgMax", ["y"], ["label"], axis=1, keepdims=0),
        ])  # fmt: skip
        del proto.graph.output[:]
        proto.graph.output.extend([
            helper.make_tensor_value_info("label", TensorProto.INT64, [None]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2]),
        ])  # fmt: skip

    module = perceptron(outputs=2)
    write_onnx(folder / "m.onnx", module, change=add)
    (folder / "plain.toml").write_text(YES_OR_NO.replace('scores = "logits"', ""))
    entry = publish("m.onnx", "--signature", "plain.toml")
    expected = torch.softmax(module(torch.tensor(ROWS)), dim=1).detach().numpy()
    assert answers(entry, ROWS) == pytest.approx(expected, abs=1e-6)
    assert entry.signature.output.name == "probabilities"


@pytest.mark.parametrize("outputs", [1, 2])
def test_logits_become_probabilities(folder: Path, outputs: int) -> None:
    """Two logits through a softmax, one through a sigmoid, in both forms, which must agree."""
    module = perceptron(outputs)
    write_onnx(folder / "m.onnx", module)
    torch.jit.save(torch.jit.script(module), "m.pt")
    entry = publish("m.onnx", "m.pt", "--signature", "sold.toml")
    assert entry.runtimes == ("torchscript", "onnx")
    logits = module(torch.tensor(ROWS)).detach()
    yes = torch.softmax(logits, dim=1)[:, 1] if outputs == 2 else torch.sigmoid(logits)[:, 0]
    assert answers(entry, ROWS)[:, 1] == pytest.approx(yes.numpy(), abs=1e-6)


def test_torchscript_alone_is_published_alone(folder: Path) -> None:
    """TorchServe serves it; the gateway's own backend says that it can't."""
    torch.jit.save(torch.jit.script(perceptron()), "m.pt")
    entry = publish("m.pt", "--signature", "price.toml")
    assert (entry.runtimes, entry.runtime("onnx")) == (("torchscript",), "torchscript")
    with pytest.raises(RegistryError, match="Version 1 of 'mine' has TorchScript only; serve it with BACKEND=torchse"):
        check_has_onnx(entry)


OWN = """
import torch
from torch import nn

class Scaled(nn.Module):
    "An image's sum times a factor."
    def forward(self, image, factor):
        return {"sum": image.flatten(1).sum(1) * factor, "other": image}
"""
TENSORS = """
output = "sum"
[[features]]
name = "image"
datatype = "FP32"
shape = [2, 2]
[[features]]
name = "factor"
datatype = "FP32"
shape = []
"""


def test_a_module_of_python_is_exported_in_both_forms(folder: Path) -> None:
    """`module:factory` with several inputs, one of several outputs, tensors as rows."""
    (folder / "code").mkdir()
    (folder / "code" / "somebodys.py").write_text(OWN)
    (folder / "tensors.toml").write_text(TENSORS)
    entry = publish("somebodys:Scaled", "--python-path", "code", "--signature", "tensors.toml")
    assert entry.runtimes == ("torchscript", "onnx")
    assert answers(entry, [{"image": [[1, 2], [3, 4]], "factor": 2}]).tolist() == [20.0]
    assert entry.signature.output.shape == (-1,)


def test_given_rows_become_golden_requests(folder: Path) -> None:
    """From CSV by the header, whatever else it holds, and from JSON."""
    module = perceptron()
    write_onnx(folder / "m.onnx", module)
    (folder / "rows.csv").write_text("rooms,id,area,distance\n3,a,32,0.3\n4,b,50,2.5\n")
    (folder / "rows.json").write_text(json.dumps({"instances": [[10, 1, 1]]}))
    entry = publish("m.onnx", "--signature", "price.toml", "--golden", "rows.csv", "rows.json")
    sent = [row for request in entry.golden for row in request.instances]
    assert sent == [{"area": 32, "rooms": 3, "distance": 0.3}, {"area": 50, "rooms": 4, "distance": 2.5}, [10, 1, 1]]
    assert entry.golden[0].answer == pytest.approx(module(torch.tensor(ROWS[:1])).item(), abs=1e-5)


def _external(proto: onnx.ModelProto) -> None:
    tensor = proto.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")


def _labels_alone(proto: onnx.ModelProto) -> None:
    proto.graph.node.append(helper.make_node("ArgMax", ["y"], ["label"], axis=1, keepdims=0))
    del proto.graph.output[:]
    proto.graph.output.append(helper.make_tensor_value_info("label", TensorProto.INT64, [None]))


def _two_answers(proto: onnx.ModelProto) -> None:
    proto.graph.output.append(helper.make_tensor_value_info("c", TensorProto.FLOAT, [None, 8]))


def _mixing_rows(proto: onnx.ModelProto) -> None:
    proto.graph.node.append(helper.make_node("ReduceMean", ["y"], ["mean"], axes=[0], keepdims=1))
    proto.graph.node.append(helper.make_node("Sub", ["y", "mean"], ["z"]))
    proto.graph.output[0].name = "z"


def _logarithm(proto: onnx.ModelProto) -> None:
    proto.graph.node.append(helper.make_node("Sub", ["y", "y"], ["nothing"]))
    proto.graph.node.append(helper.make_node("Log", ["nothing"], ["z"]))
    proto.graph.output[0].name = "z"


def _foreign_operator(proto: onnx.ModelProto) -> None:
    proto.graph.node[2].domain = "somebody.else"
    proto.opset_import.append(helper.make_opsetid("somebody.else", 1))


GRAPHS: dict[str, tuple[Callable[[onnx.ModelProto], object], str]] = {
    "tensors elsewhere": (_external, "keeps tensors in another file"),
    "labels alone": (_labels_alone, "has no output that is a tensor of floating-point numbers (label: tensor(int64))"),
    "two answers": (_two_answers, "has 2 outputs of floating-point numbers (y, c); one is served"),
    "a row that depends on others": (_mixing_rows, "A row is answered otherwise among 2 rows than alone"),
    "no finite number": (_logarithm, "is not a finite number; say minimum and maximum"),
    "code of somebody": (_foreign_operator, "ONNX Runtime can't load"),
    "a broken graph": (lambda proto: proto.graph.node.pop(0), "is not a valid ONNX file"),
}


@pytest.mark.parametrize("case", GRAPHS)
def test_a_graph_that_is_unfit_is_refused(folder: Path, case: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence, exit code 1, nothing published."""
    change, sentence = GRAPHS[case]
    write_onnx(folder / "m.onnx", perceptron(), change=change)
    refused(capsys, sentence, "m.onnx", "--signature", "price.toml")


def refused(capsys: pytest.CaptureFixture[str], sentence: str, *arguments: str) -> None:
    """It is refused with this sentence."""
    assert main([*arguments, "--name", "mine"]) == 1
    assert sentence in capsys.readouterr().err
    assert Registry(Path("registry")).models() == []


def test_a_frozen_batch_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The usual export of PyTorch without dynamic shapes."""
    write_onnx(folder / "m.onnx", perceptron(), batch=1)
    refused(capsys, "is frozen to 1; export it with a free first dimension", "m.onnx", "--signature", "price.toml")


def test_a_checkpoint_is_not_unpickled(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither the new format nor an old pickle, whatever is in them."""

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (Path("exploded"),)  # type: ignore[return-value]

    torch.save({"state": Bomb()}, "m.pt")
    refused(capsys, "is a pickle of torch.save", "m.pt", "--signature", "price.toml")
    torch.save({"state": Bomb()}, "m.pt", _use_new_zipfile_serialization=False)
    refused(capsys, "is no TorchScript file", "m.pt", "--signature", "price.toml")
    assert not Path("exploded").exists()


def test_two_forms_of_different_models_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Parity, as for a trained model."""
    write_onnx(folder / "m.onnx", perceptron())
    torch.manual_seed(2)
    torch.jit.save(torch.jit.script(nn.Sequential(nn.Linear(3, 1))), "m.pt")
    refused(capsys, "differs from the trained one", "m.onnx", "m.pt", "--signature", "price.toml")


@pytest.mark.parametrize(
    ("signature", "sentence"),
    [
        (PRICE.replace("[target]", '[[features]]\nname = "floor"\n[target]'), "the features make [rows, 4]"),
        (PRICE + 'classes = ["a", "b", "c"]\n', "The output's row has the shape [1], but there are 3 classes"),
        (YES_OR_NO.replace('scores = "logits"', ""), "The answers are no probabilities: a row sums to"),
        (PRICE.replace("unit", "units"), "has an unknown field 'units'"),
        (PRICE.replace("minimum = 9", "minimum = 99"), "minimum 99 is above its maximum 70"),
        ('scores = "odds"\n' + PRICE, "scores is 'odds'; it must be one of probabilities, logits"),
        ('output = "z"\n' + PRICE, "has no output 'z'; it has y"),
        ("[[features]", "is not valid TOML"),
    ],
)
def test_a_signature_that_does_not_fit_is_refused(
    folder: Path, signature: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what was found and what was expected."""
    write_onnx(folder / "m.onnx", perceptron(outputs=2 if "sold" in signature else 1))
    (folder / "s.toml").write_text(signature, encoding="utf-8")
    refused(capsys, sentence, "m.onnx", "--signature", "s.toml")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["no.onnx"], "no.onnx can't be read: No such file"),
        (["no.pt", "--signature", "price.toml"], "no.pt can't be read: No such file"),
        (["json:loads"], "json:loads can't be used: TypeError"),
        (["collections:OrderedDict"], "makes OrderedDict; it must be or make a torch.nn.Module"),
        (["nowhere_at_all:x"], "nowhere_at_all:x can't be used: ModuleNotFoundError"),
        (["a.onnx", "b.onnx"], "One model is published at a time"),
        (["torch.nn:Identity"], "does not tell the shapes of its inputs; say them by --signature"),
    ],
)
def test_what_is_no_model_is_refused(
    folder: Path, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sentence that says what was expected."""
    refused(capsys, sentence, *arguments)
