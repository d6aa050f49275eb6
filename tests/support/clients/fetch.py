"""A client of its own: fetch.py WAY HOST [PORT]. Prints what the server says, or how the call failed."""
import asyncio, socket, ssl, sys, time, urllib.request

WAY, HOST = sys.argv[1], sys.argv[2]


def urllib_():
    print(urllib.request.urlopen("https://%s/" % HOST, timeout=10).read().decode(), end="")


async def asyncio_():
    """Both families are tried, one a little after the other."""
    reader, writer = await asyncio.open_connection(HOST, 443, ssl=ssl.create_default_context(), happy_eyeballs_delay=0.25)
    writer.write(b"GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % HOST.encode())
    print((await reader.read()).decode().split("\r\n\r\n")[1], end="")
    print(writer.get_extra_info("peername")[0], file=sys.stderr)
    writer.close()


try:
    urllib_() if WAY == "urllib" else asyncio.run(asyncio_())
except OSError as error:
    sys.exit("%s: %s" % (type(error).__name__, error))
