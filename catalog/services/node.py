"""A node of an EVM chain, asked by JSON-RPC over HTTP: patiently, within limits, and believed only as far as it makes sense."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential

from catalog.errors import CatalogError, quote

#: The largest answer that is read, in bytes.
MAX_ANSWER = 16 << 20
#: The longest that one answer may take to arrive, in seconds, however steadily it drips.
MAX_SECONDS = 60.0
#: The longest wait that a node may ask for, in seconds.
MAX_RETRY_AFTER = 60.0
_PASSING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 522, 524})
#: Errors in an answer behind which the same question may fare better: limits, and blocks that this node has not seen.
_PASSING_CODES = frozenset({-32005, -32016, -32029, 429})
_PASSING_WORDS = re.compile(
    r"rate limit|too many requests|(?<!gas )limit exceeded|capacity|try again|header not found|unknown block|block not found"
    r"|missing trie node|busy|overloaded",
    re.IGNORECASE,
)
#: What a contract can do with a call: it failed, which is an answer.
_FAILED_WORDS = re.compile(
    r"revert|invalid opcode|invalid jump|out of gas|gas required|stack |bad instruction|execution|vm exception"
    r"|code size|return data|write protection|abort",
    re.IGNORECASE,
)
_QUANTITY = re.compile(r"0x[0-9a-f]{1,16}", re.ASCII | re.IGNORECASE)


class NodeError(CatalogError, ConnectionError):
    """A node that does not answer, or not with what was asked. The message names its host and never the whole URL."""

    code = "node_unavailable"


class Again(NodeError):
    """The same question may be answered later; `retry_after` is the wait that the node asked for, in seconds."""

    def __init__(self, message: str, hint: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after


class CallFailed(CatalogError):
    """A call that the contract, or the node on its behalf, did not carry out."""

    code = "call_failed"


@dataclass
class Node:
    """One node. A context manager.

    `attempts` is how often a question is asked before it is given up, with growing, random waits of at most `max_wait`
    seconds between; `timeout` is in seconds, to connect and for each read.
    """

    url: str
    timeout: float = 10.0
    attempts: int = 5
    max_wait: float = 30.0
    sleep: Callable[[float], None] = time.sleep
    _client: httpx.Client = field(init=False, repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise NodeError("that is no URL of a node", "write `https://…`")
        self._host = parts.hostname
        self._ids = count(1)
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        self._client = httpx.Client(timeout=self.timeout, headers=headers, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def call(self, method: str, params: Sequence[Any]) -> Any:
        """The result of one call. Raises CallFailed for a contract that fails, NodeError for a node that does."""
        return self._patiently(self._call, method, params)

    def call_many(self, method: str, many: Sequence[Sequence[Any]]) -> list[Any]:
        """The results of calls in one batch; CallFailed in the place of one that failed. Raises NodeError.

        A node that takes no batches is asked one by one.
        """
        results: list[Any] | None = self._patiently(self._call_many, method, many)
        if results is not None:
            return results
        return [self._result_or_failure(method, params) for params in many]

    def quantity(self, value: Any) -> int:
        """The number that a node writes as `0x…`. Raises NodeError."""
        if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
            raise NodeError(f"the node {self._host} answers {quote(value)} where a number is expected")
        return int(value, 16)

    def _result_or_failure(self, method: str, params: Sequence[Any]) -> Any:
        try:
            return self.call(method, params)
        except CallFailed as failure:
            return failure

    def _patiently(self, ask: Callable[..., Any], *question: Any) -> Any:
        growing = wait_random_exponential(multiplier=0.5, max=self.max_wait)

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.retry_after if isinstance(error, Again) else None
            return min(asked, MAX_RETRY_AFTER) if asked is not None else growing(state)

        retrying = Retrying(
            stop=stop_after_attempt(self.attempts),
            wait=wait,
            retry=retry_if_exception_type(Again),
            sleep=self.sleep,
            reraise=True,
        )
        return retrying(ask, *question)

    def _call(self, method: str, params: Sequence[Any]) -> Any:
        request = self._request(method, params)
        answer = self._post(request)
        if not isinstance(answer, dict):
            raise Again(f"the node {self._host} answers {quote(answer)} where an object is expected")
        if answer.get("id") not in (None, request["id"]):
            raise Again(f"the node {self._host} answers another question")
        return self._result(answer)

    def _call_many(self, method: str, many: Sequence[Sequence[Any]]) -> list[Any] | None:
        requests = [self._request(method, params) for params in many]
        answers = self._post(requests)
        if isinstance(answers, dict):
            if _is_passing(answers.get("error")):
                self._result(answers)
            return None
        by_id = {a["id"]: a for a in answers if _has_id(a)} if isinstance(answers, list) else {}
        results: list[Any] = []
        for request in requests:
            if request["id"] not in by_id:
                raise Again(f"the node {self._host} left calls of a batch unanswered")
            try:
                results.append(self._result(by_id[request["id"]]))
            except CallFailed as failure:
                results.append(failure)
        return results

    def _request(self, method: str, params: Sequence[Any]) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}

    def _result(self, answer: dict[str, Any]) -> Any:
        error = answer.get("error")
        if error is None and "result" in answer:
            return answer["result"]
        code, message = _told(error)
        if _is_passing(error):
            raise Again(f"the node {self._host} refuses for now: {quote(message)}")
        if code == 3 or _FAILED_WORDS.search(message):
            raise CallFailed(f"the call failed: {quote(message)}")
        raise NodeError(f"the node {self._host} answers with an error: {quote(message)} ({quote(code)})")

    def _post(self, body: Any) -> Any:
        """The JSON that comes back. Raises Again for what may pass, NodeError for what will not."""
        try:
            with self._client.stream("POST", self.url, content=json.dumps(body)) as response:
                self._judge(response)
                return json.loads(self._read(response))
        except httpx.TimeoutException:
            raise Again(f"the node {self._host} does not answer in time") from None
        except httpx.TransportError as error:
            raise Again(
                f"the node {self._host} cannot be reached: {quote(str(error) or type(error).__name__)}"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NodeError(f"the node {self._host} cannot be asked: {type(error).__name__}") from None
        except (ValueError, RecursionError):
            raise Again(f"the node {self._host} answers with what is no JSON") from None

    def _judge(self, response: httpx.Response) -> None:
        status = response.status_code
        if status == 413:
            raise CallFailed("the question is too large for the node")
        if status in _PASSING_STATUSES:
            raise Again(f"the node {self._host} answers with HTTP {status}", retry_after=_retry_after(response))
        if not 200 <= status < 300 and "json" not in response.headers.get("Content-Type", ""):
            hint = "use the address that it redirects to" if 300 <= status < 400 else "check the URL and its key"
            raise NodeError(f"the node {self._host} answers with HTTP {status}", hint)

    def _read(self, response: httpx.Response) -> bytes:
        body = bytearray()
        deadline = time.monotonic() + MAX_SECONDS
        for piece in response.iter_bytes():
            body += piece
            if len(body) > MAX_ANSWER:
                raise CallFailed(f"the answer is longer than {MAX_ANSWER >> 20} MiB")
            if time.monotonic() > deadline:
                raise Again(f"the node {self._host} takes longer than {MAX_SECONDS:g} seconds for its answer")
        return bytes(body)


def _has_id(answer: Any) -> bool:
    return isinstance(answer, dict) and isinstance(answer.get("id"), int)


def _told(error: Any) -> tuple[Any, str]:
    """Code and message of a JSON-RPC error, whatever it is."""
    if not isinstance(error, dict):
        return None, "no result" if error is None else str(error)
    return error.get("code"), str(error.get("message", ""))


def _is_passing(error: Any) -> bool:
    code, message = _told(error)
    return error is not None and (code in _PASSING_CODES or bool(_PASSING_WORDS.search(message)))


def _retry_after(response: httpx.Response) -> float | None:
    """The seconds that the node asks to wait, if it says them as a number."""
    value = response.headers.get("Retry-After", "")
    return float(value) if re.fullmatch(r"[0-9]{1,6}", value, re.ASCII) else None
