"""Set the environment up: the whole stack with Docker, or PostgreSQL and the gateway without it.

    python3 setup.py             with Docker if its engine answers, embedded if not
    python3 setup.py --embedded  without Docker

It can be run again at any time. `python3 teardown.py` is its opposite. (Packaging lives in pyproject.toml.)
"""

import sys

# written so that an old Python, which is what this is for, understands it
if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit("This needs Python 3.11 or newer, and %s is older. Try: python3.11 setup.py" % sys.executable)  # noqa: UP031

from environment.setting_up import main

if __name__ == "__main__":
    sys.exit(main())
