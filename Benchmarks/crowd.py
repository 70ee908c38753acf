#!/usr/bin/env python3
"""Connections that a server has to bear: python3 crowd.py KIND COUNT HOST PORT

idle        TLS stands, one request was answered, then silence
half-open   TCP stands, not a byte is sent
slow-read   asks for a long page again and again and takes a few bytes a second
slow-write  sends a request's body a byte a second

They come from many addresses of 127.0.0.0/8. Prints "ready COUNT" when all stand, replaces those that the server ends, and stops when its input ends.
"""
import asyncio, ssl, sys

kind, count, host, port = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
standing, ended = 0, 0
gate = asyncio.Semaphore(16)


async def one(number):
    global standing, ended
    address = f"127.{1 + number // 60000}.{number // 200 % 250}.{1 + number % 200}"
    while True:
        try:
            async with gate:
                reader, writer = await asyncio.open_connection(
                    host, port, ssl=None if kind == "half-open" else context, local_addr=(address, 0), limit=1024)
                if kind == "idle":
                    writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
                    await reader.read(100)
            standing += 1
        except OSError:
            await asyncio.sleep(1)
            continue
        try:
            if kind == "slow-write":
                writer.write(b"POST /acme/default/new-order HTTP/1.1\r\nHost: a\r\nContent-Type: application/jose+json\r\nContent-Length: 60000\r\n\r\n")
            if kind == "slow-read":
                writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 500)
            while True:
                if kind == "slow-write":
                    writer.write(b"{")
                    await asyncio.wait_for(writer.drain(), 5)
                    await asyncio.sleep(1)
                    if reader.at_eof():
                        break
                elif kind == "slow-read":
                    if not await reader.read(64):
                        break
                    await asyncio.sleep(1)
                elif not await reader.read(100):
                    break
        except (OSError, asyncio.TimeoutError):
            pass
        writer.transport.abort()
        standing, ended = standing - 1, ended + 1
        await asyncio.sleep(1)


async def main():
    tasks = [asyncio.create_task(one(number)) for number in range(count)]
    for _ in range(600):
        if standing >= count * 0.98:
            break
        await asyncio.sleep(0.1)
    print(f"ready {standing}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    print(f"standing {standing} ended {ended}", flush=True)
    for task in tasks:
        task.cancel()


asyncio.run(main())
