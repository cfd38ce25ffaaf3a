"""`report.html` of a brought model: where it is from and what the gates found, without scores."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from model.release.parity import Comparison
from mulgam.signature import Signature

_STYLE = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;"
    "padding:0 1rem}table{border-collapse:collapse;display:block;overflow-x:auto}"
    "th,td{text-align:left;padding:.2rem 1rem .2rem 0;border-bottom:1px solid #8886}"
)


def page(signature: Signature, sources: Mapping[str, str], comparisons: list[Comparison]) -> str:
    """The page as HTML; `sources` are what was brought, with the sha256 of each."""
    parts = [
        f"<h1>{escape(signature.model)}</h1>",
        f"<p>{escape(signature.description)}</p>" if signature.description else "",
        "<p>This model was trained elsewhere: its scores on held-out data are not known here.</p>",
        "<h2>Brought</h2>",
        _table(("what", "sha256"), [(name, digest) for name, digest in sources.items()]),
        "<h2>Inputs and output</h2>",
        _table(
            ("name", "datatype", "shape"),
            [(one.name, one.datatype, str(list(one.shape))) for one in (*signature.inputs, *signature.outputs)],
        ),
        "<h2>Parity</h2>",
        _table(
            ("form", "rows", "largest difference", "allowed"),
            [(one.runtime, one.rows, f"{one.largest:.3g}", f"{one.allowed:.3g}") for one in comparisons],
        ),
    ]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(signature.model)}'
    return f'<!doctype html><html lang="en"><head>{head}</title><style>{_STYLE}</style></head><body>' + "\n".join(
        [*parts, "</body></html>\n"]
    )


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    cells = ["<tr>" + "".join(f"<th>{name}</th>" for name in head) + "</tr>"]
    cells += ["<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    return "<table>" + "".join(cells) + "</table>"
