"""What requests are made of: some of it right, most of it odd."""

from __future__ import annotations

from typing import Any

PLAIN = ("neq", "cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj", "isdistinct")
QUANTIFIED = ("eq", "gte", "gt", "lte", "lt", "like", "ilike", "match", "imatch")
FULL_TEXT = ("fts", "plfts", "phfts", "wfts")
MODIFIERS = ("any", "all", "english", "some", "", "a b", "nope", "any)(all")
TRUTHS = ("true", "false", "unknown", "NULL", "nope")
TAME_TRUTHS = ("null", "not_null")
#: What stands where a value is expected; much of it means something to PostgreSQL, to JSON or to the grammar.
WORDS = (
    "1", "2", "-1", "0", "a", "null", "true", "not_null", "unknown", "*", "*a*", "%", "'", '"', "\\", "\\\\", "$1",
    ";--", "/*", "ünï", "漢字", "🐘", "e\u0301", "\u202e", "\ufeff", "\u00a0", "\x01", "\x7f", "9" * 40, "1e400",
    "-1e-400", "NaN", "Infinity", "0x1F", "1_000", "2147483648", "-9223372036854775809", "{", "}", "{}", "{1,2}",
    "{a,null,NULL}", '{"a","b\\""}', "{{1},{2}}", "(", ")", "()", "(1,2)", '("a","b,c")', "[1,5)", "[5,1]", "empty",
    "(,)", "2024-01-01", "infinity", "24:00", "0000-00-00", "1 year", '{"n":1}', "[]", '"x"', "a&b", "#ff0000", ",",
    "", " ", "a b", ".", "..", "::", "->", "->>", "!", "not.", "eq.1", "x" * 500, "a.b.c", "\n", "\r\n", "\t",
    "a:b", "!a & b", "<->", "(((((", "a|b", "[[:alpha:]", "(a+)+$", "\\d", "00000000-0000-0000-0000-000000000000",
)  # fmt: skip
#: Of these and of the others the ones that are right more often than not.
TAME_WORDS = ("1", "2", "a", "null", "*a*", "2024-01-01", "{1,2}", "(1,2)", "[1,5)", "ünï", "true", "a,b", "漢字")
TAME_CASTS = ("text", "text", "text", "int", "json", "numeric")
TAME_NUMBERS = ("0", "1", "2", "10")
TAME_AGGREGATES = (".count()", ".max()", ".min()")
TAME_HINTS = ("!inner", "!left")
TAME_TYPES = ("application/json", "application/json", "application/json", "text/csv", "application/x-ndjson")
TAME_ACCEPTS = ("*/*", "application/json", "text/csv", "application/x-ndjson", "application/vnd.pgrst.object+json")
TAME_PREFERENCES = (
    "count=exact", "count=planned", "handling=lenient", "timezone=UTC", "return=representation", "return=minimal",
    "return=headers-only", "missing=default", "resolution=merge-duplicates", "tx=rollback", "max-affected=100",
)  # fmt: skip
CASTS = (
    "text", "int", "integer", "json", "jsonb", "numeric", "date", "bytea", "varchar(2)", "nope", "text[]", "xml",
    "regclass", "double precision", "colour", "void", "record", '"char"', "int;", "",
)  # fmt: skip
JSON_PATHS = ("->n", "->>sound", "->reels->0", "->-1", "->>0", "->x->y->>z", '->"a.b"', "->", "->>", "->9999999999")
AGGREGATES = (".sum()", ".avg()", ".count()", ".max()", ".min()", ".nope()", ".sum", ".sum(x)", ".count().sum()")
HINTS = ("!inner", "!left", "!nope", "!inner!left", "!", "!!", "!outer")
NUMBERS = (
    "0", "1", "2", "10", "-1", "x", "", "9" * 30, "0x2", "1.5", "1e3", " 3", "+1", "(2)", "((((3))))", "٣", "0b1",
    "2147483648", "9223372036854775807",
)  # fmt: skip
TYPES = (
    "application/json", "application/json", "application/json", "text/csv", "application/x-ndjson",
    "application/x-www-form-urlencoded", "text/plain", "application/octet-stream", "text/xml", "nope",
    "application/json; charset=utf-16", "*/*", "",
    "multipart/form-data; boundary=x", "application/json;;;", "APPLICATION/JSON", "application/vnd.api+json",
    "application/vnd.pgrst.object+json", "text/csv; header=absent", ";", "application/json, text/csv",
)  # fmt: skip
ACCEPTS = (
    "*/*", "application/json", "text/csv", "application/vnd.pgrst.object+json", "application/vnd.pgrst.plan+json",
    "application/vnd.pgrst.array+json;nulls=stripped", "application/vnd.pgrst.object+json;nulls=stripped",
    "application/geo+json", "application/openapi+json", "application/x-lines", "text/html", "image/x-dot",
    'application/vnd.pgrst.plan+text; for="text/csv"; options=analyze|verbose|buffers|wal|settings|nope',
    "application/vnd.pgrst.plan; for=\"application/vnd.pgrst.object\"", "text/html;q=x, */*;q=0", "*/*;q=0",
    "text/csv;q=0.1,*/*;q=1e9", ";;;", "", ",", "a", "/", "*", "text/*", "*/json", "application/json;q=-1",
    'application/json;x="', "nonsense/" + "x" * 3000, "text/csv," * 500, "application/json;a=b" + ";c=d" * 500,
    "application/octet-stream", "text/plain", "application/xml", "application/vnd.openapi+json;version=3.1",
)  # fmt: skip
PREFERENCES = (
    "count=exact", "count=planned", "count=estimated", "handling=strict", "handling=lenient", "max-affected=2",
    "max-affected=-1", "max-affected=99999999999999999999999999999999", "max-affected=x", "max-affected=",
    "timezone=UTC", "timezone=Europe/Berlin", "timezone=nope", "timezone=';--", "timezone=" + "x" * 1000,
    "return=representation", "return=minimal", "return=headers-only", "return=nope", "missing=default",
    "missing=null", "resolution=merge-duplicates", "resolution=ignore-duplicates", "params=single-object",
    "params=multiple-objects", "tx=rollback", "tx=nope", "=", ",,", "", "wait=10", "respond-async", "count = exact",
    'timezone="UTC"', "COUNT=EXACT", "return=representation;x=y",
)  # fmt: skip
RANGES = (
    "0-1", "1-", "5-2", "x", "-", "-5", "0-0,2-3", "9" * 30 + "-", "0-" + "9" * 30, "bytes=0-1", "items=0-4", "0-4/*",
    "", " 0 - 1 ", "0--1", "1.5-2", "٠-١",
)  # fmt: skip
#: Headers that the gateway may look at, with what may stand in them.
OTHERS: dict[bytes, tuple[str, ...]] = {
    b"Accept-Profile": ("api", "other", "hidden", "nope", "", "api,other", "a" * 5000, "ünï"),
    b"Content-Profile": ("api", "other", "hidden", "nope", "", '"api"'),
    b"Range": RANGES,
    b"Range-Unit": ("items", "bytes", "", "nope"),
    b"If-Match": ("*", '"x"', 'W/"x"', '"a", "b"', "x", '"', ""),
    b"If-None-Match": ("*", '"x"', 'W/"x"', '"a" , "b",', "x", '"' * 3, ""),
    b"If-Modified-Since": ("Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 01 Jan 99999 00:00:00 GMT", "yesterday", ""),
    b"If-Unmodified-Since": ("Thu, 01 Jan 1970 00:00:00 GMT", "nope"),
    b"If-Range": ('"x"', "Thu, 01 Jan 1970 00:00:00 GMT"),
    b"Accept-Encoding": ("gzip", "zstd", "br;q=1, gzip;q=0.5, *;q=0", "identity;q=0", "*", "gzip;q=x", ";", ""),
    b"Accept-Language": ("en", "x" * 100),
    b"Content-Encoding": ("gzip", "identity", "nope"),
    b"Cookie": ("a=b", "a=b; c=d", ";;;", "=", "a", 'a="b', "ünï=1", "x" * 3000, "a=\x01"),
    b"Origin": ("http://good.example", "null", "", "nope", "http://" + "x" * 2000),
    b"Access-Control-Request-Method": ("GET", "nope", ""),
    b"Access-Control-Request-Headers": ("x", "a, b", "\xff"),
    b"X-Forwarded-For": ("1.2.3.4", "1.2.3.4, nope", "::1", "", "999.1.1.1"),
    b"X-Request-Id": ("x", "x" * 3000),
    b"X-Trace": ("x", "", "ünï"),
    b"Expect": ("100-continue", "nope"),
    b"Connection": ("keep-alive", "close", "upgrade", "nope", "close, keep-alive"),
    b"Upgrade": ("websocket", "h2c", "TLS/1.0", ""),
    b"TE": ("trailers", "chunked"),
    b"Host": ("x", "", "x:99999", "[::1]", "a b", "ünï"),
    b"Forwarded": ("for=1.2.3.4;proto=https", "x"),
    b"X-Forwarded-Host": ("x", "a/b?c#d", "x\" onload=\""),
    b"X-Forwarded-Proto": ("https", "javascript"),
    b"X-Forwarded-Prefix": ("/x", "//x"),
    b"X-HTTP-Method-Override": ("DELETE",),
    b"Transfer-Encoding": ("gzip", "identity", "chunked, chunked", ""),
    b"Date": ("nope",),
}  # fmt: skip
#: JSON that is odd as it is written.
ODD_JSON = (
    b"", b" ", b"null", b"true", b"1", b'"x"', b"[]", b"{}", b"[{}]", b"[[]]", b"[null]", b"[{},null]", b"[{},{}]",
    b'{"id": 1', b'{"id": 1}}', b'{"id": 1}{"id": 2}', b'[{"id": 1},]', b'{"id": 1,}', b"{'id': 1}", b"{id: 1}",
    b'{"id": NaN}', b'{"id": Infinity}', b'{"id": 1e999}', b'{"id": 1' + b"0" * 5000 + b"}",
    b'{"id": 0.' + b"1" * 5000 + b"}", b'{"id": -}', b'{"id": 01}', b'{"id": "\\u0000"}', b'{"\\u0000": 1}',
    b'{"id": "\\ud800"}', b'{"\\ud800": 1}', b'{"id": "\\udc00\\ud800"}', b'{"id": "\0"}', b'{"id": "\xff"}',
    b'{"\xff": 1}', b'{"id": "\x01"}', b'{"id": 1, "id": 2}', b'{"": 1}', b'[{"id": 1}, {"name": "x"}]',
    b'[{"id": 1}, 2]', b'{"id": {"a": [1]}}', b"\xef\xbb\xbf{}", '{"id": 1}'.encode("utf-16"), b"\0", b"\xff\xfe",
    b"{", b"[", b"[[[[[[", b"[" * 1000, b"[" * 100_000, b"[" * 500 + b"]" * 500, b'{"a":' * 1100 + b"1" + b"}" * 1100,
    b'{"data":' + b"[" * 1000 + b"]" * 1000 + b"}", b'{"data":' + b'{"a":' * 600 + b"1" + b"}" * 601,
    b'"' + b"x" * 70_000 + b'"', b'{"' + b"k" * 70_000 + b'": 1}',
    b"{" + b",".join(b'"k%d": %d' % (n, n) for n in range(3000)) + b"}",
    b"[" + b",".join(b'{"id": %d}' % n for n in range(3000)) + b"]",
)  # fmt: skip
ODD_CSV = (
    b"", b"\n", b",", b"id", b"id\n", b"id,name\n1,a\n", b"id,name\r\n1,a\r\n", b"id,name\n1\n", b"id,name\n1,a,b\n",
    b'id,name\n1,"a\n', b'id,name\n1,"a""b"\n', b'id,name\n1,a"b\n', b"id,id\n1,2\n", b",\n,\n", b"id\n\0\n",
    b"id\n\xff\n", b"\xef\xbb\xbfid\n1\n", b"id,name\n\n\n", b"id;name\n1;a\n", b"id\n" + b"1\n" * 3000,
    b",".join([b"id"] * 3000) + b"\n", b"id,name\n" + b"1,x\n" * 60_000, b"id,name\rNULL,NULL\r",
    b'"id","name"\n"1","a,b"\n', b'"\n', b"id,\n1,\n",
)  # fmt: skip
ODD_LINES = (
    b"", b"\n", b"{}\n", b'{"id": 1}\n{"id": 2}\n', b'{"id": 1}\r\n\r\n{"id": 2}', b'{"id": 1}\n{"name": "x"}\n',
    b'{"id": 1}\n[]\n', b'{"id": 1\n}\n', b'{"id": 1} {"id": 2}\n', b'{"id": 1}\n{', b"null\n", b"\xef\xbb\xbf{}\n",
    b'{"id": "\\u0000"}\n', b'{"id": "\xff"}\n', b"\x1e{}\n", b'{"id": 1}\n' * 20_000, b"[" * 5000 + b"\n",
    b'{"data": "' + b"x" * 300_000 + b'"}\n',
)  # fmt: skip
ODD_FORMS = (
    b"", b"=", b"&", b"a", b"a=1", b"id=1&name=a", b"a=1&a=2", b"%", b"%zz=1", b"a=%00", b"a=%ff", b"a=%ed%a0%80",
    b"&" * 3000, b"a=1&" * 3000, b"a=1;b=2", b"a=+", b"\xff=\xff",
)  # fmt: skip
ODD_PATHS = (
    "/", "//", "///", "", "*", "/rpc", "/rpc/", "/rpc//", "/rpc/nope", "/nope", "/nope/", "/a/b/c", "/%", "/%zz",
    "/%00", "/%ff", "/%c3%28", "/%ed%a0%80", "/%2f", "/%2e%2e/", "/../etc/passwd", "/./films", "/rpc/..", "/films%20",
    "/films;a=b", "/films#x", "/films%3Fselect=id", "/ünï", "/漢字", "/" + "x" * 5000, "/" + "a/" * 500, "/rpc%2Fadd",
    "/r%70c/add", "http://x/films", "http:///films", "http://", "x:80", "?", "/?", "/-/", "/-/nope", "/-/../x",
    "/-/%2e%2e/%2e%2e/settings", "/-/api.js", "/-/%00", "/odd%20%22name", "/\x7f", "/<script>", "/films\\", "/ films",
)  # fmt: skip
LOGIN_PATHS = ("login", "refresh", "logout", "me", "register", "", "nope", "login/", "../films", "%00", "login%00")
METHODS = ("BREW", "get", "TRACE", "CONNECT", "PROPFIND", "PRI", "", "G\x00T", "GET,POST", "X" * 3000, "Ü", "SEARCH")
VERSIONS = ("HTTP/1.0", "HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/9.9", "http/1.1", "HTTP/1.1 ", "", "HTTP", "HTTP/1.")
#: Bytes that are no request at all.
NOISE = (
    b"\r\n\r\n", b"\0" * 100, b"\xff" * 100, b"GET / HTTP/1.1\n\n", b"GET /\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200, b"GET / HTTP/1.1\r\nA\r\n\r\n",
    b"GET / HTTP/1.1\r\n: x\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", b"x" * 100_000,
    b"GET / HTTP/1.1\r\nA : b\r\n\r\n", b"GET  /  HTTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: 1, 2\r\n\r\n",
    b"GET / HTTP/1.1\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
)  # fmt: skip
#: Headers Authorization, and parts of tokens.
AUTHORIZATIONS = (
    b"",
    b"Bearer",
    b"Bearer ",
    b"bearer x",
    b"Basic YTpi",
    b"Bearer  x",
    b"Bearer x y",
    b"Bearer \xff\xfe",
    b"Bearer " + b"." * 5000,
    b"Bearer " + b"x" * 40_000,
    b"Bearer a.b.c",
    b"Bearer ..",
    b"Bearer a.b.c.d.e",
    b"Bearer e30.e30.e30",
    b"Bearer =.=.=",
    b"Token x",
    b"x" * 3000,
)
CLAIMS: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    1e308,
    10**30,
    "",
    "x",
    "1",
    [],
    {},
    [1],
    {"a": 1},
    "nope",
    "postgres",
    "api_anon",
    "a\0b",
    "\ud7ff",
    "x" * 64,
    'a"b',
    "none",
    "PUBLIC",
    float("inf"),
    float("nan"),
)
PAYLOADS = (
    b"",
    b"null",
    b"[]",
    b"1",
    b'"x"',
    b"{",
    b"\xff",
    b"[" * 5000,
    b'{"a":' * 3000,
    b'{"role": "\\ud800"}',
    b'{"role": "a\\u0000"}',
    b'{"exp": 1e999}',
)
JOSE_HEADERS = (
    b'{"alg":"none"}',
    b'{"alg":"None","typ":"JWT"}',
    b'{"alg":"RS256"}',
    b'{"alg":"HS512"}',
    b'{"alg":1}',
    b'{"alg":null}',
    b'{"alg":["HS256"]}',
    b"{}",
    b"[]",
    b"",
    b"x",
    b'{"alg":"HS256","crit":["x"]}',
    b"\xff",
    b'{"alg":"HS256","kid":"../../x"}',
    b'{"alg":"HS256","kid":1}',
    b'{"alg":"HS256","b64":false}',
    b'{"alg":"HS256","zip":"DEF"}',
    b'{"alg":"HS256","jku":"http://127.0.0.1:1/"}',
    b"[" * 5000,
    b'{"alg":"dir","enc":"A256GCM"}',
    b'{"alg":"ES256"}',
    b'{"alg":"EdDSA"}',
)
