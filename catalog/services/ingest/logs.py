"""Polling the logs of an EVM chain by JSON-RPC: range by range, behind the head, with an eye on re-orgs."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import Any, TypeVar

from blake3 import blake3

from catalog.errors import quote
from catalog.repositories import ingest as rows
from catalog.repositories.driver import Cursor
from catalog.repositories.ingest import Block
from catalog.services.ingest.configuration import LogSource
from catalog.services.ingest.intake import Delivery
from catalog.services.ingest.surroundings import Surroundings
from catalog.services.ingest.transport import PassingError, Request, SourceError, TooLarge

#: An answer is looked into as a whole, which takes memory; a larger one is a range too large.
MAX_ANSWER_BYTES = 32 << 20
#: After so many ranges without a complaint a smaller one is doubled again.
GROW_AFTER = 8
#: What nodes say of a range that they will not search, each in its own words.
_RANGE = re.compile(
    r"^limit exceeded|\brange\b|more than \d+ (results|logs)|max(imum)? results|response (size|is too)|too (many|large) "
    r"(blocks|logs|results|response)|query time(d )?out|logs matched",
    re.IGNORECASE,
)
#: JSON-RPC codes of a request that is wrong however often it is sent.
_WRONG = frozenset({-32700, -32600, -32601, -32602})
T = TypeVar("T")
_HASH = re.compile(r"0x[0-9a-f]{64}")
_QUANTITY = re.compile(r"0x[0-9a-f]{1,15}")


class LogPoller:
    """One chain's logs, from one node."""

    def __init__(self, source: LogSource, at: Surroundings, number: int) -> None:
        self.source, self._at = source, at
        self._headers = source.plain_headers() | {"Content-Type": "application/json"}
        self._file = at.file(source.name, number)
        asked = source.model_dump(mode="json", include={"blockchain", "addresses", "topics", "from_block"})
        self._request = blake3(json.dumps(asked, sort_keys=True).encode()).digest()
        self._ids = count(1)
        self._is_chain_known = False
        self._received_at = datetime.now(UTC)
        self._span = source.max_range
        self._calm = 0

    async def poll(self) -> bool:
        """Read and import all that is confirmed by now; whether nothing was rejected or disputed.

        Raises SourceError, PayloadError, DatabaseUnavailable.
        """
        try:
            await self._require_chain()
            return await self._read(await self._start())
        finally:
            self._file.unlink(missing_ok=True)

    async def _require_chain(self) -> None:
        """Another chain's logs would become records of this one. Raises SourceError."""
        if not self._is_chain_known:
            found = f"eip155:{_number(await self._call('eth_chainId'))}"
            if found != self.source.blockchain:
                raise SourceError(f"the node is one of {quote(found)}, not of `{self.source.blockchain}`")
            self._is_chain_known = True

    async def _start(self) -> int:
        """The first block to read: behind the last one, or before it when the chain is another by now."""
        last = await self._persist(
            lambda: self._at.intake.ask(lambda c: rows.block(c, self.source.name, self._request))
        )
        if last is None:
            return self.source.from_block
        found = await self._persist(lambda: self._hash(last.number))
        if found == last.hash:
            return last.number + 1
        start = max(self.source.from_block, last.number + 1 - self.source.reorg_depth)
        self._tell("reorg", block=last.number, was=last.hash, now=found, read_again_from=start)
        return start

    async def _read(self, start: int) -> bool:
        is_clean = True
        safe = _number(await self._call("eth_blockNumber")) - self.source.confirmations
        while start <= safe:
            end = min(start + self._span - 1, safe)
            # The hash comes before the logs: if the chain changes in between, the next poll sees it.
            last = Block(end, await self._persist(partial(self._hash, end)))
            try:
                logs = await self._call("eth_getLogs", self._filter(start, end))
            except TooLarge as error:
                if start == end:
                    raise SourceError(f"block {start} alone is too much for the node: {error}") from None
                self._span, self._calm = (end - start + 1) // 2, 0
                self._tell("halved", blocks=self._span, reason=str(error))
                continue
            is_clean &= await self._take(start, last, logs)
            start = end + 1
            self._grow()
        return is_clean

    async def _take(self, start: int, last: Block, logs: Any) -> bool:
        if not isinstance(logs, list):
            raise SourceError(f"the node's logs are no array: {quote(json.dumps(logs))}")

        def move(cursor: Cursor, run_id: int | None) -> None:
            rows.move_block(cursor, self.source.name, self._request, last, run_id)

        if not logs:
            await self._persist(lambda: self._at.intake.note(move))
            self._tell("read", from_block=start, to_block=last.number, logs=0)
            return True
        document = {"blockchain": self.source.blockchain, "fromBlock": hex(start), "toBlock": hex(last.number)}
        self._file.write_text(json.dumps(document | {"result": logs}), "utf-8")
        name = self.source.name
        delivery = Delivery(name, self.source.source, name, self._file, self._received_at, is_part=True)
        self._tell("read", from_block=start, to_block=last.number, logs=len(logs))
        return (await self._persist(lambda: self._at.intake.take(delivery, move))).is_clean

    def _grow(self) -> None:
        self._calm += 1
        if self._calm == GROW_AFTER:
            self._span, self._calm = min(self._span * 2, self.source.max_range), 0

    def _filter(self, start: int, end: int) -> dict[str, Any]:
        asked: dict[str, Any] = {"fromBlock": hex(start), "toBlock": hex(end)}
        if self.source.addresses:
            asked["address"] = list(self.source.addresses)
        if self.source.topics:
            asked["topics"] = [list(position) or None for position in self.source.topics]
        return asked

    async def _hash(self, number: int) -> str:
        """The hash of a block on the node's chain. Raises PassingError when it has none yet."""
        block = await self._once("eth_getBlockByNumber", hex(number), False)
        found = block.get("hash") if isinstance(block, dict) else None
        if not isinstance(found, str) or not _HASH.fullmatch(found):
            raise PassingError(f"the node has no block {number}: it is behind what was read already")
        return found

    async def _call(self, method: str, *parameters: Any) -> Any:
        return await self._persist(lambda: self._once(method, *parameters))

    async def _once(self, method: str, *parameters: Any) -> Any:
        """The result of one call. Raises SourceError."""
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": parameters}
        request = Request(self.source.target, self._headers, json.dumps(body).encode())
        answer = await self._at.transport.ask(request, self._file, min(self._at.max_bytes, MAX_ANSWER_BYTES))
        self._received_at = answer.received_at
        try:
            reply = json.loads(self._file.read_bytes())
        except (ValueError, RecursionError) as error:
            raise PassingError(f"the node's answer to {method} is no JSON: {error}") from None
        if isinstance(reply, dict) and isinstance(reply.get("error"), dict):
            raise _refusal(method, reply["error"])
        if not isinstance(reply, dict) or "result" not in reply:
            raise PassingError(f"the node's answer to {method} has neither a result nor an error")
        return reply["result"]

    async def _persist(self, step: Callable[[], Awaitable[T]]) -> T:
        return await self._at.persist(self.source.name, step)

    def _tell(self, event: str, **facts: Any) -> None:
        self._at.tell(self.source.name, event, facts)


def _refusal(method: str, error: dict[str, Any]) -> SourceError:
    """A JSON-RPC error as what it means for the one who asks."""
    code, said = error.get("code"), str(error.get("message", ""))
    message = f"the node refuses {method}: {quote(said)} ({code})"
    if method == "eth_getLogs" and _RANGE.search(said):
        return TooLarge(message)
    return SourceError(message) if code in _WRONG else PassingError(message)


def _number(value: Any) -> int:
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise SourceError(f"the node's answer is no number: {quote(json.dumps(value))}")
    return int(value, 16)
