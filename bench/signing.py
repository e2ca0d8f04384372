"""Measure how many microseconds our signer and boto3's take for one part's URL.

Both make the same URL byte for byte (backend/tests/adapters/test_s3_signing.py). The best of several rounds counts.
The two take turns, so that what else the machine does affects both. Prints a table and writes
bench/results/signing.json.
"""

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "backend"))

from app.adapters.s3_connection import S3Connection, make_signer  # noqa: E402  # after the path to the app

ROUNDS = 15
URLS_PER_ROUND = 300
TARGET_MICROSECONDS = 100.0
KEY = "videos/6f1c52a0-0000-4000-8000-000000000001/7a2b0000-0000-4000-8000-000000000002/3c4d.mp4"
UPLOAD_ID = "2~9s7sP0p2v0gk3fVq4mT9qk1c1VtPz6x"
SIZE_BYTES = 16 * 1024 * 1024


def main() -> int:
    connection = S3Connection(
        bucket="slipway",
        region="us-east-1",
        endpoint_url="http://127.0.0.1:9000",
        public_endpoint_url=None,
        access_key_id="AKIAEXAMPLE",
        secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",  # noqa: S106  # AWS's own example
        threads=1,
        queue=0,
        connect_timeout_seconds=1,
        read_timeout_seconds=1,
        attempts=1,
    )
    signer = make_signer(connection)
    client = connection.client(connection.endpoint_url, 1)

    def ours(part_number: int) -> None:
        signer.presign_part(KEY, UPLOAD_ID, part_number, SIZE_BYTES, datetime.now(UTC), 900)

    def boto3s(part_number: int) -> None:
        params = {
            "Bucket": "slipway",
            "Key": KEY,
            "UploadId": UPLOAD_ID,
            "PartNumber": part_number,
            "ContentLength": SIZE_BYTES,
        }
        client.generate_presigned_url("upload_part", Params=params, ExpiresIn=900)

    ours_best = boto3_best = float("inf")
    for _ in range(ROUNDS):
        ours_best = min(ours_best, microseconds_per_call(ours))
        boto3_best = min(boto3_best, microseconds_per_call(boto3s))
    results = {
        "microseconds_per_url": {"slipway": round(ours_best, 1), "boto3": round(boto3_best, 1)},
        "times_faster_than_boto3": round(boto3_best / ours_best, 2),
        "target_microseconds": TARGET_MICROSECONDS,
    }
    folder = ROOT / "bench" / "results"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "signing.json").write_text(json.dumps(results, indent=2) + "\n")
    met = ours_best <= TARGET_MICROSECONDS
    say("| one part's URL | microseconds |")
    say("|---|---|")
    say(f"| Slipway | {ours_best:.1f} |")
    say(f"| boto3 generate_presigned_url | {boto3_best:.1f} |")
    say(f"| ratio | {boto3_best / ours_best:.2f} |")
    say(f"Target, at most {TARGET_MICROSECONDS:.0f} microseconds: {'met' if met else 'MISSED'}.")
    return 0 if met else 1


def microseconds_per_call(sign: Callable[[int], None]) -> float:
    began = time.perf_counter()
    for part_number in range(1, URLS_PER_ROUND + 1):
        sign(part_number)
    return (time.perf_counter() - began) / URLS_PER_ROUND * 1e6


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
