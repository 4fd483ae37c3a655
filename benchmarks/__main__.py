"""python -m benchmarks: where a library is missing, in the environment that the tests make for themselves."""

from __future__ import annotations

import importlib.util
import os
import runpy
import sys

from tests.__main__ import ROOT, environment

#: What is measured apart, each by a module of its own.
APART = ("bulk", "catalog", "overload", "streaming")

if __name__ == "__main__":
    if not all(map(importlib.util.find_spec, ("asyncpg", "orjson", "psycopg", "uvicorn"))):
        python = str(environment())
        os.chdir(ROOT)
        os.execv(python, [python, "-m", "benchmarks", *sys.argv[1:]])

    if sys.argv[1:2] and sys.argv[1] in APART:
        del sys.argv[0]
        runpy.run_module(f"benchmarks.{sys.argv[0]}", run_name="__main__")
        sys.exit()

    from benchmarks.cli import main

    sys.exit(main())
