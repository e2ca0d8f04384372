"""Define the accepted containers, check an announced file, and name its object."""

import re
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
from app.domain.texts import has_control_characters

MAX_FILENAME_CHARACTERS: Final = 255
_MAX_SENT_CHARACTERS: Final = 1024
"""Of a name before NFC and trimming, which may bring it within MAX_FILENAME_CHARACTERS."""

Family = Literal["isobmff", "riff", "matroska"]


@dataclass(frozen=True)
class Container:
    """An accepted file format. The store keeps the first content type."""

    name: str
    extensions: tuple[str, ...]
    content_types: tuple[str, ...]
    family: Family
    """Containers of one family share a layout, so a file may be named as either."""


CONTAINERS: Final = (
    Container("mp4", (".mp4", ".m4v"), ("video/mp4", "video/x-m4v"), "isobmff"),
    Container("mov", (".mov", ".qt"), ("video/quicktime",), "isobmff"),
    Container("avi", (".avi",), ("video/x-msvideo", "video/avi", "video/vnd.avi", "video/msvideo"), "riff"),
    Container("webm", (".webm",), ("video/webm",), "matroska"),
    Container("mkv", (".mkv",), ("video/x-matroska", "video/matroska"), "matroska"),
)

_BY_EXTENSION: Final = {extension: c for c in CONTAINERS for extension in c.extensions}
_BY_CONTENT_TYPE: Final = {content_type: c for c in CONTAINERS for content_type in c.content_types}
_BY_NAME: Final = {c.name: c for c in CONTAINERS}
_ACCEPTED: Final = [c.name for c in CONTAINERS]


@dataclass(frozen=True)
class VideoFile:
    filename: str
    container: Container
    size_bytes: int

    @property
    def content_type(self) -> str:
        return self.container.content_types[0]


def check_file(filename: str, size_bytes: int, content_type: str, max_size_bytes: int) -> VideoFile:
    """Return the accepted file. If the name has no extension, the content type gives it one.

    Raise FilenameInvalid, UnsupportedContainer, ContentTypeMismatch, FileEmpty or FileTooLarge, in this order.
    """
    name = clean_filename(filename)
    announced_type = content_type.strip().lower()
    announced = _BY_CONTENT_TYPE.get(announced_type)
    if announced is not None and not extension_of(name):
        name = clean_filename(name + announced.extensions[0])
    container = container_of_name(name)
    if announced_type not in container.content_types:
        raise ContentTypeMismatch(
            f"A {extension_of(name)} file is sent as {' or '.join(container.content_types)}. "
            "Check that the file's extension matches its content."
        )
    if size_bytes < 1:
        raise FileEmpty
    if size_bytes > max_size_bytes:
        raise FileTooLarge(size_bytes, max_size_bytes)
    return VideoFile(name, container, size_bytes)


def clean_filename(filename: str) -> str:
    """Return the name for display, in NFC and without surrounding white space.

    Remove dots and format characters (Unicode's category Cf) after the name, and format characters and no-break spaces
    from an accepted extension. Senders and pages add them, and nobody sees them.

    Raise FilenameInvalid if the name is empty, is longer than 255 characters (as sent, 1,024), or contains control
    characters, line separators or lone surrogates. Slashes and bidirectional controls may stay, because the page
    isolates the name and the store never sees it.
    """
    if len(filename) > _MAX_SENT_CHARACTERS:
        raise _too_long()  # before NFC, which sorts a run of combining marks in quadratic time (UAX #15)
    if has_control_characters(filename):
        raise FilenameInvalid("The file name contains control characters. Rename the file and try again.")
    name = _without_marks(unicodedata.normalize("NFC", filename))
    if not name:
        raise FilenameInvalid("The file has no name. Rename the file and try again.")
    if len(name) > MAX_FILENAME_CHARACTERS:
        raise _too_long()
    return name


def _too_long() -> FilenameInvalid:
    return FilenameInvalid(
        f"The file name is longer than {MAX_FILENAME_CHARACTERS} characters. Rename the file and try again."
    )


def _without_marks(name: str) -> str:
    end = len(name)
    while end and (name[end - 1] == "." or name[end - 1].isspace() or _is_mark(name[end - 1])):
        end -= 1
    name = name[:end].strip()
    stem, dot, extension = name.rpartition(".")
    plain = stem + dot + "".join(c for c in extension if c != "\u00a0" and not _is_mark(c))
    return plain if extension_of(plain) in _BY_EXTENSION else name


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) == "Cf"


def container_of_name(filename: str) -> Container:
    """Return the container of the extension. Raise UnsupportedContainer."""
    extension = extension_of(filename)
    container = _BY_EXTENSION.get(extension)
    if container is None:
        why = (
            f"{extension} is not accepted." if extension else "A name without extension needs a video's type."
        )
        raise UnsupportedContainer(
            f"{why} Choose an {', '.join(n.upper() for n in _ACCEPTED[:-1])} or {_ACCEPTED[-1].upper()} file.",
            accepted=_ACCEPTED,
        )
    return container


def extension_of(filename: str) -> str:
    """Return '.mp4' for 'A.MP4'. Return '' for '.mp4', a hidden file, for 'Trip 1.5 km' and for '12.05.2024'."""
    match = re.search(r"(?s:.)(\.[^\s.]*[^\s.0-9][^\s.]*)\Z", filename)
    return match[1].lower() if match else ""


def same_family(declared: str, found: str) -> bool:
    """Return whether both containers share a layout, as mp4 and mov or webm and mkv do."""
    return _BY_NAME[declared].family == _BY_NAME[found].family


def object_key(user_id: uuid.UUID, video_id: uuid.UUID, unique: uuid.UUID, container: Container) -> str:
    """Return the key. It contains IDs and an accepted extension, and no text from the user."""
    return f"videos/{user_id}/{video_id}/{unique}.{container.name}"
