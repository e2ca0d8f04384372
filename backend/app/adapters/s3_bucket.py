"""Create the bucket and set its CORS rule."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CORSConfigurationTypeDef


def apply_bucket(client: "S3Client", bucket: str, region: str, origins: Sequence[str]) -> list[str]:
    """Create what is missing and return a sentence for each step. Raise ClientError if the store refuses."""
    return [_apply_bucket(client, bucket, region), _apply_cors(client, bucket, origins)]


def cors_rule(origins: Sequence[str]) -> "CORSConfigurationTypeDef":
    """Let the page's origins send parts and read finished videos."""
    return {
        "CORSRules": [
            {
                "AllowedOrigins": list(origins),
                "AllowedMethods": ["PUT", "GET", "HEAD"],
                "AllowedHeaders": ["content-md5"],
                # For debugging. The page reads no header of the store.
                "ExposeHeaders": ["ETag"],
                "MaxAgeSeconds": 3600,
            }
        ]
    }


def _apply_bucket(client: "S3Client", bucket: str, region: str) -> str:
    try:
        client.head_bucket(Bucket=bucket)
        return f"Bucket {bucket}: there."
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
    try:
        # CreateBucket rejects us-east-1 as a constraint (S3 API reference).
        if region == "us-east-1":
            client.create_bucket(Bucket=bucket)
        else:
            client.create_bucket(
                Bucket=bucket,
                CreateBucketConfiguration={"LocationConstraint": region},  # type: ignore[typeddict-item]  # any region
            )
    except client.exceptions.BucketAlreadyOwnedByYou:
        return f"Bucket {bucket}: there."  # another process was faster
    return f"Bucket {bucket}: created."


def _apply_cors(client: "S3Client", bucket: str, origins: Sequence[str]) -> str:
    try:
        client.put_bucket_cors(Bucket=bucket, CORSConfiguration=cors_rule(origins))
        return f"CORS: {', '.join(origins)} may send parts."
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (501, 405):
            raise
        return (
            "CORS: this engine has no such call. Set it in the engine's own configuration "
            "(the embedded store has APP_ORIGINS already)."
        )
