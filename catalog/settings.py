"""What the surroundings decide: which database, and where this user's files are.

Everything here is cheap to import, because the command line asks before it knows what else it needs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_plus

APPLICATION = "instrument-catalog"
DATABASE_URL_VARIABLE = "CATALOG_DATABASE_URL"
MASK = "***"


@dataclass(frozen=True, slots=True)
class Settings:
    """The answers for one run. A `database_url` of None means the embedded server in `data_directory`."""

    database_url: str | None
    data_directory: Path

    def __repr__(self) -> str:
        shown = None if self.database_url is None else mask_url(self.database_url)
        return f"Settings(database_url={shown!r}, data_directory={str(self.data_directory)!r})"


def resolve(database_url: str | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Settings of this run: an explicit URL first, then `CATALOG_DATABASE_URL`, then the embedded server.

    An empty string counts as not given, in both places.
    """
    environ = os.environ if environ is None else environ
    url = database_url or environ.get(DATABASE_URL_VARIABLE) or None
    return Settings(database_url=url, data_directory=data_directory(environ))


def data_directory(environ: Mapping[str, str] | None = None) -> Path:
    """This user's folder for the embedded database: `$XDG_DATA_HOME/instrument-catalog`, else the platform's place.

    As the XDG Base Directory Specification says, a relative `XDG_DATA_HOME` is ignored. Nothing is created.
    """
    environ = os.environ if environ is None else environ
    base = environ.get("XDG_DATA_HOME", "")
    if Path(base).is_absolute():
        return Path(base) / APPLICATION
    import platformdirs

    return platformdirs.user_data_path(APPLICATION, appauthor=False)


_USER_INFO = re.compile(r"(://[^:@/?#]*):.*@")
_QUERY_PAIR = re.compile(r"(?<=[?&])([^=&#]+)=([^&#]*)")
_KEYWORD = re.compile(r"(\b\w*password\s*=\s*)('(?:[^'\\]|\\.)*'?|[^\s&]+)", re.IGNORECASE)


def mask_url(url: str) -> str:
    """`url` fit to be shown: every password in it is replaced by `***`.

    Knows the three places where libpq takes one: `user:password@`, a query parameter (`?password=`, `?sslpassword=`),
    and a keyword string (`host=db password='…'`). In doubt it hides too much rather than too little.
    """
    shown = _USER_INFO.sub(rf"\1:{MASK}@", url)
    shown = _QUERY_PAIR.sub(_mask_pair, shown)
    return _KEYWORD.sub(rf"\g<1>{MASK}", shown)


def _mask_pair(pair: re.Match[str]) -> str:
    # libpq decodes the names of parameters too, so `pass%77ord` is one
    return f"{pair[1]}={MASK}" if "password" in unquote_plus(pair[1]).lower() else pair[0]
