"""R: methods, paths and query; headers that a route reads."""

from __future__ import annotations

from tests.hostile.requests import BODILESS, PATH, V1, Case, at, get, request

CASES: list[Case] = [
    *((f"R0{number} {method}", request(f"{method} {PATH} HTTP/1.1"), 405, "METHOD_NOT_ALLOWED")
      for number, method in ((1, "GET"), (2, "PUT"), (3, "DELETE"), (4, "TRACE"))),
    ("R04b PATCH", request(f"PATCH {PATH} HTTP/1.1"), 405, "METHOD_NOT_ALLOWED"),
    ("R04c QUERY", request(f"QUERY {PATH} HTTP/1.1"), 405, "METHOD_NOT_ALLOWED"),
    ("R04d GET of V1's path", get(V1), 405, "METHOD_NOT_ALLOWED"),
    ("R05 FOO!", request(f"FOO! {PATH} HTTP/1.1"), 501, "NOT_IMPLEMENTED"),
    ("R05b method of 1000 letters", request(f"{'A' * 1000} {PATH} HTTP/1.1"), 501, "NOT_IMPLEMENTED"),
    ("R06 post", request(f"post {PATH} HTTP/1.1"), 501, "NOT_IMPLEMENTED"),
    ("R07 OPTIONS", request(f"OPTIONS {PATH} HTTP/1.1"), 200, BODILESS),
    ("R08 HEAD", request(f"HEAD {PATH} HTTP/1.1"), 405, BODILESS),
    ("R09 query", request(f"POST {PATH}?debug=1&x[]=2 HTTP/1.1"), 200, ""),
    ("R09b unknown value", at(f"{PATH}?probabilities=some"), 400, "BAD_PARAMETER"),
    ("R09c query of signs", at(f"{PATH}?%00&&==&%zz&;"), 200, ""),
    ("R10 path", request("POST /nope HTTP/1.1"), 404, "NOT_FOUND"),
    ("R11 traversal", request("POST /predict/../../etc/passwd HTTP/1.1"), 404, "NOT_FOUND"),
    ("R12 encoded traversal", request("POST /predict/%2e%2e%2f%2e%2e%2fetc HTTP/1.1"), 404, "NOT_FOUND"),
    *((f"R12b name {name}", get(f"/v2/models/{name}"), 404, code) for name, code in (
        ("..", "UNKNOWN_MODEL"), ("../notes", "NOT_FOUND"), ("notes/..", "NOT_FOUND"), ("..%2fnotes", "NOT_FOUND"),
        ("..%5cnotes", "UNKNOWN_MODEL"), ("%2e%2e%2f%2e%2e%2froot", "NOT_FOUND"), ("....//", "NOT_FOUND"),
        ("%252e%252e", "UNKNOWN_MODEL"), ("~root", "UNKNOWN_MODEL"), ("$(id)", "UNKNOWN_MODEL"),
        ("notes;id", "UNKNOWN_MODEL"), ("notes%7cid", "UNKNOWN_MODEL"), ("C:%5cx", "UNKNOWN_MODEL"))),
    ("R13 NUL", request("POST /predict/notes%00x HTTP/1.1"), 404, "UNKNOWN_MODEL"),
    ("R14 long name", request(f"POST /predict/{'m' * 5000} HTTP/1.1"), 404, "UNKNOWN_MODEL"),
    ("R15 CRLF", request("POST /predict/notes%0d%0aX-Evil:1 HTTP/1.1"), 404, "UNKNOWN_MODEL"),
    ("R15b escape sequence", at("/predict/%1b%5b31mnotes"), 404, "UNKNOWN_MODEL"),
    ("R16 no name", at("/predict/"), 404, "NOT_FOUND"),
    ("R17 slash after", at("/predict/notes/"), 404, "NOT_FOUND"),
    ("R18 two slashes", at("/predict//notes"), 404, "NOT_FOUND"),
    ("R19 upper case", at("/predict/NOTES"), 404, "UNKNOWN_MODEL"),
    ("R20 bytes that are no UTF-8", at("/predict/%ff%fe"), 404, "UNKNOWN_MODEL"),
    ("R21 a lone percent sign", at("/predict/notes%"), 404, "UNKNOWN_MODEL"),
    ("R22 full-width letters", at("/predict/%EF%BD%8Eotes"), 404, "UNKNOWN_MODEL"),
    *((f"R23 version {version}", at(f"/predict/notes/versions/{version}"), 404, "UNKNOWN_VERSION")
      for version in ("9", "0", "-1", "01", "1e0", "one", "9" * 400, "%31%00", "latest")),
    ("R24 absolute form", at("http://other.example/predict/notes"), 200, ""),
    ("R25 asterisk", get("*", "OPTIONS"), 404, "NOT_FOUND"),
    ("R26 DELETE of the index", get("/v2/repository/index", "DELETE"), 405, "METHOD_NOT_ALLOWED"),
    ("R40 index, no JSON", at("/v2/repository/index", b"\xff["), 400, "BAD_UTF8"),
    ("R40b index, ready a string", at("/v2/repository/index", b'{"ready":"x"}'), 400, "BAD_PARAMETER"),
    ("R40c index, an array", at("/v2/repository/index", b"[]"), 400, "NOT_AN_OBJECT"),
    ("R41 statistics of Triton", get("/v2/models/stats"), 404, "NOT_FOUND"),
    ("R27 load on the public port", at("/v2/repository/models/notes/load", b"{}"), 404, "NOT_FOUND"),
    ("R28 unload on the public port", at("/v2/repository/models/notes/unload", b"{}"), 404, "NOT_FOUND"),
    *((f"R29 timeout {text}", request(headers=[f"X-Request-Timeout: {text}"]), 400, "BAD_PARAMETER")
      for text in ("soon", "-1", "0", "nan", "1e999", "")),
    *((f"R32 page {name}", get(f"/page/{name}"), 404, "NOT_FOUND") for name in (
        "nope.js", "../keys.py", "%2e%2e/keys.py", "..%2fkeys.py", "..%5ckeys.py", "app.js%00", "app.js/", "%ff", "")),
    ("R32b POST of the page", at("/"), 405, "METHOD_NOT_ALLOWED"),
    ("R32c DELETE of a file of the page", get("/page/app.js", "DELETE"), 405, "METHOD_NOT_ALLOWED"),
    ("R32d stats of no model", get("/models/nope/stats"), 404, "UNKNOWN_MODEL"),
    ("R32e report of a traversal", get("/models/..%2f..%2fetc/report"), 404, "NOT_FOUND"),
    ("R30 id of 2000 letters", request(headers=["X-Request-Id: " + "i" * 2000]), 200, ""),
    ("R31 trace that is none", request(headers=["traceparent: 00-zz-zz-01", "tracestate: \x80"]), 200, ""),
]  # fmt: skip
