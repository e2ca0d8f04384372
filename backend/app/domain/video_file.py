"""What a video file may be: the five containers, the checks before an upload, the key in the store."""

import unicodedata
import uuid
from dataclasses import dataclass
from typing import Final, Literal

from app.domain.errors import (
    ContentTypeMismatch,
    FileEmpty,
    FilenameInvalid,
    FileTooLarge,
    UnsupportedContainer,
)

MAX_FILENAME_CHARACTERS: Final = 255

Family = Literal["isobmff", "riff", "matroska"]


@dataclass(frozen=True)
class Container:
    """A file layout we take; the first content type is the one we store."""

    name: str
    extensions: tuple[str, ...]
    content_types: tuple[str, ...]
    family: Family
    """Containers of one family may stand for each other: the same layout under two names."""


CONTAINERS: Final = (
    Container("mp4", (".mp4", ".m4v"), ("video/mp4", "video/x-m4v"), "isobmff"),
    Container("mov", (".mov", ".qt"), ("video/quicktime",), "isobmff"),
    Container("avi", (".avi",), ("video/x-msvideo", "video/avi", "video/vnd.avi", "video/msvideo"), "riff"),
    Container("webm", (".webm",), ("video/webm",), "matroska"),
    Container("mkv", (".mkv",), ("video/x-matroska", "video/matroska"), "matroska"),
)

_BY_EXTENSION: Final = {extension: c for c in CONTAINERS for extension in c.extensions}
_BY_NAME: Final = {c.name: c for c in CONTAINERS}
_ACCEPTED: Final = [c.name for c in CONTAINERS]


@dataclass(frozen=True)
class VideoFile:
    """A file that passed check_file: its name as shown, its declared container, its size."""

    filename: str
    container: Container
    size_bytes: int

    @property
    def content_type(self) -> str:
        return self.container.content_types[0]


def check_file(filename: str, size_bytes: int, content_type: str, max_size_bytes: int) -> VideoFile:
    """The file as we take it.

    Raises FilenameInvalid, UnsupportedContainer, ContentTypeMismatch, FileEmpty or FileTooLarge, in this order.
    """
    name = clean_filename(filename)
    container = container_of_name(name)
    if content_type.strip().lower() not in container.content_types:
        raise ContentTypeMismatch(
            f"A {extension_of(name)} file is sent as {' or '.join(container.content_types)}. "
            "Check that the file's name ends as its content is."
        )
    if size_bytes < 1:
        raise FileEmpty
    if size_bytes > max_size_bytes:
        raise FileTooLarge(size_bytes, max_size_bytes)
    return VideoFile(name, container, size_bytes)


def clean_filename(filename: str) -> str:
    """The name for display: NFC, without white space around it, up to 255 characters.

    Control characters, line separators and lone surrogates are refused. The rest stays as it is, path parts and
    bidirectional controls too: the name is only ever shown (isolated), and never names anything in the store.
    Raises FilenameInvalid.
    """
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in filename):
        raise FilenameInvalid("The file name holds control characters. Rename the file and try again.")
    name = unicodedata.normalize("NFC", filename).strip()
    if not name:
        raise FilenameInvalid("The file has no name. Rename the file and try again.")
    if len(name) > MAX_FILENAME_CHARACTERS:
        raise FilenameInvalid(
            f"The file name is longer than {MAX_FILENAME_CHARACTERS} characters. Rename the file and try again."
        )
    return name


def container_of_name(filename: str) -> Container:
    """The container the extension promises; raises UnsupportedContainer."""
    container = _BY_EXTENSION.get(extension_of(filename))
    if container is None:
        raise UnsupportedContainer(
            f"{extension_of(filename) or 'A file without extension'} is not taken. "
            f"Choose an {', '.join(n.upper() for n in _ACCEPTED[:-1])} or {_ACCEPTED[-1].upper()} file.",
            accepted=_ACCEPTED,
        )
    return container


def extension_of(filename: str) -> str:
    """'.mp4' of 'A.MP4'; empty where there is none ('.mp4' alone is a hidden file without extension)."""
    stem, dot, extension = filename.rpartition(".")
    return f".{extension.lower()}" if dot and stem else ""


def same_family(declared: str, found: str) -> bool:
    """Whether a file declared as one container may hold the other: mp4/mov and webm/mkv."""
    return _BY_NAME[declared].family == _BY_NAME[found].family


def object_key(user_id: uuid.UUID, video_id: uuid.UUID, unique: uuid.UUID, container: Container) -> str:
    """The key in the store: only our own ids and one of five endings, never a user's text."""
    return f"videos/{user_id}/{video_id}/{unique}.{container.name}"
