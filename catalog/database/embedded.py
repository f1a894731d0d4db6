"""The embedded server: a private PostgreSQL for one user, started when needed and stopped by whoever leaves last.

In the data directory (of this user, mode 0700):

    password               of the role `catalog`, mode 0600
    postgresql-18          the database cluster, one per major version
    postgresql-18.lock     held while one process looks, starts or stops (flock, exclusive)
    postgresql-18.users    held by every process that uses the server (flock, shared)
    postgresql-18.log      what the server said
    pg_hba.conf            who may come in: nobody without the password

The server listens on a socket only, in a short folder of its own (a socket's path may have about 100 bytes) that nobody
else can enter. A process killed with -9 leaves the server running; the next one uses it and stops it.

Root's server runs as an account without rights (see `programs`). If that account can't reach the data directory (a
home directory with mode 0700), everything but the password and the locks is kept below
`/var/lib/instrument-catalog/clusters`, and `server` in the data directory is a symbolic link to it.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from catalog.database.places import (
    PORT,
    SOCKET_NAME,
    forgotten_clusters,
    home_of,
    make_private,
    read_secret,
    socket_directory,
    sync,
    write_if_new,
)
from catalog.database.programs import Programs, find_programs, last_words
from catalog.errors import DatabaseUnavailable
from catalog.settings import data_directory as default_data_directory

ROLE = "catalog"
DATABASE = "catalog"

START_SECONDS = 300  # recovery after a crash can take long; a server that dies is noticed at once
STOP_SECONDS = 30
LOCK_SECONDS = 120
ORPHAN_SECONDS = 20
LOG_BYTES = 1 << 20

_SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    "huge_pages": "off",
    "jit": "off",
    # nothing replicates from here, so that loading a new table need not be logged twice
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "log_checkpoints": "off",
    "max_logical_replication_workers": "0",
}
# Commits are still handed to the system, so that a killed server loses nothing here either; only the machine may not fail.
_SETTINGS_THROW_AWAY = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}


class EmbeddedServer:
    """A private PostgreSQL server on a data directory, shared by all processes of this user that name it.

    `bin_directory` has the programs (default: the wheel's). `durable=False` is for throw-away databases in tests: a
    crash of the machine may lose them. Not for use by several threads at once: give each its own.
    """

    def __init__(self, data_directory: Path, bin_directory: Path | None = None, *, durable: bool = True) -> None:
        self.data_directory = Path(data_directory).absolute()
        self._bin_directory = bin_directory
        self._durable = durable
        self._use: _Use | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> str:
        """Join the running server, or start it; returns its URL. A second call returns the same URL.

        Makes the cluster and the database `catalog` the first time. Raises `DatabaseUnavailable`.
        """
        if self._use is None:
            with _plain_errors(self.data_directory):
                self._use = _Use.begin(self.data_directory, find_programs(self._bin_directory), self._durable)
        return self._use.url

    def stop(self) -> None:
        """Leave the server; it stops when nobody else uses it. Harmless when it was not started here."""
        use, self._use = self._use, None
        if use is not None and use.owner == os.getpid():  # a forked child must not stop what its parent uses
            with _plain_errors(self.data_directory):
                use.end()


_default: EmbeddedServer | None = None
_default_lock = threading.Lock()


def embedded_url() -> str:
    """URL of this user's own server, started if need be; this process leaves it when it ends.

    Raises `DatabaseUnavailable`.
    """
    global _default
    with _default_lock:
        if _default is None:
            _default = EmbeddedServer(default_data_directory())
            atexit.register(_default.stop)
        return _default.start()


@dataclass(frozen=True, slots=True)
class _Postmaster:
    """A running server as its own postmaster.pid describes it."""

    pid: int
    cluster: Path
    socket_directory: Path
    is_ready: bool

    @classmethod
    def read(cls, cluster: Path) -> Self | None:
        """The live server of this cluster; None when there is none, whatever a stale file says."""
        try:
            lines = (cluster / "postmaster.pid").read_text("utf-8", "surrogateescape").splitlines()
            pid = int(lines[0])
        except (FileNotFoundError, IndexError, ValueError):
            return None
        if pid <= 0 or not _is_server(pid, cluster):
            return None
        lines += [""] * 8
        return cls(pid, cluster, Path(lines[4].strip()), lines[7].strip() == "ready")

    def is_alive(self) -> bool:
        return _is_server(self.pid, self.cluster)

    def is_reachable(self) -> bool:
        """Whether it answers on its socket: not so when the socket was deleted, or the server is just being killed."""
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(str(self.socket_directory / SOCKET_NAME))
            except OSError:
                return False
        return self.is_ready

    def shut_down(self, child: subprocess.Popen[bytes] | None) -> None:
        """Stop it in order (sessions are ended, data is written); after `STOP_SECONDS` at once, as a crash would."""
        for order in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.kill(self.pid, order)
            if _wait_for(lambda: _has_ended(self, child), STOP_SECONDS):
                return
        raise DatabaseUnavailable(f"the embedded server (process {self.pid}) does not stop")


@dataclass(slots=True)
class _Use:
    """What one process holds while it uses a server: two locks and the facts needed to leave."""

    owner: int
    url: str
    cluster: Path
    lock_path: Path
    lock: int
    users: int
    postmaster: _Postmaster
    child: subprocess.Popen[bytes] | None

    @classmethod
    def begin(cls, directory: Path, programs: Programs, durable: bool) -> Self:
        make_private(directory, programs.account)
        name = f"postgresql-{programs.major}"
        lock_path = directory / f"{name}.lock"
        lock = _take(lock_path)
        users = None
        try:
            users = _open(directory / f"{name}.users")
            fcntl.flock(users, fcntl.LOCK_SH)  # whoever wants it alone holds the other lock as well
            home = home_of(directory, programs.account, name)
            server = _Server(programs, home, home / name, directory / "password", durable)
            postmaster, child = server.join() or server.launch()
            url = _url(postmaster.socket_directory, server.password)
        except BaseException:
            if users is not None:
                os.close(users)
            os.close(lock)
            raise
        fcntl.flock(lock, fcntl.LOCK_UN)
        return cls(os.getpid(), url, server.cluster, lock_path, lock, users, postmaster, child)

    def end(self) -> None:
        try:
            _flock_exclusively(self.lock)
            if _flock_now(self.users):
                self._stop_server()
            elif self.child is not None:
                # It serves others now and outlives us: nobody here will wait for it.
                self.child.returncode = 0
        finally:
            os.close(self.users)
            os.close(self.lock)

    def _stop_server(self) -> None:
        postmaster: _Postmaster | None = self.postmaster
        if _is_open_file(self.lock, self.lock_path):
            postmaster = _Postmaster.read(self.cluster)  # another process may have started it anew after a crash
        # else the data directory was removed, and perhaps made again: what runs there now is not ours to stop
        if postmaster is not None and postmaster.is_alive():
            postmaster.shut_down(self.child)
        if self.child is not None:
            self.child.wait(STOP_SECONDS)
        with suppress(OSError):
            self.postmaster.socket_directory.rmdir()


class _Server:
    """The cluster in its place, while the lock is held."""

    def __init__(self, programs: Programs, home: Path, cluster: Path, password_file: Path, durable: bool) -> None:
        self.programs, self.home, self.cluster, self.password_file = programs, home, cluster, password_file
        self.durable = durable
        self.password = read_secret(password_file)

    def join(self) -> tuple[_Postmaster, None] | None:
        """The server that runs already, once it is ready; None when it must be started."""
        postmaster = _Postmaster.read(self.cluster)
        if postmaster is not None and not postmaster.is_ready:  # starting, or on its way out
            _wait_for(lambda: (now := _Postmaster.read(self.cluster)) is None or now.is_ready, START_SECONDS)
            postmaster = _Postmaster.read(self.cluster)
        if postmaster is None:
            return None
        if postmaster.is_reachable() and self.password:
            return postmaster, None
        # Its socket or its password was deleted, so that nobody can reach it any more; or it is about to end.
        postmaster.shut_down(None)
        return None

    def launch(self) -> tuple[_Postmaster, subprocess.Popen[bytes]]:
        """Start the server, with the cluster made or mended first."""
        for leftover in self.home.glob(".initdb-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)
        write_if_new(self.home / "pg_hba.conf", f"local all {ROLE} scram-sha-256\n")
        if not self.cluster.exists():
            self._create()
        elif not self.password:
            self._settle(self.cluster, [_set_password(password := secrets.token_hex(24))])
            self._keep(password)
        sockets = socket_directory(self.cluster, self.password, self.programs.account)
        for stale in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):
            (sockets / stale).unlink(missing_ok=True)
        # After a kill -9 of the server its sessions go on with what they do, and no other may start until they are gone.
        patience = time.monotonic() + ORPHAN_SECONDS
        while True:
            try:
                return self._start(sockets)
            except DatabaseUnavailable as error:
                if "shared memory block" not in str(error) or time.monotonic() > patience:
                    raise
            _end_orphans(self.cluster)
            time.sleep(0.05)

    def _start(self, sockets: Path) -> tuple[_Postmaster, subprocess.Popen[bytes]]:
        log_path = self.cluster.with_name(f"{self.cluster.name}.log")
        log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(log).st_size > LOG_BYTES:
                os.ftruncate(log, 0)
            begin = os.fstat(log).st_size
            settings = self._settings() | {"unix_socket_directories": '"' + str(sockets).replace('"', '""') + '"'}
            options = _options(settings)
            child = self.programs.popen(
                "postgres", "-D", self.cluster, *options, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        finally:
            os.close(log)
        try:
            started = _wait_for(lambda: child.poll() is not None or self._is_ready(child.pid), START_SECONDS)
            postmaster = _Postmaster.read(self.cluster) if child.returncode is None else None
        except BaseException:
            child.send_signal(signal.SIGINT)
            child.wait()
            raise
        if started and postmaster is not None:
            return postmaster, child
        child.kill()
        child.wait()
        said = log_path.read_text("utf-8", "replace")[begin:]
        reason = last_words(said) if started else f"not ready after {START_SECONDS} seconds"
        raise DatabaseUnavailable(f"the embedded server does not start: {reason}", f"its log is `{log_path}`")

    def _is_ready(self, pid: int) -> bool:
        postmaster = _Postmaster.read(self.cluster)
        return postmaster is not None and postmaster.pid == pid and postmaster.is_ready

    def _settings(self) -> dict[str, str]:
        settings = _SETTINGS | {"hba_file": str(self.home / "pg_hba.conf")}
        return settings if self.durable else settings | _SETTINGS_THROW_AWAY

    def _create(self) -> None:
        """Make the cluster beside its place, complete with role and database, then rename it: all or nothing."""
        for forgotten in forgotten_clusters(self.cluster):
            if postmaster := _Postmaster.read(forgotten):
                postmaster.shut_down(None)
        scratch = Path(tempfile.mkdtemp(prefix=".initdb-", dir=self.home))
        try:
            if account := self.programs.account:
                os.chown(scratch, account.uid, account.gid)
            options = ["--username", ROLE, "--encoding", "UTF8", "--locale", "C", "--auth", "trust"]
            self.programs.run("initdb", "-D", scratch, *options, *([] if self.durable else ["--no-sync"]))
            password = self.password or secrets.token_hex(24)
            self._settle(scratch, [_set_password(password), f"CREATE DATABASE {DATABASE}"])
            self._keep(password)
            scratch.rename(self.cluster)
            sync(self.home)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise

    def _settle(self, cluster: Path, statements: list[str]) -> None:
        """Run statements in single-user mode: without a server, and so without letting anybody in."""
        settings = self._settings() | {"exit_on_error": "on"}
        if self.programs.major >= 16:
            # Iterations slow down the guessing of weak passwords. Ours has 192 random bits, and each connection pays.
            settings["scram_iterations"] = "1"
        script = "".join(f"{statement}\n" for statement in statements)
        self.programs.run("postgres", "--single", "-D", cluster, *_options(settings), "postgres", script=script)

    def _keep(self, password: str) -> None:
        if password == self.password:
            return
        handle, name = tempfile.mkstemp(prefix=".password-", dir=self.password_file.parent)  # mode 0600
        try:
            with os.fdopen(handle, "w") as file:
                file.write(password)
                file.flush()
                os.fsync(file.fileno())
            Path(name).rename(self.password_file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        sync(self.password_file.parent)
        self.password = password


def _set_password(password: str) -> str:
    return f"ALTER ROLE {ROLE} PASSWORD '{password}'"


def _options(settings: dict[str, str]) -> Iterator[str]:
    for name, value in settings.items():
        yield from ("-c", f"{name}={value}")


def _url(sockets: Path, password: str) -> str:
    return f"postgresql://{ROLE}:{password}@/{DATABASE}?host={quote(os.fsencode(sockets), safe='/')}&port={PORT}"


# Locks


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _take(path: Path) -> int:
    """Open and lock a lock file, the one that is in its place at that moment."""
    while True:
        lock = _open(path)
        try:
            _flock_exclusively(lock)
        except BaseException:
            os.close(lock)
            raise
        if _is_open_file(lock, path):
            return lock
        os.close(lock)  # the data directory was removed while we waited


def _flock_exclusively(lock: int) -> None:
    if not _wait_for(lambda: _flock_now(lock), LOCK_SECONDS):
        raise DatabaseUnavailable(
            f"another process has been starting or stopping the embedded server for {LOCK_SECONDS} seconds"
        )


def _flock_now(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_open_file(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


# Processes


def _is_server(pid: int, cluster: Path) -> bool:
    """Whether `pid` is a live server of this cluster, and not a zombie or another program with a reused number."""
    process = Path("/proc") / str(pid)
    try:
        if not Path("/proc/self/stat").exists():  # not Linux: the number alone must do
            os.kill(pid, 0)
            return True
        state = (process / "stat").read_bytes().rpartition(b")")[2].split()[0]
        arguments = (process / "cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False
    return state not in (b"Z", b"X") and os.fsencode(cluster) in arguments


def _end_orphans(cluster: Path) -> None:
    """Tell the sessions of a server that was killed to end: those processes whose working directory is the cluster."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended, or is not ours to look at
            if (process / "cwd").readlink() == cluster and _name_of(process) == "postgres":
                os.kill(int(process.name), signal.SIGTERM)


def _name_of(process: Path) -> str:
    return (process / "comm").read_text().strip()


def _has_ended(postmaster: _Postmaster, child: subprocess.Popen[bytes] | None) -> bool:
    if child is not None and child.pid == postmaster.pid:
        return child.poll() is not None  # we are its parent, who must also take note of its end
    return not postmaster.is_alive()


def _wait_for(happened: Callable[[], bool], seconds: float) -> bool:
    """Ask until the answer is yes; False after so many seconds."""
    deadline = time.monotonic() + seconds
    pause = 0.001
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.005)
    return True


@contextmanager
def _plain_errors(directory: Path) -> Iterator[None]:
    try:
        yield
    except DatabaseUnavailable:
        raise  # it is an OSError as well
    except (OSError, subprocess.SubprocessError) as error:
        where = getattr(error, "filename", None) or directory
        what = getattr(error, "strerror", None) or str(error)
        raise DatabaseUnavailable(
            f"the embedded server can't use `{os.fsdecode(where)}`: {what}",
            "set XDG_DATA_HOME to a folder of your own, or name a server: --database-url or CATALOG_DATABASE_URL",
        ) from error
