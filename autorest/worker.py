"""Where a worker begins: signals are looked after before anything large is loaded."""

from __future__ import annotations

import signal
import sys

from autorest.signals import RELOADING, hold_signals


def main() -> int:
    """Serve as the supervisor says on standard input; return the exit status."""
    # Ctrl-C reaches all processes of a terminal: the supervisor is the one to act on it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hold_signals(*RELOADING)
    from autorest.server.worker import work

    return work()


if __name__ == "__main__":
    sys.exit(main())
