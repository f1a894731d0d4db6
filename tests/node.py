"""A node of an EVM chain on this machine, with contracts and faults as a test wants them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

MULTICALL3 = "0xca11bde05977b3631167028862be2a173976ca11"
REVERTED = {"code": 3, "message": "execution reverted"}


def selector(signature: str) -> str:
    return "0x" + keccak(text=signature)[:4].hex()


AGGREGATE3 = selector("aggregate3((address,bool,bytes)[])")
FUNCTIONS = {selector(f"{name}()"): name for name in ("decimals", "symbol", "name")}


@dataclass
class FakeNode:
    """Contracts: address → function → returned bytes; a function that is not there reverts.

    `faults` are used up one for each request: an HTTP status, `cut`, `hang`, raw text to answer, or a function
    of the request that gives the answer. `poison` is a contract that spoils every common call it is in.
    """

    contracts: dict[str, dict[str, bytes]] = field(default_factory=dict)
    chain_id: int = 1
    block: int = 18_000_000
    timestamp: int = 1_693_066_895
    has_multicall: bool = True
    takes_batches: bool = True
    faults: list[Any] = field(default_factory=list)
    poison: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[Any] = field(default_factory=list)
    url: str = ""

    def answer(self, request: Any) -> Any:
        if isinstance(request, list):
            if not self.takes_batches:
                return {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "batches are not supported"}}
            return [self.answer(one) for one in reversed(request)]
        result, error = self._result(request["method"], request["params"])
        return {"jsonrpc": "2.0", "id": request["id"]} | ({"error": error} if error else {"result": result})

    def _result(self, method: str, params: list[Any]) -> tuple[Any, Any]:
        if method == "eth_chainId":
            return hex(self.chain_id), None
        if method == "eth_getBlockByNumber":
            return {"number": hex(self.block), "timestamp": hex(self.timestamp), "hash": "0x" + "ab" * 32}, None
        assert method == "eth_call"
        call, block = params
        assert block == hex(self.block)
        if call["to"] == MULTICALL3:
            return self._aggregate(call["data"]) if self.has_multicall else ("0x", None)
        returned = self._returned(call["to"], call["data"])
        return (None, REVERTED) if returned is None else ("0x" + returned.hex(), None)

    def _aggregate(self, data: str) -> tuple[Any, Any]:
        assert data.startswith(AGGREGATE3)
        [calls] = decode(["(address,bool,bytes)[]"], bytes.fromhex(data[10:]))
        if any(to == self.poison for to, _, _ in calls):
            return None, {"code": -32000, "message": "out of gas"}
        results = []
        for to, may_fail, inner in calls:
            returned = self._returned(to, "0x" + inner.hex())
            assert may_fail
            results.append((returned is not None, returned or b""))
        return "0x" + encode(["(bool,bytes)[]"], [results]).hex(), None

    def _returned(self, to: str, data: str) -> bytes | None:
        if to not in self.contracts:
            return b""  # no code there
        return self.contracts[to].get(FUNCTIONS[data])


def _handler(node: FakeNode) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            node.requests.append(request)
            fault = node.faults.pop(0) if node.faults else None
            if isinstance(fault, int):
                self._send(b"no", status=fault)
            elif fault == "cut":
                self._send(json.dumps(node.answer(request)).encode(), claimed=1 << 20)
            elif fault == "hang":
                time.sleep(1)
            elif callable(fault):
                self._send(json.dumps(fault(request)).encode())
            elif isinstance(fault, str):
                self._send(fault.encode())
            else:
                self._send(json.dumps(node.answer(request)).encode())

        def _send(self, body: bytes, status: int = 200, claimed: int | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(claimed or len(body)))
            for name, value in node.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


@contextmanager
def running(node: FakeNode) -> Iterator[FakeNode]:
    """The node, answering under its `url`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(node))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    node.url = f"http://127.0.0.1:{server.server_port}/v3/secret-key"
    try:
        yield node
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def token(decimals: int = 18, symbol: str = "TOK", name: str = "Token") -> dict[str, bytes]:
    """A contract as most are today."""
    return {
        "decimals": encode(["uint8"], [decimals]),
        "symbol": encode(["string"], [symbol]),
        "name": encode(["string"], [name]),
    }


def error(code: int, message: str) -> Callable[[Any], Any]:
    """A fault: the JSON-RPC error to every request."""

    def answer(request: Any) -> Any:
        return {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}

    return answer
