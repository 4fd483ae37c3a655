"""The body of a request while it arrives."""

from __future__ import annotations

from starlette.types import Receive

from autorest.errors import Refused
from autorest.refusals import too_large


class ClientGone(Exception):
    """The client left before its request was whole."""


class Rest:
    """What has not been read yet of a body that may have at most so many bytes (0 for any number).

    `size` is how many bytes have been read, `ended` whether that is all. The client sends no faster than it is read.
    """

    def __init__(self, receive: Receive, most: int) -> None:
        self.size = 0
        self.ended = False
        self._receive = receive
        self._most = most

    async def read(self) -> bytes:
        """Return what comes next, nothing when the body has ended.

        Raises Refused when the body is too large, ClientGone when it does not end.
        """
        while not self.ended:
            message = await self._receive()
            if message["type"] != "http.request":
                raise ClientGone
            self.ended = not message.get("more_body", False)
            piece: bytes = message.get("body", b"")
            self.size += len(piece)
            if self._most and self.size > self._most:
                raise Refused(too_large(self._most))
            if piece:
                return piece
        return b""
