"""Take the environment down again: the opposite of setup.py.

python3 teardown.py            stops everything and keeps the data
python3 teardown.py --help     what else it can remove
"""

import sys

# written so that an old Python, which is what this is for, understands it
if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit("This needs Python 3.11 or newer, and %s is older. Try: python3.11 teardown.py" % sys.executable)  # noqa: UP031

from environment.tearing_down import main

if __name__ == "__main__":
    sys.exit(main())
