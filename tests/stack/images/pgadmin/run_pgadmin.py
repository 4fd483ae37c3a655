"""pgAdmin as a WSGI application, as the official image names it."""

import builtins

builtins.SERVER_MODE = True

from pgAdmin4 import app  # noqa: E402, F401
