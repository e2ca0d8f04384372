"""Plan the parts of a file."""

import math
from dataclasses import dataclass
from typing import Final

MIB: Final = 1024 * 1024

# Amazon S3 multipart upload limits: docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
S3_MIN_PART_BYTES: Final = 5 * MIB
"""Every part but the last."""
S3_MAX_PARTS: Final = 10_000

MAX_PART_BYTES: Final = 16 * MIB
"""What one lost connection costs at most. At 1 Mbit/s such a part needs 134 s (docs/decisions/0011)."""
PARTS_WANTED: Final = 6
"""A browser opens six HTTP/1.1 connections to one origin, so a small file has six parts."""
MAX_PARTS_PER_SIGNING: Final = 32
"""Part URLs that one request returns."""


@dataclass(frozen=True)
class PartPlan:
    """Parts numbered from 1. All but the last have the same size, as Cloudflare R2 requires."""

    size_bytes: int
    part_size_bytes: int

    @property
    def part_count(self) -> int:
        return math.ceil(self.size_bytes / self.part_size_bytes)

    def part_bytes(self, part_number: int) -> int:
        """Return the length of one part. Raise ValueError if there is no such part."""
        if not 1 <= part_number <= self.part_count:
            raise ValueError(f"part {part_number} is outside 1..{self.part_count}")
        if part_number < self.part_count:
            return self.part_size_bytes
        return self.size_bytes - (self.part_count - 1) * self.part_size_bytes


def plan_parts(size_bytes: int) -> PartPlan:
    """Return the plan of a file, for example 128 parts of 16 MiB for 2 GiB. Raise ValueError if it is empty."""
    if size_bytes < 1:
        raise ValueError("an empty file has no parts")
    a_sixth = math.ceil(size_bytes / PARTS_WANTED)
    whole_mib = math.ceil(a_sixth / MIB) * MIB
    return PartPlan(size_bytes, min(max(whole_mib, S3_MIN_PART_BYTES), MAX_PART_BYTES))
