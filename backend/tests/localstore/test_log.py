"""The log contains no secrets, and only its owner can read it."""

import stat

import httpx

from localstore.redaction import redact
from tests.localstore.conftest import MakeStore
from tests.localstore.s3 import BUCKET, FULL_PART, SMALL_PART, HeldPart, begin_upload, make_object
from tests.waiting import TIMEOUT_SECONDS

SIGNATURE = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"


def test_log_contains_no_signature_key_or_request(make_store: MakeStore) -> None:
    store = make_store().start()
    store.client().create_bucket(Bucket=BUCKET)
    upload = begin_upload(store)
    url = upload.presign_part(1, len(SMALL_PART))
    httpx.put(url, content=SMALL_PART, timeout=TIMEOUT_SECONDS)
    httpx.put(url + "0", content=SMALL_PART, timeout=TIMEOUT_SECONDS)
    # A lost connection and a broken object make Swift log errors with the request's URL.
    with HeldPart(upload, 2, FULL_PART):
        pass
    broken = make_object(store)
    for data_file in (store.data_dir / "devices").rglob("*.data"):
        if data_file.stat().st_size == len(FULL_PART):
            data_file.write_bytes(b"")
    httpx.get(
        store.client().generate_presigned_url(
            "get_object", Params={"Bucket": BUCKET, "Key": broken.object_key}
        ),
        timeout=TIMEOUT_SECONDS,
    )
    store.stop()

    text = store.log_text
    assert "ready" in text
    assert store.credentials.secret_access_key not in text
    assert store.credentials.access_key_id not in text
    for word in (
        "X-Amz-Signature",
        "X-Amz-Credential",
        "Signature=",
        upload.presign_part(1, 1).split("=")[-1],
    ):
        assert word not in text, word
    assert "HTTP/1.1" not in text


def test_log_has_mode_0600(make_store: MakeStore) -> None:
    store = make_store().start()
    store.stop()

    assert stat.S_IMODE((store.data_dir / "store.log").stat().st_mode) == 0o600


def test_redact_removes_signature_in_every_form() -> None:
    for text in (
        f"PUT http://h/b/k?partNumber=1&X-Amz-Signature={SIGNATURE}&x=1",
        f"GET /k?X-Amz-Credential=slipway%3Aabc%2F20261122&X-Amz-Signature={SIGNATURE}",
        f"x-amz-signature%3D{SIGNATURE}",
        f"Authorization: AWS4-HMAC-SHA256 Credential=slipway:abc/2026, Signature={SIGNATURE}",
        f"{{'Signature': '{SIGNATURE}'}}",
        "GET /k?AWSAccessKeyId=slipway:abc&Signature=vjbyPxybdZaNmGa%2ByT272YEAiv4%3D",
        f"key {SIGNATURE} alone",
    ):
        shown = redact(text)
        assert SIGNATURE not in shown
        assert "slipway" not in shown
        assert "vjbyPxybd" not in shown


def test_redact_keeps_other_text() -> None:
    text = "ERROR with Object server 127.0.0.1:9001/d1 re: Trying to PUT /v1/AUTH_slipway/b/k: Timeout (30s)"

    assert redact(text) == text
