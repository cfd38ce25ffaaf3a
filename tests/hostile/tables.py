"""T: tables, as CSV and NDJSON."""

from __future__ import annotations

from tests.builders import gzipped
from tests.hostile.requests import CSV, GZIP, LONG, NDJSON, V1, Case, chunks, request, table

CASES: list[Case] = [
    ("T01 good", table(CSV), 200, "prediction"),
    ("T02 empty", table(b""), 400, "EMPTY_BODY"),
    ("T03 column missing", table(b"area,rooms\n1,2\n"), 400, "MISSING_FIELD"),
    ("T04 column unknown", table(b"area,rooms,distance,id\n1,2,3,4\n"), 400, "UNKNOWN_FIELD"),
    ("T05 column twice", table(b"area,rooms,distance,area\n1,2,3,4\n"), 400, "DUPLICATE_KEY"),
    ("T06 header quoted badly", table(b'area,"rooms,distance\n'), 400, "BAD_CSV"),
    ("T07 header of 2 MiB", table(b"a" * 2**21), 400, "ROW_TOO_LONG"),
    ("T08 header is no UTF-8", table(b"\xff\xfe,rooms,distance\n"), 400, "BAD_UTF8"),
    ("T09 br", table(CSV, headers=["Content-Encoding: br"]), 415, "UNSUPPORTED_ENCODING"),
    ("T10 no gzip", table(CSV, headers=GZIP), 400, "BAD_ENCODING"),
    ("T11 gzip cut off", table(gzipped(CSV)[:12], headers=GZIP), 400, "BAD_ENCODING"),
    ("T12 two gzip members", table(gzipped(CSV) + gzipped(b"33,3,0.5\n"), headers=GZIP), 200, "prediction"),
    ("T13 probabilities", table(CSV, "?probabilities=all"), 400, "BAD_PARAMETER"),
    ("T14 keep of NDJSON", table(b"[1,2,3]\n", "?keep=id", NDJSON), 400, "BAD_PARAMETER"),
    ("T15 keep badly quoted", table(CSV, '?keep=%22id'), 400, "BAD_PARAMETER"),
    ("T16 2 GiB announced", request(length=str(2**31), body=b"", kind="text/csv"), 413, "BODY_TOO_LARGE"),
    ("T17 a row too wide", table(CSV + b"1,2,3,4\n"), 200, "RAGGED"),
    ("T18 a row of text", table(CSV + b"x,2,3\n"), 200, "WRONG_TYPE"),
    ("T19 a row of NaN", table(CSV + b"nan,2,3\n"), 200, "NON_FINITE"),
    ("T19b a row of inf", table(CSV + b"-inf,2,3\n"), 200, "NON_FINITE"),
    ("T19c lines that end in CR alone", table(CSV.replace(b"\n", b"\r")), 400, "BAD_CSV"),
    ("T20 a row past float32", table(CSV + b"1e39,2,3\n"), 200, "OUT_OF_RANGE"),
    ("T21 a quote that never ends", table(CSV + b'"1,2,3\n4,5,6\n'), 200, "BAD_CSV"),
    ("T22 a row of noise", table(CSV + b"\xff\x00,2,3\n"), 200, "BAD_UTF8"),
    ("T23 NDJSON, empty", table(b"", kind=NDJSON), 400, "EMPTY_BODY"),
    ("T24 NDJSON, no JSON", table(b"[1,2,3]\nnope\n", kind=NDJSON), 200, "BAD_JSON"),
    ("T25 NDJSON, key twice", table(b'{"area":1,"rooms":2,"area":3,"distance":4}\n', kind=NDJSON), 200,
     "DUPLICATE_KEY"),
    ("T26 NDJSON, NaN", table(b"[NaN,2,3]\n", kind=NDJSON), 200, "NON_FINITE"),
    ("T27 NDJSON, too deep", table(b"[" * 5000 + b"\n", kind=NDJSON), 200, "TOO_DEEP"),
    ("T28 unknown model", request("POST /predict/nope HTTP/1.1", CSV, kind="text/csv"), 404, "UNKNOWN_MODEL"),
    ("T29 V1 takes no table", request(f"POST {V1} HTTP/1.1", CSV, kind="text/csv"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("T30 cut off after a row", request(length="500", body=CSV, kind="text/csv"), 200, "BODY_TOO_SLOW"),
    ("T31 cut off in the header", request(length="500", body=CSV[:9], kind="text/csv"), 408, "BODY_TOO_SLOW"),
    ("T33 trailer of 20 MB, before a row", request(
        body=chunks(CSV[:20])[:-2] + b"X-A: " + LONG + b"\r\n\r\n", length=None,
        headers=["Transfer-Encoding: chunked"], kind="text/csv"), 400, "BODY_CUT_OFF"),
    ("T32 damaged before its end", request(length="500", body=CSV, headers=GZIP, kind="text/csv"), 400, "BAD_ENCODING"),
]  # fmt: skip
