"""No framework and no database: what uvicorn alone takes for an error of that size."""

# mypy: ignore-errors

BODY = b'{"code":"none","details":null,"hint":null,"message":"There is nothing here."}'
HEADERS = [(b"content-type", b"application/json; charset=utf-8"), (b"content-length", b"%d" % len(BODY))]


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 404, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})
