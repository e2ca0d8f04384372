"""The ETag of an object of several parts, computed and recognised."""

import hashlib

import pytest

from app.domain.multipart_etag import etag_of, may_tell_bytes


def test_is_the_md5_of_the_md5s_and_the_number_of_parts() -> None:
    # Real stores answer the same, which the contract suite shows.
    md5s = [hashlib.md5(part, usedforsecurity=False).digest() for part in (b"a", b"b")]

    assert etag_of(md5s) == '"96e024ba2074fe77e8e965ba43a704be-2"'


@pytest.mark.parametrize(
    ("etag", "tells"),
    [
        ('"0123456789abcdef0123456789abcdef-2"', True),
        ('"0123456789abcdef0123456789abcdef-3"', False),
        ('"0123456789abcdef0123456789abcdef"', False),
        ('"opaque"', False),
        ("", False),
    ],
)
def test_recognises_an_etag_of_as_many_parts(etag: str, tells: bool) -> None:
    assert may_tell_bytes(etag, 2) is tells
