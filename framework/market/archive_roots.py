"""Where archives live: a folder, or an object store's URL through fsspec, behind the same five calls."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from framework.market.errors import TapeError


class Root(Protocol):
    """Say what an archive needs of the place it lives in; names are relative, with ``/``."""

    path: str

    def names(self) -> list[str]:
        """Return the sorted names directly below the root; raises TapeError when there is no such place."""
        ...

    def read(self, *, name: str) -> bytes:
        """Return a file's bytes; raises TapeError when it is absent or unreadable."""
        ...

    def stamp(self, *, name: str) -> str:
        """Return a text that changes when the file does, cheaply; raises TapeError when it is absent."""
        ...

    def join(self, *, name: str) -> str:
        """Return the full path of a name."""
        ...

    def replacing(self, *, name: str) -> Any:
        """Return a context giving a local folder whose content takes the name's place when the block
        succeeds.
        """
        ...


def open_root(*, path: str) -> Root:
    """Return the root for a local path or a URL such as ``s3://bucket/tapes/x``."""
    if path.startswith("~") and not os.path.exists(path):  # no shell has read it: a word's value, a file's
        path = os.path.expanduser(path)
    return RemoteRoot(path=path) if "://" in path else FolderRoot(path=path)


class FolderRoot:
    """Keep archives in a folder."""

    def __init__(self, *, path: str) -> None:
        self.path = path

    def names(self) -> list[str]:
        """Return the sorted names below the folder."""
        if not os.path.exists(self.path):
            raise TapeError(
                f"{self.path}: no such tape; make one with `quoteops tape import` or `quoteops tape synth`"
            )
        if not os.path.isdir(self.path):
            raise TapeError(
                f"{self.path}: a file, not a tape archive; read it with `quoteops tape import` first"
            )
        return sorted(os.listdir(self.path))

    def read(self, *, name: str) -> bytes:
        """Return a file's bytes."""
        try:
            return (Path(self.path) / name).read_bytes()
        except OSError as error:
            raise TapeError(f"{self.join(name=name)}: cannot be read ({error.strerror or error})") from error

    def stamp(self, *, name: str) -> str:
        """Return size and modification time."""
        try:
            told = os.stat(self.join(name=name))
        except OSError as error:
            raise TapeError(f"{self.join(name=name)}: cannot be read ({error.strerror or error})") from error
        return f"{told.st_size} {told.st_mtime_ns}"

    def join(self, *, name: str) -> str:
        """Return the full path of a name."""
        return os.path.join(os.path.abspath(self.path), name)

    @contextmanager
    def replacing(self, *, name: str) -> Iterator[Path]:
        """Give a temporary folder beside the target and rename it into place."""
        try:
            root = Path(self.path)
            root.mkdir(parents=True, exist_ok=True)
            building = Path(tempfile.mkdtemp(dir=root, prefix=".writing-"))
            try:
                content = building / "new"
                content.mkdir()
                yield content
                target = root / name
                if target.exists():
                    target.rename(building / "old")
                content.rename(target)
            finally:
                shutil.rmtree(building, ignore_errors=True)
        except OSError as error:
            raise TapeError(f"{self.path}: cannot be written ({error.strerror or error})") from error


class RemoteRoot:
    """Keep archives in an object store; the sidecar is uploaded last, so that a broken upload is no tape."""

    def __init__(self, *, path: str) -> None:
        import fsspec

        self.path = path.rstrip("/")
        try:
            self._files, self._base = fsspec.core.url_to_fs(self.path)
        except (ImportError, ValueError) as error:
            raise TapeError(f"{path}: this kind of store is not available ({error})") from error

    def names(self) -> list[str]:
        """Return the sorted names below the URL."""
        try:
            entries = self._files.ls(self._base, detail=False)
        except (OSError, ValueError) as error:
            raise TapeError(f"{self.path}: cannot be listed ({error})") from error
        return sorted(name.rstrip("/").rsplit("/", 1)[-1] for name in entries)

    def read(self, *, name: str) -> bytes:
        """Return a file's bytes."""
        try:
            return bytes(self._files.cat_file(f"{self._base}/{name}"))
        except (OSError, ValueError) as error:
            raise TapeError(f"{self.join(name=name)}: cannot be read ({error})") from error

    def stamp(self, *, name: str) -> str:
        """Return the store's size and version of the file."""
        try:
            told = self._files.info(f"{self._base}/{name}")
        except (OSError, ValueError) as error:
            raise TapeError(f"{self.join(name=name)}: cannot be read ({error})") from error
        version = next(
            (told[key] for key in ("ETag", "etag", "md5Hash", "mtime", "created") if key in told), ""
        )
        return f"{told.get('size')} {version}"

    def join(self, *, name: str) -> str:
        """Return the full URL of a name."""
        return f"{self.path}/{name}"

    @contextmanager
    def replacing(self, *, name: str) -> Iterator[Path]:
        """Give a local folder, then upload it, its top-level files last."""
        try:
            with tempfile.TemporaryDirectory(prefix="quoteops-tape-") as local:
                folder = Path(local)
                yield folder
                files = sorted((file for file in folder.rglob("*") if file.is_file()), key=_sidecar_last)
                target = f"{self._base}/{name}"
                if self._files.exists(target):
                    self._files.rm(target, recursive=True)
                for file in files:
                    key = f"{target}/{file.relative_to(folder).as_posix()}"
                    self._files.makedirs(key.rsplit("/", 1)[0], exist_ok=True)
                    self._files.put_file(str(file), key)
        except OSError as error:
            raise TapeError(f"{self.path}: cannot be written ({error.strerror or error})") from error


def _sidecar_last(file: Path) -> tuple[bool, str]:
    return file.suffix == ".json", file.as_posix()
