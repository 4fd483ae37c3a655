"""python -m benchmarks: where a library is missing, in the environment that the tests make for themselves."""

from __future__ import annotations

import importlib.util
import os
import sys

from tests.__main__ import ROOT, environment

if __name__ == "__main__":
    if not all(map(importlib.util.find_spec, ("asyncpg", "orjson", "psycopg", "uvicorn"))):
        python = str(environment())
        os.chdir(ROOT)
        os.execv(python, [python, "-m", "benchmarks", *sys.argv[1:]])

    from benchmarks.cli import main

    sys.exit(main())
