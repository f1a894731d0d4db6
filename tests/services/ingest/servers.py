"""Servers on the loopback that misbehave on purpose, and a small node of a chain."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class Visit(BaseHTTPRequestHandler):
    """One request on its way to being answered."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Threads

    def do_GET(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        owner = self.server.owner
        with owner.lock:
            owner.visits.append(self)
            owner.open_now += 1
            owner.most_open = max(owner.most_open, owner.open_now)
            answer = owner.answers.pop(0) if len(owner.answers) > 1 else owner.answers[0]
        try:
            answer(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with owner.lock:
                owner.open_now -= 1

    do_POST = do_GET  # noqa: N815 - the name that the base class looks for

    def log_message(self, *_: object) -> None:
        pass

    def head(self, status: int, length: int | None, **headers: str) -> None:
        """Send the status and the headers, in which `_` stands for `-`."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def cut(self) -> None:
        """Close the connection."""
        self.wfile.flush()
        self.close_connection = True


Answer = Callable[[Visit], None]


class _Threads(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    owner: Server

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients that give up are what the tests are about


class Server:
    """Gives its `answers` one after the other, and the last one for ever."""

    def __init__(self, *answers: Answer) -> None:
        self.answers, self.visits, self.lock = list(answers), list[Visit](), threading.Lock()
        self.open_now = self.most_open = 0
        self._http = _Threads(("127.0.0.1", 0), Visit)
        self._http.owner = self
        self.port = self._http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/list"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def wrap(self, context: ssl.SSLContext) -> None:
        """Speak TLS from now on."""
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self.url = self.url.replace("http:", "https:")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._http.shutdown()
        self._http.server_close()


def send(body: bytes | str | Any, status: int = 200, **headers: str) -> Answer:
    """A whole answer: bytes, text, or a value as JSON."""
    if not isinstance(body, bytes | str):
        body = json.dumps(body)
    data = body.encode() if isinstance(body, str) else body

    def answer(visit: Visit) -> None:
        visit.head(status, len(data), **headers)
        visit.wfile.write(data)

    return answer


def status(code: int, **headers: str) -> Answer:
    """An answer that is a status and a page for people."""
    return send("<html>sorry</html>", code, Content_Type="text/html", **headers)


def redirect(to: str, code: int = 302) -> Answer:
    return send(b"", code, Location=to)


def cut_body(data: bytes, promised: int) -> Answer:
    """The connection ends before the promised length."""

    def answer(visit: Visit) -> None:
        visit.head(200, promised)
        visit.wfile.write(data)
        visit.cut()

    return answer


def cut_chunks(data: bytes) -> Answer:
    """The connection ends behind a chunk, without the last one."""

    def answer(visit: Visit) -> None:
        visit.head(200, None, Transfer_Encoding="chunked")
        visit.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        visit.cut()

    return answer


def hang_up(visit: Visit) -> None:
    """No answer at all."""
    visit.cut()


def stall(visit: Visit) -> None:
    """The head of an answer, and nothing behind it for longer than anyone waits here."""
    visit.head(200, 100)
    visit.wfile.flush()
    time.sleep(1)
    visit.cut()


def drip(visit: Visit) -> None:
    """A byte now and then: never silent for long, never at an end."""
    visit.head(200, 1 << 20)
    for _ in range(1000):
        visit.wfile.write(b" ")
        visit.wfile.flush()
        time.sleep(0.02)


@dataclass
class Endless:
    """A body without an end; `sent` is how much of it went out."""

    sent: int = 0

    def __call__(self, visit: Visit) -> None:
        visit.head(200, None)
        while self.sent < 256 << 20:
            visit.wfile.write(b"[" * 65_536)
            self.sent += 65_536


def block_hash(number: int, branch: str = "a") -> str:
    return f"0x{branch * 32}{number:032x}"


@dataclass
class Node:
    """A chain of blocks 0 to `head` and a node that knows it. `max_blocks` and `max_logs` are what it allows."""

    head: int
    logs: dict[int, list[str]] = field(default_factory=dict)
    chain: str = "0x1"
    max_blocks: int = 1_000_000
    max_logs: int = 1_000_000
    refusal: str = "block range is too wide"
    refusal_status: int = 200
    forked_from: int = 1 << 62
    calls: list[tuple[str, Any]] = field(default_factory=list)

    def __call__(self, visit: Visit) -> None:
        call = json.loads(visit.body)
        method, parameters = call["method"], call["params"]
        self.calls.append((method, parameters))
        reply = {"jsonrpc": "2.0", "id": call["id"]}
        wrong = self._wrong(method, parameters)
        code = 200
        if wrong is None:
            reply |= {"result": self._result(method, parameters)}
        else:
            reply |= {"error": {"code": -32000, "message": wrong}}
            code = self.refusal_status
        send(reply, code, Content_Type="application/json")(visit)

    def ranges(self) -> list[tuple[int, int]]:
        """The ranges that were asked for."""
        return [
            (int(p[0]["fromBlock"], 16), int(p[0]["toBlock"], 16))
            for method, p in self.calls
            if method == "eth_getLogs"
        ]

    def _wrong(self, method: str, parameters: Any) -> str | None:
        if method != "eth_getLogs":
            return None
        start, end = (int(parameters[0][side], 16) for side in ("fromBlock", "toBlock"))
        found = sum(len(self.logs.get(n, ())) for n in range(start, end + 1))
        return self.refusal if end - start + 1 > self.max_blocks or found > self.max_logs else None

    def _result(self, method: str, parameters: Any) -> Any:
        match method:
            case "eth_chainId":
                return self.chain
            case "eth_blockNumber":
                return hex(self.head)
            case "eth_getBlockByNumber":
                number = int(parameters[0], 16)
                return {"number": parameters[0], "hash": self._hash(number)} if number <= self.head else None
            case _:
                start, end = (int(parameters[0][side], 16) for side in ("fromBlock", "toBlock"))
                return [
                    {"address": address, "blockNumber": hex(n), "blockHash": self._hash(n), "topics": [], "data": "0x"}
                    for n in range(start, end + 1)
                    for address in self.logs.get(n, ())
                ]

    def _hash(self, number: int) -> str:
        return block_hash(number, "b" if number >= self.forked_from else "a")
