"""M: media type, encoding and size of a body."""

from __future__ import annotations

import gzip
import zlib

from tests.builders import gzipped
from tests.hostile.requests import CSV, GOOD, GZIP, Case, request, table

BOMB = gzip.compress(b"0" * 200_000_000, 9, mtime=0)
_RAW_DEFLATE = zlib.compressobj(wbits=-15)

CASES: list[Case] = [
    ("M01 no type", request(kind=None), 200, ""),
    ("M01b empty type", request(kind=""), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M02 text", request(kind="text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M03 xml", request(kind="application/xml"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M04 multipart", request(kind="multipart/form-data"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M04b with boundary", request(kind="multipart/form-data; boundary=x"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M05 gzip", request(body=gzipped(GOOD), headers=GZIP), 200, ""),
    ("M05b cut off", request(body=gzipped(GOOD)[:-9], headers=GZIP), 400, "BAD_ENCODING"),
    ("M05c trailing bytes", request(body=gzipped(GOOD) + b"x", headers=GZIP), 400, "BAD_ENCODING"),
    ("M05h two members", request(body=gzipped(GOOD[:9]) + gzipped(GOOD[9:]), headers=GZIP), 200, ""),
    ("M05i 100,000 members", request(body=gzipped(b"") * 100_000, headers=GZIP), 400, "BAD_ENCODING"),
    ("M05d wrong checksum", request(body=gzipped(GOOD)[:-8] + bytes(8), headers=GZIP), 400, "BAD_ENCODING"),
    ("M05e nothing inside", request(body=gzipped(b""), headers=GZIP), 400, "EMPTY_BODY"),
    ("M05f no gzip at all", request(headers=GZIP), 400, "BAD_ENCODING"),
    ("M05g empty", request(body=b"", headers=GZIP), 400, "BAD_ENCODING"),
    ("M06 br", request(headers=["Content-Encoding: br"]), 415, "UNSUPPORTED_ENCODING"),
    ("M06b twice", request(body=gzipped(gzipped(GOOD)), headers=["Content-Encoding: gzip, gzip"]),
     415, "UNSUPPORTED_ENCODING"),
    ("M06c zstd", request(headers=["Content-Encoding: zstd"]), 415, "UNSUPPORTED_ENCODING"),
    ("M06d identity", request(headers=["Content-Encoding: identity"]), 200, ""),
    ("M07 gzip bomb", request(body=BOMB, headers=GZIP), 413, "BODY_TOO_LARGE"),
    ("M07b deflate bomb", request(body=zlib.compress(b"0" * 50_000_000, 9), headers=["Content-Encoding: deflate"]),
     413, "BODY_TOO_LARGE"),
    ("M07c raw deflate", request(body=_RAW_DEFLATE.compress(GOOD) + _RAW_DEFLATE.flush(),
                                 headers=["Content-Encoding: deflate"]), 400, "BAD_ENCODING"),
    ("M08 20 MB announced", request(body=b"", length="20000000"), 413, "BODY_TOO_LARGE"),
    ("M09 10 GiB announced", request(body=b"{}", length=str(10 * 2**30)), 413, "BODY_TOO_LARGE"),
    ("M10 form", request(kind="application/x-www-form-urlencoded"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M11 type is noise", request(kind=";;;="), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M11b type with another byte", request(kind="text/\x80"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M12 pickle", request(kind="application/x-pickle", body=b"cos\nsystem\n(S'id'\ntR."), 415,
     "UNSUPPORTED_MEDIA_TYPE"),
    ("M13 msgpack", request(kind="application/msgpack"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M14 like JSON", request(kind="application/json-seq"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M15 upper case", request(kind="Application/JSON; Charset=UTF-8"), 200, ""),
    ("M16 UTF-16 in name", request(kind="application/json;charset=utf-16"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M16b Latin-1 in name, quoted", request(kind='application/json; Charset="iso-8859-1"'), 415,
     "UNSUPPORTED_MEDIA_TYPE"),
    ("M16c UTF-8, quoted", request(kind='application/json; charset="UTF-8"'), 200, ""),
    ("M16d a table in Latin-1", table(CSV, kind="text/csv; charset=latin1"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("M17 a time-out with an underscore", request(headers=["X-Request-Timeout: 1_0"]), 400, "BAD_PARAMETER"),
    ("M17b a time-out in other digits", request(headers=["X-Request-Timeout: \xb2"]), 400, "BAD_PARAMETER"),
]  # fmt: skip
