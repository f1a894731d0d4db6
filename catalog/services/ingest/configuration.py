"""What is followed and how, from a TOML file. Every error names the key; no error and no repr shows a secret."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SecretStr,
    Tag,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from catalog.domain.text import key
from catalog.domain.vocabulary import BLOCKCHAINS
from catalog.errors import InvalidConfiguration, PayloadError, quote
from catalog.importers.registry import named

MAX_REGISTRATIONS_PER_SECOND = 10_000
#: A segment of a URL's path that is as long may be a key.
_KEY_LENGTH = 16
#: Shorter secrets are no secrets, and replacing them would spoil what is said.
_MIN_SECRET = 6
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"([0-9]{1,6})([smhd])")
_ADDRESS, _TOPIC = re.compile(r"0x[0-9a-fA-F]{40}"), re.compile(r"0x[0-9a-fA-F]{64}")


def _duration(value: Any) -> float:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None or found[1].strip("0") == "":
        raise ValueError("is not a duration above zero, such as `30s`, `15m`, `6h` or `1d`")
    return int(found[1]) * _UNITS[found[2]]


def _resolved(value: Any, info: ValidationInfo) -> Any:
    """Text, or what the environment has for `{env = "NAME"}`."""
    if not isinstance(value, dict):
        return value
    if list(value) != ["env"] or not isinstance(value["env"], str):
        raise ValueError('is neither text nor {env = "NAME"}')
    environ: Mapping[str, str] = (info.context or {}).get("environ", {})
    if not environ.get(value["env"]):
        raise ValueError(f"names the environment variable {quote(value['env'])}, which is not set")
    return environ[value["env"]]


def _header(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().isascii() or not value.get_secret_value().isprintable():
        raise ValueError("is no value of a header: printable ASCII is expected")
    return value


def _url(value: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(value.get_secret_value())
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port)
    except ValueError:
        good = False
    if not good:
        raise ValueError("is no URL that begins with https:// or http://")
    return value


def _source(value: str) -> str:
    if value != "auto":
        try:
            named(value)
        except PayloadError as error:
            raise ValueError(f"cannot be {quote(value)}: {error}; {error.hint}") from None
    return value


def _blockchain(value: str) -> str:
    known = BLOCKCHAINS.get(value)
    if known is None or known.address_format != "evm":
        raise ValueError(f"is {quote(value)}, which is no EVM chain of the catalog; `eip155:1` is Ethereum")
    return value


def _hex(form: re.Pattern[str], what: str) -> Any:
    def check(value: str) -> str:
        if not form.fullmatch(value):
            raise ValueError(f"is {quote(value)}, which is not {what}")
        return value.lower()

    return AfterValidator(check)


Duration = Annotated[float, BeforeValidator(_duration)]
Secret = Annotated[SecretStr, BeforeValidator(_resolved)]
Url = Annotated[Secret, AfterValidator(_url)]
Header = Annotated[Secret, AfterValidator(_header)]
Headers = dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")], Header]
Source = Annotated[str, AfterValidator(_source)]
Name = Annotated[str, AfterValidator(key)]
Positive = Annotated[int, Field(ge=1)]
Address = Annotated[str, _hex(_ADDRESS, "an address: 0x and 40 hex digits")]
Topic = Annotated[str, _hex(_TOPIC, "a topic: 0x and 64 hex digits")]


class Section(BaseModel):
    """A table of the file: unknown keys are refused, and no type is bent into another."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class Limits(Section):
    """`[ingest]`: durations in seconds, sizes in MiB. The two limits per host can be set for one in `[host."NAME"]`."""

    registrations_per_second: Annotated[int, Field(ge=1, le=MAX_REGISTRATIONS_PER_SECOND)] = 1000
    connect_timeout: Duration = 10.0
    read_timeout: Duration = 30.0
    total_timeout: Duration = 600.0
    max_backoff: Duration = 300.0
    max_body_mib: Annotated[int, Field(ge=1, le=16_384)] = 512
    requests_per_second: Positive = 5
    connections: Positive = 2


class HostLimits(Section):
    """`[host."NAME"]`: what this host allows."""

    requests_per_second: Positive | None = None
    connections: Positive | None = None


class Pages(Section):
    """`pages`: the answer comes in pages; `pointer` (`from` in the file) leads to what names the next one."""

    parameter: Annotated[str, Field(min_length=1)]
    pointer: Annotated[str, Field(alias="from", pattern=r"^(/[^/]*)+$")]


class Followed(Section):
    """What every `[[source]]` has."""

    name: Name
    every: Duration
    headers: Headers = {}

    def plain_headers(self) -> dict[str, str]:
        """The headers, secrets and all."""
        return {name: value.get_secret_value() for name, value in self.headers.items()}


class HttpSource(Followed):
    """`[[source]]` with `url`: an answer that is fetched, and imported when it is another than the last time."""

    source: Source
    url: Url
    feed: Name | None = None
    pages: Pages | None = None
    accept_shrink: bool = False
    suspend_missing: bool = False

    @property
    def target(self) -> str:
        """The URL, secrets and all."""
        return self.url.get_secret_value()

    @model_validator(mode="after")
    def _pages_are_no_listings(self) -> Self:
        if self.pages is not None and self.suspend_missing:
            raise ValueError("has `pages` and `suspend_missing`; of a page nobody can tell what vanished")
        return self


class LogSource(Followed):
    """`[[source]]` with `rpc`: logs of a chain, asked for by ranges of blocks up to `confirmations` behind the head.

    An empty list of `topics` in one position lets every topic pass there.
    """

    source: Annotated[Literal["evm-logs"], AfterValidator(_source)]
    rpc: Url
    blockchain: Annotated[str, AfterValidator(_blockchain)]
    from_block: Annotated[int, Field(ge=0)]
    addresses: tuple[Address, ...] = ()
    topics: tuple[tuple[Topic, ...], ...] = ()
    max_range: Annotated[int, Field(ge=1, le=1_000_000)] = 2000
    confirmations: Annotated[int, Field(ge=0)] = 12
    reorg_depth: Positive = 64

    @property
    def target(self) -> str:
        """The URL, secrets and all."""
        return self.rpc.get_secret_value()


def _kind(value: Any) -> str:
    return "rpc" if isinstance(value, dict) and "rpc" in value else "url"


AnySource = Annotated[Annotated[HttpSource, Tag("url")] | Annotated[LogSource, Tag("rpc")], Discriminator(_kind)]


class Configuration(Section):
    """The whole file."""

    ingest: Limits = Limits()
    host: dict[Annotated[str, Field(pattern=r"^[a-z0-9.:-]+$")], HostLimits] = {}
    source: Annotated[tuple[AnySource, ...], Field(min_length=1)]

    def secrets(self) -> list[str]:
        """Whatever must not be shown: URLs, what in them may be a key, and the values of headers. The longest first."""
        found: set[str] = set()
        for source in self.source:
            parts = urlsplit(source.target)
            found |= {source.target, parts.password or "", *(value for _, value in parse_qsl(parts.query))}
            found |= {segment for segment in parts.path.split("/") if len(segment) >= _KEY_LENGTH}
            found |= set(source.plain_headers().values())
        return sorted((secret for secret in found if len(secret) >= _MIN_SECRET), key=len, reverse=True)


def load(path: Path, environ: Mapping[str, str] | None = None) -> Configuration:
    """Read a configuration file. Raises InvalidConfiguration."""
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InvalidConfiguration(path, "", f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InvalidConfiguration(path, "", f"is not UTF-8 at byte {error.start}") from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidConfiguration(path, "", f"is not TOML: {str(error)[:1].lower()}{str(error)[1:]}") from None
    context = {"environ": os.environ if environ is None else environ}
    try:
        configuration = Configuration.model_validate(_lists_as_tuples(data), context=context)
    except ValidationError as error:
        place, reason = _first(error)
        raise InvalidConfiguration(path, place, reason) from None
    seen: set[str] = set()
    for number, source in enumerate(configuration.source):
        if source.name in seen:
            raise InvalidConfiguration(path, f"source[{number}].name", f"is {quote(source.name)}, as another one's is")
        seen.add(source.name)
    return configuration


def _lists_as_tuples(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_lists_as_tuples(element) for element in value)
    return {k: _lists_as_tuples(v) for k, v in value.items()} if isinstance(value, dict) else value


def _first(error: ValidationError) -> tuple[str, str]:
    """The path of the first wrong key, and what is wrong with it in our words where we have some."""
    found = error.errors(include_url=False, include_input=False)[0]
    path = ""
    for n, part in enumerate(found["loc"]):
        if isinstance(part, int):
            path += f"[{part}]"
        elif not (n == 2 and found["loc"][0] == "source"):  # not a key, but which kind of source it was taken for
            path += f".{part}" if path else part
    return path, _reason(found["type"], found["msg"], found.get("ctx", {}))


def _reason(kind: str, message: str, context: Mapping[str, Any]) -> str:
    match kind:
        case "value_error":
            return str(context["error"])
        case "extra_forbidden":
            return "is not a key that is known here"
        case "missing":
            return "is missing"
        case "less_than_equal":
            return f"is too large: at most {context['le']} is allowed"
        case "greater_than_equal":
            return f"is too small: at least {context['ge']} is expected"
        case _:
            return f"is wrong: {message[:1].lower()}{message[1:]}"
