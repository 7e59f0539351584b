"""microburst 0.10.0 with two repairs.

A reply that is to end at its first byte (`abort_bytes: 0`) is lost whole: microburst delivers the headers first, and
never loses a reply without a body, such as S3's to PutObject, though it counts it as lost.

The headers Host and Content-Length go on as the client signed them: microburst replaces them, and every signature
but the administrator's, which the emulator does not check, fails.
"""

from aiohttp import web
from microburst import cli, forward

stream_to_client = forward._stream_to_client
outbound_headers = forward.Upstream._outbound_headers


async def lose_or_stream(request, status, headers, mutator, chunks):
    if mutator is None or mutator.abort_bytes != 0:
        return await stream_to_client(request, status, headers, mutator, chunks)
    async for _ in chunks:
        pass
    forward._abort_client(request)
    return web.Response()


def headers_as_signed(upstream, request):
    headers = outbound_headers(upstream, request)
    signed = {name: request.headers[name] for name in ("host", "content-length") if name in request.headers}
    return {**headers, **signed}


if __name__ == "__main__":
    forward._stream_to_client = lose_or_stream
    forward.Upstream._outbound_headers = headers_as_signed
    cli.main()
