"""Hypothesis strategies for what the contract speaks of."""

from __future__ import annotations

from hypothesis import strategies as st

from mulgam.signature import Feature, Signature, Target, Tolerance, graph_inputs, graph_outputs

# Any text that UTF-8 can carry: half of a surrogate pair is no character.
characters = st.characters(exclude_categories=["Cs"])
words = st.text(characters, min_size=1, max_size=12)
finite = st.floats(-1e30, 1e30)


@st.composite
def features(draw: st.DrawFn, name: str) -> Feature:
    """A feature of any type."""
    unit = draw(st.none() | words)
    missing = draw(st.booleans())
    match draw(st.sampled_from(("number", "category", "boolean", "text"))):
        case "number":
            low, high = sorted((draw(finite), draw(finite)))
            return Feature(name, "number", unit, low, high, missing)
        case "category":
            vocabulary = draw(st.lists(words, max_size=5, unique=True))
            return Feature(name, "category", unit, missing=missing, vocabulary=tuple(vocabulary))
        case "boolean":
            return Feature(name, "boolean", unit, missing=missing)
        case _:
            return Feature(name, "text", unit, missing=missing, length=draw(st.integers(1, 20)))


@st.composite
def signatures(draw: st.DrawFn) -> Signature:
    """A consistent signature: at most one text, distinct names."""
    names = draw(st.lists(words, min_size=1, max_size=6, unique=True))
    columns: list[Feature] = []
    for name in names:
        feature = draw(features(name))
        if feature.type != "text" or all(one.type != "text" for one in columns):
            columns.append(feature)
    classes = draw(st.just([]) | st.lists(words, min_size=2, max_size=4, unique=True))
    target = Target(draw(words), draw(st.none() | words), classes=tuple(classes))
    tolerances = st.builds(Tolerance, st.floats(1e-9, 1), st.floats(0, 1e9))
    return Signature(
        draw(words), "classification" if classes else "regression", tuple(columns), target,
        graph_inputs(tuple(columns)), graph_outputs(target),
        {runtime: {"float32": draw(tolerances)} for runtime in ("torchscript", "onnx")},
        description=draw(st.text(characters, max_size=20)), synthetic=draw(st.booleans()),
    )  # fmt: skip
