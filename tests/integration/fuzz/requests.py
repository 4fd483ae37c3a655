"""Requests made at random: of PostgREST's grammar mostly, and then bent, cut and overdone in every part."""

from __future__ import annotations

import base64
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

import jwt

from tests.integration.fuzz import words
from tests.integration.fuzz.vocabulary import Vocabulary

T = TypeVar("T")
Headers = list[tuple[bytes, bytes]]

#: How often each method is chosen.
WEIGHTS = (54, 5, 18, 8, 5, 5, 3)


class Signing(NamedTuple):
    """What tokens are signed with, the roles that they may name, and whether the gateway itself gives some out."""

    secret: str
    roles: Sequence[str]
    has_login: bool = False


@dataclass(frozen=True)
class Probe:
    """What is sent on a connection: a request, several ahead of their answers, or something that is none.

    `are_head` tells of each request whether its answer has no body. After a probe that is not `whole` the client sends
    nothing more: the gateway may answer or not, but it hangs up. After one that is not `reusable` nobody knows where
    on the connection the next request would begin. What follows the first `cut` bytes is sent a moment later. One that
    is `abandoned` is not waited for.
    """

    content: bytes
    are_head: tuple[bool, ...] = (False,)
    whole: bool = True
    reusable: bool = True
    cut: int = 0
    abandoned: bool = False


class Requests:
    """Makes requests, the same ones for the same `seed`."""

    def __init__(self, seed: int | str, vocabulary: Vocabulary, signing: Signing) -> None:
        self.random = random.Random(seed)
        self.vocabulary = vocabulary
        self.signing = signing
        self._wild = ""
        self._tame = False
        self._selected: list[str] = []
        self._relations = sorted(vocabulary.relations)
        self._routines = sorted(vocabulary.routines)

    def _choose(self, among: Sequence[T]) -> T:
        return among[int(self.random.random() * len(among))]

    def _one_in(self, often: float) -> bool:
        return self.random.random() * often < 1

    def _slip(self, often: int) -> bool:
        """Tell whether to do it wrong, here and now: never in a request that is tame."""
        return not self._tame and self.random.random() * often < 1

    def _part(self, name: str) -> None:
        """Go on with this part of a request."""
        self._tame = self._wild not in (name, "all")

    def _word(self) -> str:
        return self._choose(words.TAME_WORDS if self._tame else words.WORDS)

    def probe(self) -> Probe:
        """Return the next one."""
        probe = self._request()
        if self._one_in(40):
            while len(probe.are_head) < self._choose((2, 3, 6)):
                more = self._request()
                if not (probe.reusable and more.reusable):
                    break
                probe = Probe(probe.content + more.content, (*probe.are_head, *more.are_head))
        if self._one_in(30):
            probe = replace(probe, cut=self.random.randrange(len(probe.content)))
        return replace(probe, abandoned=True) if self._one_in(60) else probe

    def _request(self) -> Probe:
        """Return one request; a third of them mean no harm, and most others are wrong in one part."""
        self._wild = self._choose(("", "", "", "query", "query", "query", "headers", "token", "body", "wire", "all"))
        self._part("wire")
        if self._slip(20):
            return self._noise()
        if self._one_in(6 if self.signing.has_login else 200):
            return self._of_login()
        relation = self._choose(self._relations)
        [method] = self.random.choices(("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"), WEIGHTS)
        if self._slip(6):
            method = self._choose(words.METHODS)
        kind = self.random.random() * (0.92 if self._tame else 1)
        self._part("query")
        if kind < 0.7:
            path, parameters = "/" + quote(relation, safe=""), self._parameters(relation, method)
        elif kind < 0.92:
            path, parameters = self._call(relation)
        else:
            path, parameters = self._choose(words.ODD_PATHS), self._parameters(relation, method)
        target = path + (("?" + self._query(parameters)) if parameters or self._one_in(30) else "")
        headers = self._headers()
        self._part("body")
        if method in ("GET", "HEAD", "OPTIONS", "DELETE") and not self._slip(5):
            return self._framed(method, target.encode(), headers, None)
        content_type, body = self._body(relation, path)
        if content_type is not None:
            headers.append((b"Content-Type", content_type.encode()))
        return self._framed(method, target.encode(), headers, body)

    # The query string

    def _parameters(self, relation: str, method: str) -> list[tuple[str, str]]:
        self._selected = []
        found = [self._parameter(relation) for _ in range(self._choose((0, 1, 1, 2, 2, 3, 4)))]
        if self._tame:
            # One select, and nothing about embeds that it does not have.
            found = list(dict(found).items())
        if self._slip(300):
            found *= self._choose((50, 400, 1100))
        if method in ("PATCH", "DELETE", "PUT") and not self._one_in(5):
            found.append((self._column(relation), "eq." + self._word()))
        return found

    def _parameter(self, relation: str) -> tuple[str, str]:
        prefix = ""
        embeds = [target for target, _ in self.vocabulary.embeds.get(relation, ())]
        if self._tame:
            embeds = [target for target in embeds if target in self._selected]
        if embeds and self._one_in(5):
            relation = self._choose(embeds)
            prefix = relation + "."
        match self._choose("fffffssssoollrrc"):
            case "f":
                return prefix + self._field(relation), self._operation()
            case "s" if not prefix:
                return "select", self._select(relation, 0)
            case "o":
                return prefix + "order", self._order(relation)
            case "l":
                name = self._choose(("and", "or", "not.and", "not.or", "not.not.or"))
                return prefix + name, self._tree(relation, 0)
            case "r":
                return prefix + self._choose(("limit", "offset")), self._choose(
                    words.TAME_NUMBERS if self._tame else words.NUMBERS
                )
            case _:
                columns = ",".join(
                    self._column(relation) for _ in range(2100 if self._slip(30) else self._choose((1, 2, 3)))
                )
                return self._choose(("columns", "on_conflict")), columns

    def _column(self, relation: str) -> str:
        columns = self.vocabulary.relations.get(relation, ())
        if not columns or self._slip(8):
            return self._choose((*words.WORDS, "nope", "*", "xmin", "ctid", "tableoid", "full_title"))
        column = self._choose(columns)
        quoted = '"' + column.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return quoted if not column.isidentifier() or self._one_in(20) else column

    def _field(self, relation: str) -> str:
        path = self._choose(words.JSON_PATHS) if self._slip(6) else ""
        if relation == "films" and self._one_in(10):
            return "info" + self._choose(words.JSON_PATHS[:5])
        if self._slip(750):
            path = "->a" * self._choose((10, 63, 64, 65, 500))
        return self._column(relation) + path

    def _operation(self, value: str | None = None) -> str:
        operand = self._word() if value is None else value
        negated = "not." if self._one_in(6) else ""
        match self._choose("qqqqqlliip" if self._tame else "qqqqppplliif!"):
            case "q":
                modifier = f"({self._choose(words.MODIFIERS)})" if self._slip(4) else ""
                return f"{negated}{self._choose(words.QUANTIFIED)}{modifier}.{operand}"
            case "p":
                return f"{negated}{self._choose(words.PLAIN)}.{operand}"
            case "l":
                if value is None:
                    many = self._choose((0, 1, 2, 3, 8)) if not self._slip(100) else self._choose((500, 5000))
                    operand = "(" + ",".join(self._word() for _ in range(many)) + ")"
                return f"{negated}in.{operand}"
            case "i":
                truth = self._choose(words.TAME_TRUTHS if self._tame else (*words.TRUTHS, operand))
                return f"{negated}is.{truth}"
            case "f":
                modifier = f"({self._choose(words.MODIFIERS)})" if self._one_in(2) else ""
                return f"{negated}{self._choose(words.FULL_TEXT)}{modifier}.{operand}"
        return self._choose(("nope.1", "eq", "eq1", "", "not.not.eq.1", "EQ.1", "eq(any.1", "not", "in.1", operand))

    def _tree(self, relation: str, depth: int) -> str:
        """Return conditions in parentheses."""
        if depth == 0 and self._slip(250):
            deep = self._choose((5, 63, 64, 65, 3000))
            return "(" + "and(" * deep + "id.eq.1" + ")" * deep + ")"
        many = (
            self._choose((1, 1, 2, 2, 3) if self._tame else (0, 1, 2, 2))
            if not self._slip(200)
            else self._choose((300, 2500))
        )
        conditions = []
        for _ in range(many):
            if depth < 4 and self._one_in(4):
                conditions.append(self._choose(("and", "or", "not.and", "not.or")) + self._tree(relation, depth + 1))
            else:
                value = self._word()
                if self._tame or self._one_in(3):
                    value = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
                conditions.append(f"{self._field(relation)}.{self._operation(value)}")
        return "(" + ",".join(conditions) + ")"

    def _order(self, relation: str) -> str:
        terms = []
        for _ in range(self._choose((1, 1, 2, 3) if self._tame else (0, 1, 2)) if not self._slip(200) else 2100):
            term = self._field(relation)
            targets = (
                self._selected if self._tame else [target for target, _ in self.vocabulary.embeds.get(relation, ())]
            )
            if targets and self._one_in(5):
                target = self._choose(targets)
                term = f"{target}({self._column(target)})"
            for suffixes in (("", ".asc", ".desc", ".up"), ("", ".nullsfirst", ".nullslast", ".nulls")):
                term += self._choose(suffixes[:3] if self._tame else suffixes)
            terms.append(term)
        return ",".join(terms)

    def _select(self, relation: str, depth: int) -> str:
        if depth == 0 and self._slip(250):
            deep = self._choose((5, 20, 63, 64, 65, 2000))
            there_and_back = ("directors(", "films(")
            return "".join(there_and_back[level % 2] for level in range(deep)) + "id" + ")" * deep
        many = (
            self._choose((1, 1, 2, 3) if self._tame else (0, 1, 2, 2))
            if not self._slip(200)
            else self._choose((100, 2100))
        )
        return ",".join(self._item(relation, depth) for _ in range(many))

    def _item(self, relation: str, depth: int) -> str:
        alias = self._choose(("a", "b", "id", '"x y"', "1", "ü", "$")) + ":" if self._slip(4) else ""
        embeds = self.vocabulary.embeds.get(relation, ())
        if depth < 4 and self._one_in(3) and (embeds or self._slip(8)):
            target, constraint = self._choose(embeds) if embeds else (self._choose(self._relations), "")
            hint = ""
            if self._one_in(3):
                hint = self._choose(
                    (*(words.TAME_HINTS if self._tame else words.HINTS), f"!{constraint}", f"!{constraint}!inner")
                )
            spread = "..." if self._one_in(5) else ""
            if depth == 0 and not spread:
                self._selected.append(target)
            return f"{alias}{spread}{target}{hint}({self._select(target, depth + 1)})"
        if self._one_in(10):
            return self._choose(
                ("*", "count()", "a:count()", "count()::text") if self._tame else ("count", "*.count()")
            )
        aggregate = self._choose(words.TAME_AGGREGATES if self._tame else words.AGGREGATES) if self._one_in(8) else ""
        cast = "::" + self._choose(words.TAME_CASTS if self._tame else words.CASTS) if self._one_in(6) else ""
        return f"{alias}{self._field(relation)}{cast if self._one_in(3) else ''}{aggregate}{cast}"

    def _query(self, parameters: Sequence[tuple[str, str]]) -> str:
        text = "&".join(f"{self._encoded(name)}={self._encoded(value)}" for name, value in parameters)
        if self._slip(8):
            text = self._bent(
                text, ("&", "=", "%", "%z", "%0", "%00", "%ff", "%ed%a0%80", "+", "?", "#", ";", "é", "(", ")")
            )
        return text

    def _encoded(self, text: str) -> str:
        """Return the text percent-encoded more or less as it should be, sometimes with a slip in it."""
        if text and self._slip(6):
            text = self._bent(text, ("(", ")", ".", ",", '"', "\\", "'", "é", ":", "!", "->", "{", "}", "*", "\0", " "))
        if len(text) > 50_000:
            text = text[: self._choose((50_000, 100_000, 300_000))]
        if self._one_in(20):
            return "".join(c if c.isalnum() else quote(c, safe="") for c in text).replace("%20", "+")
        return quote(text, safe=self._choose(("*(),.:!-", "*(),.:!->{}\"'[]|\\^`", "")))

    def _bent(self, text: str, slips: Sequence[str]) -> str:
        for _ in range(self._choose((1, 1, 1, 2, 5))):
            at = self.random.randrange(len(text) + 1)
            text = text[:at] + self._choose(slips) + text[at + self._choose((0, 1, 1, 5)) :]
        return text

    # Functions

    def _call(self, relation: str) -> tuple[str, list[tuple[str, str]]]:
        name = self._choose(self._routines) if self._routines else "nope"
        names = self.vocabulary.routines.get(name, ())
        arguments = []
        for parameter in names:
            if not self._slip(6):
                value = self._word()
                if parameter == "seconds":
                    value = self._choose(("0", "0.01", "x"))
                arguments.append((parameter, value))
        self._selected = []
        if self._slip(2):
            arguments.append(self._parameter(relation))
        return "/rpc/" + quote(name, safe=""), arguments

    # Headers

    def _headers(self) -> Headers:
        self._part("headers")
        found: Headers = [(b"Host", b"x")]
        if self._one_in(3):
            found.append((b"Accept", self._value(words.TAME_ACCEPTS if self._tame else words.ACCEPTS)))
        wishes = [
            self._choose(words.TAME_PREFERENCES if self._tame else words.PREFERENCES)
            for _ in range(self._choose((0, 0, 1, 1, 2, 3)))
        ]
        if wishes and self._one_in(10):
            found += [(b"Prefer", wish.encode()) for wish in wishes]
        elif wishes:
            found.append((b"Prefer", ", ".join(wishes).encode()))
        for _ in range(0 if self._tame else self._choose((0, 0, 1, 1, 2, 3))):
            name = self._choose(tuple(words.OTHERS))
            found += [(name, self._value(words.OTHERS[name]))] * self._choose((1, 1, 1, 1, 2))
        if self._one_in(3):
            found.append((b"Authorization", self._authorization()))
            if self._slip(20):
                found.append((b"Authorization", self._authorization()))
            self._part("headers")
        if self._slip(100):
            found += [(b"X-%d" % number, b"y") for number in range(self._choose((100, 3000)))]
        if self._slip(50):
            found.append((self._choose((b"X Y", b"", b"\xff", b"X\0", b"X(", b"X" * 70_000)), b"y"))
        if self._one_in(60):
            self.random.shuffle(found)
        return found

    def _value(self, among: Sequence[str]) -> bytes:
        value = self._choose(among).encode()
        if value and self._slip(6):
            at = self.random.randrange(len(value))
            value = value[:at] + bytes((self.random.randrange(256),)) + value[at + 1 :]
        return value

    # Tokens

    def _authorization(self) -> bytes:
        self._part("token")
        if self._slip(4):
            return self._choose(words.AUTHORIZATIONS)
        token = self._token()
        if self._slip(6):
            at = self.random.randrange(len(token))
            token = token[:at] + bytes((self.random.randrange(256),)) + token[at + 1 :]
        return self._choose((b"Bearer ", b"bearer ", b"BEARER ", b"Bearer  ")) + token

    def _token(self) -> bytes:
        now = int(time.time())
        claims: dict[str, Any] = {"role": self._choose(self.signing.roles), "sub": "x", "exp": now + 3600}
        odd = (*words.CLAIMS, now - 3600, now + 3600)
        for _ in range(0 if self._tame else self._choose((0, 0, 1, 2))):
            claims[self._choose(("role", "exp", "nbf", "iat", "aud", "sub", "jti", "iss", "", "a" * 500))] = (
                self._choose(odd)
            )
        if self._slip(25):
            claims["huge"] = self._choose(("x" * 30_000, ["y"] * 5000, "ünï" * 3000))
        payload = json.dumps(claims, ensure_ascii=self._one_in(2)).encode()
        if self._slip(8):
            payload = self._choose((*words.PAYLOADS, payload + b"x"))
        header: bytes = b'{"alg":"HS256","typ":"JWT"}'
        if self._slip(4):
            header = self._choose(words.JOSE_HEADERS)
        key = self.signing.secret if not self._slip(6) else "another secret, that is just as long as the right one"
        signed = _base64url(header) + b"." + _base64url(payload)
        signature = jwt.get_algorithm_by_name("HS256").sign(signed, key.encode())
        return signed + b"." + (_base64url(signature) if not self._slip(10) else b"")

    # Bodies

    def _body(self, relation: str, path: str) -> tuple[str | None, bytes]:
        content_type: str | None = self._choose(words.TAME_TYPES if self._tame else words.TYPES)
        make: Callable[[], bytes] = {
            "application/json": lambda: self._json(relation, path),
            "text/csv": lambda: self._csv(relation),
            "application/x-ndjson": lambda: self._lines(relation, path),
            "application/x-www-form-urlencoded": lambda: self._choose(words.ODD_FORMS),
        }.get(content_type or "", lambda: self._choose((*words.ODD_JSON, *words.ODD_CSV, *words.ODD_FORMS)))
        body = make()
        if self._slip(15):
            body = self._choose((*words.ODD_JSON, *words.ODD_CSV, *words.ODD_FORMS))
        if body and self._slip(6):
            at = self.random.randrange(len(body))
            body = body[:at] + self.random.randbytes(self._choose((0, 1, 1, 4))) + body[at + self._choose((0, 1, 3)) :]
        if body and self._slip(12):
            body = body[: self.random.randrange(len(body))]
        if self._slip(750):
            body *= 200_000 // max(len(body), 1)
        if self._slip(6):
            content_type = None
        return content_type, body

    def _json(self, relation: str, path: str) -> bytes:
        if self._slip(3):
            return self._choose(words.ODD_JSON)
        if path.startswith("/rpc/"):
            keys: Sequence[str] = self.vocabulary.routines.get(path[5:], ())
        else:
            keys = self.vocabulary.relations.get(relation, ())
        rows = []
        for _ in range(self._choose((1, 1, 1, 2, 5)) if not self._slip(150) else 1000):
            row = {key: self._json_value(0) for key in keys if not self._one_in(3)}
            if "seconds" in row:
                row["seconds"] = 0.01
            if self._slip(8):
                row[self._word()] = self._json_value(0)
            rows.append(row)
        return json.dumps(
            rows[0] if len(rows) == 1 and not self._one_in(3) else rows, ensure_ascii=self._one_in(2)
        ).encode()

    def _json_value(self, depth: int) -> Any:
        match self._choose("nnnwwwbfao"):
            case "n":
                return self._choose((0, 1, 2, -1, 100, 2**31, 2**63, 10**40, 1.5, 1e300, -0.0))
            case "w":
                return self._word()
            case "b":
                return self._choose((True, False, None, None))
            case "f":
                return self._choose(("2024-01-01", "{1,2}", "[1,5)", "(1,2)", "\\x00ff", "house_user", "grave"))
            case "a" if depth < 3:
                return [self._json_value(depth + 1) for _ in range(self._choose((0, 1, 2, 5)))]
            case "o" if depth < 3:
                return {self._word(): self._json_value(depth + 1) for _ in range(self._choose((0, 1, 2)))}
        return None

    def _lines(self, relation: str, path: str) -> bytes:
        if self._slip(2):
            return self._choose(words.ODD_LINES)
        return b"\n".join(self._json(relation, path) for _ in range(self._choose((1, 2, 5))))

    def _csv(self, relation: str) -> bytes:
        if self._slip(2):
            return self._choose(words.ODD_CSV)
        columns = [column for column in self.vocabulary.relations.get(relation, ()) if not self._one_in(3)]
        lines = [columns, *([self._word() for _ in columns] for _ in range(self._choose((0, 1, 2, 5))))]
        quoted = self._one_in(2)
        cells = ([f'"{c}"' if quoted and '"' not in c else c for c in line] for line in lines)
        return self._choose(("\n", "\r\n")).join(",".join(line) for line in cells).encode()

    # On the wire

    def _framed(self, method: str, target: bytes, headers: Headers, body: bytes | None) -> Probe:
        self._part("wire")
        content, whole, reusable = b"", True, True
        if body is not None:
            kind = self.random.random() if not self._tame else 0.0 if self._one_in(1.1) else 0.9
            length = b"%d" % len(body)
            if kind < 0.5:
                headers.append((b"Content-Length", length))
                content = body
            elif kind < 0.95:
                headers.append((b"Transfer-Encoding", b"chunked"))
                content = self._chunks(body)
            else:
                wrong: tuple[Headers, ...] = (
                    [(b"Content-Length", b"%d" % (len(body) + 10))],
                    [(b"Content-Length", b"%d" % (len(body) // 2))],
                    [(b"Content-Length", length), (b"Content-Length", b"0")],
                    [(b"Content-Length", length), (b"Transfer-Encoding", b"chunked")],
                    [(b"Content-Length", self._choose((b"-1", b"+5", b"0x5", b"", b"x", b"9" * 20, b"9" * 40)))],
                    [(b"Transfer-Encoding", self._choose((b"chunked", b"gzip, chunked", b"x")))],
                    [],
                )
                headers += self._choose(wrong)
                content, whole, reusable = body, False, False
        version = self._choose(words.VERSIONS) if self._slip(6) else "HTTP/1.1"
        line = b" ".join((method.encode(), target, version.encode()))
        head = b"\r\n".join((line, *(name + b": " + value for name, value in headers), b"", b""))
        if self._slip(4):
            head = self._bitten(head)
            whole = False
        if any(name in (b"Transfer-Encoding", b"Upgrade", b"Expect") for name, _ in headers):
            whole = reusable = False
        if version != "HTTP/1.1" or any(name == b"Connection" for name, _ in headers):
            # The gateway may hang up after its answer: what was sent after the request would be reset with it.
            reusable = False
        return Probe(head + content, (method == "HEAD",), whole, reusable and whole)

    def _bitten(self, head: bytes) -> bytes:
        for _ in range(self._choose((1, 1, 3))):
            at = self.random.randrange(len(head))
            head = head[:at] + self.random.randbytes(self._choose((0, 1, 2))) + head[at + 1 :]
        return head

    def _chunks(self, body: bytes) -> bytes:
        size = self._choose((1, 7, 1000, 65_536)) if len(body) < 5000 else 65_536
        parts = [body[at : at + size] for at in range(0, len(body), size)]
        end, extension = b"0\r\n\r\n", b""
        if self._slip(2):
            end = self._choose((b"0\r\nX: y\r\n\r\n", b"0\r\n", b"", b"-1\r\n\r\n", b"zz\r\n\r\n"))
        if self._slip(3):
            extension = self._choose((b";a=b", b";" + b"x" * 3000))
        return b"".join(b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in parts) + end

    def _noise(self) -> Probe:
        return Probe(self._choose((*words.NOISE, self.random.randbytes(200))), whole=False, reusable=False)

    def _of_login(self) -> Probe:
        method = self._choose(("POST", "POST", "POST", "GET", "HEAD", "PUT", "OPTIONS"))
        fields: dict[str, Any] = {
            name: self._choose(("a@b.example", "x", "", "password", "refresh_token", None, 1, [], {}, "\0", "x" * 3000))
            for name in ("email", "password", "username", "grant_type", "refresh_token")
            if not self._one_in(3)
        }
        if "refresh_token" in fields and self._one_in(2):
            fields["refresh_token"] = base64.urlsafe_b64encode(self.random.randbytes(48)).decode()
        body = json.dumps(fields).encode() if not self._one_in(4) else self._choose((*words.ODD_JSON, *words.ODD_FORMS))
        headers = self._headers()
        headers.append((b"Content-Type", self._choose(words.TAME_TYPES if self._tame else words.TYPES).encode()))
        return self._framed(method, b"/auth/" + self._choose(words.LOGIN_PATHS).encode(), headers, body)


def _base64url(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
