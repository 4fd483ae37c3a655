"""What one request may ask for at most, so that no text can exhaust the gateway's stack, memory or time.

Each is far above what people write and far below what hurts. A request beyond one of them is
refused with PGRST100: 414 where the query string is too long, 400 otherwise. The body's size is
limited where it is read.
"""

from __future__ import annotations

from typing import Final

#: Bytes of a query string, as it was sent.
MAX_QUERY_LENGTH: Final = 262_144

#: Characters of a query string that are no values: names, and all of select, order, and, or and lists of columns.
MAX_STRUCTURE: Final = 65_536

#: Parameters of a query string.
MAX_PARAMETERS: Final = 1_000

#: Pairs of a form.
MAX_PAIRS: Final = 100_000

#: Levels of embeds, of and/or trees, of parentheses around a number, and steps of a path (embed or JSON).
MAX_DEPTH: Final = 64

#: Columns and embeds of one select, conditions of one and/or tree, terms of one order, names of one list of columns.
MAX_ITEMS: Final = 2_000

#: Media types of an `Accept` header; those after them are passed over.
MAX_MEDIA_TYPES: Final = 1_000

#: Digits of a number after which it only counts as too big: PostgreSQL's bigint has 19.
MAX_DIGITS: Final = 30

#: Levels of arrays and objects of a JSON body: orjson's own limit, named here for the error and the documentation.
MAX_JSON_DEPTH: Final = 1_024

#: Characters of the names of the columns in a CSV body, and of one of them: it is repeated in every row.
MAX_HEADER: Final = 1_048_576
MAX_NAME: Final = 255

#: Bytes of JSON that the rows of a CSV or NDJSON body become where they are written all at once.
MAX_ROWS: Final = 268_435_456

#: Bytes of one line (record) of a CSV or NDJSON body, which is held in memory until it ends.
MAX_LINE: Final = 67_108_864
