"""The folders of the embedded server: which they are, and that nobody else can get at them."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from catalog.database import programs
from catalog.database.programs import Account
from catalog.errors import DatabaseUnavailable

PORT = 5432  # only a part of the socket's name: nothing listens on a network
SOCKET_NAME = f".s.PGSQL.{PORT}"
SOCKET_PATH_BYTES = 103  # the least of the systems we know (macOS: 104 with the closing NUL)


def make_private(directory: Path, account: Account | None) -> None:
    """Make the data directory, or see that it is ours and that nobody else may write there."""
    mode = 0o711 if account else 0o700  # root's server account must get through, but not look around
    directory.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        directory.mkdir(mode)
        directory.chmod(mode)
    status = directory.stat()
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(20, "Not a directory", str(directory))
    if status.st_uid != os.geteuid():
        raise DatabaseUnavailable(
            f"`{directory}` belongs to another user, whose server this is",
            "set XDG_DATA_HOME to a folder of your own, or name a server: --database-url or CATALOG_DATABASE_URL",
        )
    if status.st_mode & stat.S_ISVTX:
        raise DatabaseUnavailable(f"`{directory}` is a folder that everyone shares", "name a folder inside it")
    if status.st_mode & 0o022:
        directory.chmod(mode)


def home_of(directory: Path, account: Account | None, name: str) -> Path:
    """Where the server's files are: the data directory, or for root a place that the server's account can reach."""
    link = directory / "server"
    if account is None:
        return directory
    if link.is_symlink():
        return link.readlink()
    if account.reaches(directory):
        return directory
    if (directory / name).exists():
        raise DatabaseUnavailable(
            f"the account `{account.name}`, which runs the server for root, can no longer reach `{directory}`",
            f"let it through: every folder above needs the mode bit x for others (chmod o+x), or move `{name}`",
        )
    # The random part makes a data directory that was removed and made again a new catalog, as it is anywhere else.
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    home = programs.state_directory("clusters") / f"{digest}-{secrets.token_hex(8)}"
    home.mkdir(mode=0o711)
    home.chmod(0o711)
    (home / "origin").write_bytes(os.fsencode(directory) + b"\n")  # for the operator who finds it later
    link.symlink_to(home)
    return home


def forgotten_clusters(cluster: Path) -> list[Path]:
    """Root's clusters of a data directory that was removed, and here again at the same path.

    Nobody can find them any more, so a server that still runs there is to be stopped. The files stay: to delete data
    that another catalog may be restored from is for the operator.
    """
    home = cluster.parent
    if home.parent != programs.STATE_DIRECTORY / "clusters":
        return []
    return [path for path in home.parent.glob(f"{home.name.partition('-')[0]}-*/{cluster.name}") if path != cluster]


def socket_bases(account: Account | None) -> list[Path]:
    """Where a folder for the socket may be made, the best place first."""
    shared = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]  # noqa: S108 - only for a private folder
    return [Path("/run") if account else Path(os.environ.get("XDG_RUNTIME_DIR", "")), *shared]


def socket_directory(cluster: Path, password: str, account: Account | None) -> Path:
    """A short folder for the socket that only the server's account can enter.

    Its name comes from the cluster and its password: the same after a crash, another for a cluster made anew, so that a
    server whose files were deleted is never in the way.
    """
    name = hashlib.sha256(os.fsencode(cluster) + b"\0" + password.encode()).hexdigest()[:16]
    for base in socket_bases(account):
        folder = base / f"instrument-catalog-{os.geteuid()}" / name
        if not base.is_absolute() or len(os.fsencode(folder / SOCKET_NAME)) > SOCKET_PATH_BYTES:
            continue
        try:
            if not own_folder(folder.parent, os.geteuid(), 0o711 if account else 0o700):
                continue
            if account and not account.reaches(folder.parent):
                continue
            if own_folder(folder, account.uid if account else os.geteuid(), 0o700):
                return folder
        except OSError:
            continue
    raise DatabaseUnavailable(
        "there is no safe folder for the server's socket: those that could be used belong to others",
        "set TMPDIR to a short path of your own",
    )


def own_folder(folder: Path, uid: int, mode: int) -> bool:
    """Make `folder` for `uid`, or check that the one there is no link, belongs to `uid` and has no wider mode."""
    with suppress(FileExistsError):
        folder.mkdir(mode)
        folder.chmod(mode)
        if uid != os.geteuid():
            os.chown(folder, uid, -1)
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == uid and not stat.S_IMODE(status.st_mode) & ~mode


def write_if_new(path: Path, text: str) -> None:
    with suppress(FileNotFoundError):
        if path.read_text() == text:
            return
    new = path.with_name(f"{path.name}.new")
    new.write_text(text)
    new.chmod(0o644)  # the server's account reads it; there is no secret in it
    new.rename(path)


def read_secret(path: Path) -> str:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    with os.fdopen(handle) as file:
        if stat.S_IMODE(os.fstat(handle).st_mode) & 0o077:
            os.fchmod(handle, 0o600)
        return file.read().strip()


def sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
