"""Check announced files and name their objects."""

import re
import unicodedata
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import (
    ContentTypeMismatch,
    FileEmpty,
    FilenameInvalid,
    FileTooLarge,
    Rejected,
    SlipwayError,
    UnsupportedContainer,
)
from app.domain.video_file import (
    CONTAINERS,
    Container,
    check_file,
    clean_filename,
    container_of_name,
    extension_of,
    object_key,
    same_family,
)

LIMIT = 2 * 1024**3
KEY = re.compile(r"^videos/[0-9a-f-]{36}/[0-9a-f-]{36}/[0-9a-f-]{36}\.(mp4|mov|avi|webm|mkv)$")

ACCEPTED = [
    ("a.mp4", "video/mp4", "mp4", "video/mp4"),
    ("a.m4v", "video/x-m4v", "mp4", "video/mp4"),
    ("a.m4v", "video/mp4", "mp4", "video/mp4"),
    ("a.mov", "video/quicktime", "mov", "video/quicktime"),
    ("a.qt", "video/quicktime", "mov", "video/quicktime"),
    ("a.avi", "video/x-msvideo", "avi", "video/x-msvideo"),
    ("a.avi", "video/avi", "avi", "video/x-msvideo"),
    ("a.avi", "video/vnd.avi", "avi", "video/x-msvideo"),
    ("a.avi", "video/msvideo", "avi", "video/x-msvideo"),
    ("a.webm", "video/webm", "webm", "video/webm"),
    ("a.mkv", "video/x-matroska", "mkv", "video/x-matroska"),
    ("a.mkv", "video/matroska", "mkv", "video/x-matroska"),
    ("A.MOV", "video/quicktime", "mov", "video/quicktime"),
    ("a.Mp4", " Video/MP4 ", "mp4", "video/mp4"),
    ("a.mov.mp4", "video/mp4", "mp4", "video/mp4"),
]


@pytest.mark.parametrize(("filename", "content_type", "container", "stored_type"), ACCEPTED)
def test_accepts_known_types(filename: str, content_type: str, container: str, stored_type: str) -> None:
    file = check_file(filename, 1, content_type, LIMIT)

    assert (file.filename, file.container.name, file.content_type) == (filename, container, stored_type)


@pytest.mark.parametrize(
    ("filename", "size_bytes", "content_type", "error"),
    [
        ("a.mp4", 0, "video/mp4", FileEmpty),
        ("a.mp4", -1, "video/mp4", FileEmpty),
        ("a.mp4", LIMIT + 1, "video/mp4", FileTooLarge),
        ("a.mp4", 1, "video/quicktime", ContentTypeMismatch),
        ("a.mov", 1, "video/mp4", ContentTypeMismatch),
        ("a.mkv", 1, "video/webm", ContentTypeMismatch),
        ("a.mp4", 1, "", ContentTypeMismatch),
        ("a.mp4", 1, "application/octet-stream", ContentTypeMismatch),
        ("a.mp4", 1, "video/mp4; codecs=avc1", ContentTypeMismatch),
        ("a.exe", 1, "video/mp4", UnsupportedContainer),
        ("a.mp4.exe", 1, "video/mp4", UnsupportedContainer),
        ("a.mp4 .txt", 1, "video/mp4", UnsupportedContainer),
        ("mp4", 1, "", UnsupportedContainer),
        (".mp4", 1, "application/octet-stream", UnsupportedContainer),
        ("a.", 1, "video/ogg", UnsupportedContainer),
        ("1000012345", 1, "video/mp4; codecs=avc1", UnsupportedContainer),
        ("a.mp4\u200e.exe", 1, "video/mp4", UnsupportedContainer),
        ("a.\u202e4pm", 1, "video/mp4", UnsupportedContainer),
        ("a.mp4.download", 1, "video/mp4", UnsupportedContainer),
        ("n" * 252, 1, "video/mp4", FilenameInvalid),
        ("1000012345", 0, "video/mp4", FileEmpty),
        ("a.mp4\x00.exe", 1, "video/mp4", FilenameInvalid),
        ("", 1, "video/mp4", FilenameInvalid),
        # The first error in the order of the docstring is raised.
        ("\n.exe", 0, "", FilenameInvalid),
        ("a.exe", 0, "", UnsupportedContainer),
        ("a.mp4", 0, "", ContentTypeMismatch),
    ],
)
def test_refuses_other_types(
    filename: str, size_bytes: int, content_type: str, error: type[SlipwayError]
) -> None:
    with pytest.raises(error):
        check_file(filename, size_bytes, content_type, LIMIT)


def test_accepts_file_at_the_limit() -> None:
    assert check_file("a.mp4", LIMIT, "video/mp4", LIMIT).size_bytes == LIMIT


def test_too_large_names_both_sizes() -> None:
    with pytest.raises(FileTooLarge) as raised:
        check_file("a.mp4", 3 * 1024**3, "video/mp4", LIMIT)

    assert raised.value.facts == {"size_bytes": 3 * 1024**3, "limit_bytes": LIMIT}
    assert str(raised.value) == "This file is 3 GiB, and the limit is 2 GiB. Choose a smaller file."


def test_unsupported_container_names_accepted_ones() -> None:
    with pytest.raises(UnsupportedContainer) as raised:
        check_file("a.wmv", 1, "video/x-ms-wmv", LIMIT)

    assert raised.value.facts == {"accepted": ["mp4", "mov", "avi", "webm", "mkv"]}
    assert ".wmv" in str(raised.value)


@pytest.mark.parametrize(
    "filename",
    [
        "...",
        "\u200e",
        "a\x00.mp4",
        "a\n.mp4",
        "a\r\nSet-Cookie: x.mp4",
        "a\t.mp4",
        "a\x1b[31m.mp4",
        "a\x7f.mp4",
        "a\x85.mp4",
        "a\u2028.mp4",
        "a\u2029.mp4",
        "a\ud800.mp4",
        "",
        "   ",
        "\u00a0\u3000",
        "a" * 252 + ".mp4",
        " " * 1024 + "a.mp4",
    ],
)
def test_refuses_hostile_names(filename: str) -> None:
    with pytest.raises(FilenameInvalid):
        clean_filename(filename)


def test_length_is_checked_before_a_name_is_normalised(monkeypatch: pytest.MonkeyPatch) -> None:
    def normalize(_: str, text: str) -> str:
        raise AssertionError(f"{len(text)} characters were normalised")

    with monkeypatch.context() as patch:
        patch.setattr(unicodedata, "normalize", normalize)
        with pytest.raises(FilenameInvalid, match="longer than 255 characters"):
            clean_filename("a" + "\u0301\u0316" * 4_990 + ".mp4")


@pytest.mark.parametrize(
    ("filename", "shown"),
    [
        ("a" * 251 + ".mp4", "a" * 251 + ".mp4"),
        ("  a.mp4 ", "a.mp4"),
        ("../../etc/passwd.mp4", "../../etc/passwd.mp4"),
        ("C:\\videos\\a.mp4", "C:\\videos\\a.mp4"),
        ('<img src=x onerror="alert(1)">.mp4', '<img src=x onerror="alert(1)">.mp4'),
        ("%2e%2e%2f.mp4", "%2e%2e%2f.mp4"),
        ("e\u0301te\u0301.mp4", "\u00e9t\u00e9.mp4"),
        ("gpj.\u202e4pm.mp4", "gpj.\u202e4pm.mp4"),
        ("🎬🏳️‍🌈.mp4", "🎬🏳️‍🌈.mp4"),
        ("مقطع.mp4", "مقطع.mp4"),
    ],
)
def test_keeps_other_names(filename: str, shown: str) -> None:
    assert clean_filename(filename) == shown


@pytest.mark.parametrize(
    ("filename", "content_type", "stored"),
    [
        ("1000012345", "video/mp4", "1000012345.mp4"),
        ("1000012345", " VIDEO/X-M4V ", "1000012345.mp4"),
        ("1000012345", "video/quicktime", "1000012345.mov"),
        ("1000012345", "video/vnd.avi", "1000012345.avi"),
        ("1000012345", "video/webm", "1000012345.webm"),
        ("1000012345", "video/matroska", "1000012345.mkv"),
        ("video:33", "video/mp4", "video:33.mp4"),
        ("Holiday 12.05.2024", "video/mp4", "Holiday 12.05.2024.mp4"),
        ("Lecture 3.5 intro", "video/webm", "Lecture 3.5 intro.webm"),
        ("a.", "video/mp4", "a.mp4"),
        ("a \u200e.. \ufeff", "video/mp4", "a.mp4"),
        ("mp4", "video/mp4", "mp4.mp4"),
        (".mp4", "video/mp4", ".mp4.mp4"),
        ("n" * 251, "video/mp4", "n" * 251 + ".mp4"),
    ],
)
def test_type_gives_extension_to_name_without_one(filename: str, content_type: str, stored: str) -> None:
    assert check_file(filename, 1, content_type, LIMIT).filename == stored


@pytest.mark.parametrize(
    "mark",
    [
        "\u200e",
        "\u200f",
        "\u200b",
        "\u200d",
        "\u2060",
        "\ufeff",
        "\u202c",
        "\u2069",
        "\u061c",
        "\u00ad",
        "\u00a0",
    ],
)
@pytest.mark.parametrize(
    "name", ["a.mp4{}", "a.mp4{0}{0}", "a.{}mp4", "a.m{}p4", "a.mp4{}.", "a.mp4 {}", "a.mp4.{} "]
)
def test_removes_mark_after_or_in_extension(name: str, mark: str) -> None:
    file = check_file(name.format(mark), 1, "video/mp4", LIMIT)

    assert (file.filename, file.container.name) == ("a.mp4", "mp4")


@pytest.mark.parametrize("filename", ["a.mp4.", "a.mp4...", "a.mp4 .", "a.mp4. ", "a.mp4 . . "])
def test_removes_dots_and_spaces_after_extension(filename: str) -> None:
    assert check_file(filename, 1, "video/mp4", LIMIT).filename == "a.mp4"


@given(st.text(max_size=300))
def test_cleaning_is_idempotent(filename: str) -> None:
    try:
        name = clean_filename(filename)
    except FilenameInvalid:
        return
    assert 1 <= len(name) <= 255
    assert unicodedata.is_normalized("NFC", name)
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name)
    assert clean_filename(name) == name
    name.encode()  # without lone surrogates the name can be stored and sent


@given(st.text(), st.integers(), st.text())
def test_any_input_is_accepted_or_refused_with_a_code(
    filename: str, size_bytes: int, content_type: str
) -> None:
    refused: Rejected | None = None
    try:
        check_file(filename, size_bytes, content_type, LIMIT)
    except Rejected as error:
        refused = error

    assert refused is None or refused.code


@pytest.mark.parametrize(
    ("filename", "extension"),
    [
        ("a.MP4", ".mp4"),
        ("a.b.Mov", ".mov"),
        ("a.mp4.001x", ".001x"),
        ("a.mp4~", ".mp4~"),
        ("..mp4", ".mp4"),
        ("mp4", ""),
        (".mp4", ""),
        ("a.", ""),
        ("12.05.2024", ""),
        ("Lecture 3.5 intro", ""),
        ("Dr. Who", ""),
        ("v1.0", ""),
    ],
)
def test_extension_of_a_name(filename: str, extension: str) -> None:
    assert extension_of(filename) == extension


def test_every_extension_names_its_container() -> None:
    for container in CONTAINERS:
        for extension in container.extensions:
            assert container_of_name(f"a{extension}") is container


FAMILIES = {"mp4": "isobmff", "mov": "isobmff", "avi": "riff", "webm": "matroska", "mkv": "matroska"}


@pytest.mark.parametrize("declared", FAMILIES)
@pytest.mark.parametrize("found", FAMILIES)
def test_containers_of_one_family_are_interchangeable(declared: str, found: str) -> None:
    assert same_family(declared, found) is (FAMILIES[declared] == FAMILIES[found])


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda container: container.name)
def test_key_contains_no_user_text(container: Container) -> None:
    user_id, video_id, unique = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()

    key = object_key(user_id, video_id, unique, container)

    assert KEY.match(key)
    assert key == f"videos/{user_id}/{video_id}/{unique}.{container.name}"
