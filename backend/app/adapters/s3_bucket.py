"""Create the bucket and set its CORS rule, or say what would be done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from app.adapters.s3_cors import CorsUnreadable, difference, merged, read_rules
from app.core.storage_causes import status_and_code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_NO_CORS_CALL = (
    "CORS: this engine has no such call. Set it in the engine's own configuration "
    "(the embedded store has APP_ORIGINS already)."
)


@dataclass(frozen=True)
class BucketSetup:
    """Every method returns a sentence, and raises ClientError if the store refuses."""

    client: "S3Client"
    bucket: str
    region: str
    origins: Sequence[str]

    def create(self, *, dry_run: bool) -> str:
        """Create the bucket if it is missing."""
        try:
            self.client.head_bucket(Bucket=self.bucket)
            return f"Bucket {self.bucket}: there."
        except ClientError as error:
            if status_and_code(error)[0] != 404:
                raise
        if dry_run:
            return f"Bucket {self.bucket}: missing."
        try:
            # CreateBucket rejects us-east-1 as a constraint (S3 API reference).
            if self.region == "us-east-1":
                self.client.create_bucket(Bucket=self.bucket)
            else:
                self.client.create_bucket(
                    Bucket=self.bucket,
                    CreateBucketConfiguration={"LocationConstraint": self.region},  # type: ignore[typeddict-item]  # any region
                )
        except self.client.exceptions.BucketAlreadyOwnedByYou:
            return f"Bucket {self.bucket}: there."  # another process was faster
        return f"Bucket {self.bucket}: created."

    def set_cors(self, show: Callable[[str], None], *, dry_run: bool) -> str:
        """Merge our CORS rule into the bucket's rules. Before that, `show` each line of the difference."""
        try:
            before = read_rules(self.client, self.bucket)
        except ClientError as error:
            # A dry run creates no bucket, and a bucket that is missing has no rules.
            if not dry_run or status_and_code(error) != (404, "NoSuchBucket"):
                raise
            before = []
        if before is None:
            return _NO_CORS_CALL
        after = merged(before, self.origins)
        if after is not before:
            for line in difference(before, after):
                show(line)
            if dry_run:
                return "CORS: the rules would change as shown."
            self.client.put_bucket_cors(
                Bucket=self.bucket,
                CORSConfiguration={"CORSRules": after},  # type: ignore[typeddict-item]  # mappings
            )
        return f"CORS: {', '.join(self.origins)} may send parts."

    def cors_state(self) -> str:
        """Say whether `slipway storage apply` would change the CORS rules."""
        try:
            rules = read_rules(self.client, self.bucket)
        except CorsUnreadable:
            return "CORS: the credentials may not read the rules (s3:GetBucketCORS)."
        if rules is None:
            return _NO_CORS_CALL
        if merged(rules, self.origins) is rules:
            return f"CORS: {', '.join(self.origins)} may send parts."
        return "CORS: `slipway storage apply` would change the rules. Its --dry-run shows how."
