"""Where both programs begin, `autorest` and `postgrest`: a health check is answered before anything large is loaded."""

from __future__ import annotations

import os
import sys

from autorest.signals import RELOADING, hold_signals


def main() -> None:
    """Run the command line; the exit code is 1 for a wrong configuration and 2 for a wrong command line."""
    hold_signals(*RELOADING)
    try:
        if sys.argv[1:] in (["ready"], ["--ready"]):
            from autorest.ready import plain_address, report

            address = plain_address(os.environ)
            if address is not None:
                sys.exit(report(address))
        from autorest.commands import run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
