"""The body of a request while it arrives."""

from __future__ import annotations

from starlette.types import Receive

from autorest.errors import Refused
from autorest.refusals import too_large


class ClientGone(Exception):
    """The client left before its request was whole."""


class Rest:
    """What has not arrived yet of a body of which `size` bytes have, where `most` are allowed (0 for any number).

    The client sends no faster than it is read.
    """

    def __init__(self, receive: Receive, size: int, most: int) -> None:
        self._receive = receive
        self._size = size
        self._most = most
        self._more = True

    async def read(self) -> bytes:
        """Return what comes next, nothing when the body has ended.

        Raises Refused when the body is too large, ClientGone when it does not end.
        """
        while self._more:
            message = await self._receive()
            if message["type"] != "http.request":
                raise ClientGone
            self._more = message.get("more_body", False)
            piece: bytes = message.get("body", b"")
            self._size += len(piece)
            if self._most and self._size > self._most:
                raise Refused(too_large(self._most))
            if piece:
                return piece
        return b""
