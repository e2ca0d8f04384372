"""XML of a client cannot make the store read a file or expand an entity."""

from pathlib import Path

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.engines.embedded import EmbeddedStore
from tests.localstore.s3 import BUCKET, FULL_PART, begin_upload
from tests.waiting import TIMEOUT_SECONDS


@pytest.mark.parametrize("kind", ["external", "internal"])
def test_entities_are_not_resolved(store: EmbeddedStore, tmp_path: Path, kind: str) -> None:
    upload = begin_upload(store)
    etag = httpx.put(
        upload.presign_part(1, len(FULL_PART)), content=FULL_PART, timeout=TIMEOUT_SECONDS
    ).headers["etag"]
    secret = tmp_path / "secret"
    secret.write_text(etag)
    entity = f'SYSTEM "file://{secret}"' if kind == "external" else f"'{etag}'"
    body = (
        f'<!DOCTYPE x [<!ENTITY e {entity}>]><CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        "<Part><PartNumber>1</PartNumber><ETag>&e;</ETag></Part></CompleteMultipartUpload>"
    )
    client = store.make_client()
    client.meta.events.register(
        "before-call.s3.CompleteMultipartUpload", lambda params, **_: params.update(body=body.encode())
    )

    with pytest.raises(ClientError) as refused:
        client.complete_multipart_upload(
            Bucket=BUCKET,
            Key=upload.object_key,
            UploadId=upload.upload_id,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]},
        )

    assert refused.value.response["Error"]["Code"] == "InvalidPart", "the entity stands for nothing"
    assert etag.strip('"') not in str(refused.value.response)
