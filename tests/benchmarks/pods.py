"""Processes that answer as vLLM pods do, each pod at a loopback address of its own."""

import asyncio
import gzip
import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

PORT = 18080


def _answers(pages: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    """Each page as it is sent, plain and compressed."""
    return [(_answer(page, ""), _answer(gzip.compress(page, 6), "Content-Encoding: gzip\r\n")) for page in pages]


def _answer(body: bytes, encoding: str) -> bytes:
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n{encoding}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _serve(addresses: Sequence[str], pages: Sequence[bytes], ready: "multiprocessing.synchronize.Event") -> None:
    answers, asked = _answers(pages), dict.fromkeys(addresses, 0)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = writer.get_extra_info("sockname")[0]
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                if b"/hang" in head:
                    await reader.read()
                    return
                answer = answers[asked[address] % len(answers)]
                asked[address] += 1
                writer.write(answer[b"gzip" in head])
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(talk, list(addresses), PORT, backlog=64)
        ready.set()
        await server.serve_forever()

    asyncio.run(serve())


@contextmanager
def serving(addresses: Sequence[str], pages: Sequence[bytes], processes: int = 2) -> Iterator[None]:
    """Pods at these addresses, until the end of the block."""
    context = multiprocessing.get_context("spawn")
    started = []
    for number in range(processes):
        ready = context.Event()
        process = context.Process(target=_serve, args=(addresses[number::processes], pages, ready), daemon=True)
        process.start()
        started.append((process, ready))
    try:
        if not all(ready.wait(60) for _, ready in started):
            raise RuntimeError("the pods did not come up within 60 s")
        yield
    finally:
        for process, _ in started:
            process.terminate()
            process.join()
