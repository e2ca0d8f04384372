"""The text of docs/reference/storage-engines.md, with one row for each guarantee and one column for each engine.

The engines' columns come from the suite's own results. AWS was not tried. Its column is what its documentation
promises, with a link to the page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.contract.engines import Difference

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "storage-engines.md"
SUITE = "test_object_storage.py"
COLUMNS: Mapping[str, str] = {
    "embedded": "Embedded (Swift 2.38.3 with our patches)",
    "ceph": "Ceph RGW 16.2",
}
FAKE = "memory"
_API = "https://docs.aws.amazon.com/AmazonS3/latest/API"
_GUIDE = "https://docs.aws.amazon.com/AmazonS3/latest/userguide"
SOURCES: Mapping[str, str] = {
    "UploadPart": f"{_API}/API_UploadPart.html",
    "CompleteMultipartUpload": f"{_API}/API_CompleteMultipartUpload.html",
    "AbortMultipartUpload": f"{_API}/API_AbortMultipartUpload.html",
    "ListParts": f"{_API}/API_ListParts.html",
    "ListMultipartUploads": f"{_API}/API_ListMultipartUploads.html",
    "ListObjectsV2": f"{_API}/API_ListObjectsV2.html",
    "GetObject": f"{_API}/API_GetObject.html",
    "HeadObject": f"{_API}/API_HeadObject.html",
    "PutObject": f"{_API}/API_PutObject.html",
    "common response headers": f"{_API}/RESTCommonResponseHeaders.html",
    "HeadBucket": f"{_API}/API_HeadBucket.html",
    "DeleteObject": f"{_API}/API_DeleteObject.html",
    "query authentication": f"{_API}/sigv4-query-string-auth.html",
    "consistency": f"{_GUIDE}/Welcome.html#ConsistencyModel",
    "multipart overview": f"{_GUIDE}/mpuoverview.html",
}


@dataclass(frozen=True)
class Guarantee:
    """One row. `difference` is how some engines depart from it, which the suite asserts there."""

    says: str
    tests: Sequence[str]
    aws: str
    source: str
    difference: Difference | None = None


GUARANTEES = [
    Guarantee(
        "a part is stored as sent, and its ETag is the MD5",
        [
            "a_new_upload_has_no_parts",
            "a_presigned_part_is_stored_as_sent",
            "a_part_needs_no_content_md5",
            "a_part_that_the_app_sends_is_stored",
            "a_sample_part_shows_that_etags_are_md5s",
        ],
        "yes, without encryption or with SSE-S3",
        "UploadPart",
    ),
    Guarantee(
        "a part sent again replaces the first",
        ["a_part_sent_again_replaces_the_first"],
        "yes",
        "UploadPart",
    ),
    Guarantee(
        "a wrong Content-MD5 is refused",
        ["a_wrong_content_md5_is_refused"],
        "yes",
        "UploadPart",
    ),
    Guarantee(
        "parts are listed by number, in pages",
        ["parts_are_listed_by_number_through_all_pages"],
        "yes",
        "ListParts",
    ),
    Guarantee(
        "a URL is for one method, key, upload, part and exact length",
        [
            "a_changed_url_is_refused",
            "another_uploads_id_is_refused",
            "another_length_is_refused",
            "another_method_is_refused",
        ],
        "yes, every signed field and header",
        "query authentication",
    ),
    Guarantee(
        "a URL works until it expires",
        ["a_presigned_part_tells_its_life", "an_expired_url_is_refused", "a_url_near_its_end_is_taken"],
        "yes, checked when the request begins",
        "query authentication",
    ),
    Guarantee(
        "Complete joins the parts in order, and HEAD returns what was announced",
        [
            "complete_joins_the_parts_in_order",
            "head_tells_what_was_announced",
            "the_etag_of_head_is_the_md5_of_the_parts_md5s",
        ],
        "yes, but not that the ETag is made of the parts' MD5s",
        "CompleteMultipartUpload",
    ),
    Guarantee(
        "only the named parts are assembled",
        ["only_the_named_parts_are_assembled"],
        "yes",
        "CompleteMultipartUpload",
        Difference.UNNAMED_PART_IS_REFUSED,
    ),
    Guarantee(
        "a missing, replaced or small part is refused, and the upload stays open",
        [
            "a_part_with_another_etag_is_refused",
            "a_part_that_is_not_there_is_refused",
            "a_small_part_before_the_last_is_refused",
        ],
        "yes, InvalidPart, EntityTooSmall",
        "CompleteMultipartUpload",
    ),
    Guarantee(
        "a wrong total size is refused",
        ["a_wrong_total_is_refused"],
        "yes, 400",
        "CompleteMultipartUpload",
        Difference.WRONG_TOTAL_IS_TAKEN,
    ),
    Guarantee(
        "a part after Complete is refused, and the object stays",
        ["a_part_after_complete_is_refused"],
        "yes, NoSuchUpload",
        "UploadPart",
    ),
    Guarantee(
        "after Complete the upload is gone",
        ["the_upload_is_gone_after_complete"],
        "yes",
        "ListParts",
        Difference.LISTED_AFTER_COMPLETE,
    ),
    Guarantee(
        "a second Complete changes nothing",
        ["a_second_complete_changes_nothing"],
        "yes, answered 200 or NoSuchUpload",
        "CompleteMultipartUpload",
        Difference.SECOND_COMPLETE_SUCCEEDS,
    ),
    Guarantee(
        "Complete with `If-None-Match: *` keeps an existing object",
        ["complete_only_if_new_spares_what_is_there"],
        "yes, 412",
        "CompleteMultipartUpload",
        Difference.COMPLETE_OVERWRITES,
    ),
    Guarantee(
        "Complete without it replaces the object",
        ["complete_otherwise_overwrites"],
        "yes",
        "CompleteMultipartUpload",
    ),
    Guarantee(
        "an upload ID belongs to its key, and an aborted one is gone",
        ["an_upload_belongs_to_its_key", "an_aborted_upload_is_gone"],
        "yes, NoSuchUpload",
        "AbortMultipartUpload",
        Difference.COMPLETE_OF_NOTHING_IS_500,
    ),
    Guarantee(
        "Abort may be repeated and harms no object",
        ["abort_may_be_repeated", "abort_after_complete_leaves_the_object"],
        "yes, but a part under way may need another Abort",
        "AbortMultipartUpload",
    ),
    Guarantee(
        "a range returns its bytes and the whole size, if the ETag matches",
        [
            "a_range_gives_its_bytes_and_the_whole_size",
            "a_range_of_another_object_is_refused",
            "a_range_beyond_the_end_is_an_error",
        ],
        "yes, 206, 412, 416",
        "GetObject",
    ),
    Guarantee(
        "a missing object is 404, and so is an open upload",
        ["an_object_that_is_not_there", "an_open_upload_is_no_object"],
        "yes, if the caller may list the bucket",
        "HeadObject",
    ),
    Guarantee(
        "PUT with `If-None-Match: *` writes only a new object",
        ["a_small_object_is_put_and_read_back", "put_only_if_new_spares_what_is_there"],
        "yes, 412",
        "PutObject",
    ),
    Guarantee(
        "Date is the time of the store's listings",
        ["the_store_tells_its_time", "the_stores_time_is_that_of_its_listings"],
        "yes, Date in every answer",
        "common response headers",
    ),
    Guarantee(
        "Delete may be repeated and leaves open uploads",
        ["delete_may_be_repeated", "delete_leaves_open_uploads_of_the_key"],
        "yes, 204",
        "DeleteObject",
    ),
    Guarantee(
        "open uploads are listed at once, by prefix, in pages",
        [
            "uploads_are_listed_through_all_pages",
            "a_whole_key_as_prefix_finds_its_uploads",
            "a_prefix_without_anything_lists_nothing",
        ],
        "yes, read after write",
        "ListMultipartUploads",
    ),
    Guarantee(
        "objects are listed at once, by prefix, in pages",
        ["objects_are_listed_through_all_pages"],
        "yes, read after write",
        "consistency",
    ),
    Guarantee("HEAD finds the bucket", ["check_finds_the_bucket"], "yes", "HeadBucket"),
]


@dataclass
class Results:
    """Whether each test passed every time, by engine and by name."""

    passed: dict[str, dict[str, bool]] = field(default_factory=dict)

    def note(self, engine: str, test: str, passed: bool) -> None:
        tests = self.passed.setdefault(engine, {})
        tests[test] = tests.get(test, True) and passed

    def has_all(self) -> bool:
        wanted = {test for guarantee in GUARANTEES for test in guarantee.tests}
        return all(wanted <= set(self.passed.get(engine, {})) for engine in (*COLUMNS, FAKE))


def render(results: Results, differences: Mapping[str, frozenset[Difference]]) -> str:
    """Return the whole page. It shows a failed test as such."""
    lines = [
        "# What each storage engine guarantees",
        "",
        f"`make engines` writes this page from the results of `backend/tests/contract/{SUITE}`, which runs on each "
        "engine through the app's own adapter. A test compares the page with them, and asserts each departure too. "
        f"The services rely on no row with a departure. {_fake(results)} AWS was not tried. Its column is its "
        "documentation's.",
        "",
        "Where a store refuses `If-None-Match`, Slipway asks with HEAD first. Neither this nor a store that ignores "
        "the header excludes that two databases mark an empty bucket in one moment, or that Complete replaces an "
        "object which somebody else just wrote.",
        "",
        f"| guarantee | {' | '.join(COLUMNS.values())} | AWS S3, as documented |",
        f"|---|{'---|' * (len(COLUMNS) + 1)}",
    ]
    for guarantee in GUARANTEES:
        cells = [_cell(guarantee, results.passed[engine], differences[engine]) for engine in COLUMNS]
        aws = f"[{guarantee.aws}]({SOURCES[guarantee.source]})"
        lines.append(f"| {guarantee.says} | {' | '.join(cells)} | {aws} |")
    return "\n".join(lines) + "\n"


def _fake(results: Results) -> str:
    failed = sorted(test for test, passed in results.passed[FAKE].items() if not passed)
    return f"The tests' fake fails {', '.join(failed)}." if failed else "The tests' fake has none."


def _cell(guarantee: Guarantee, passed: Mapping[str, bool], differences: frozenset[Difference]) -> str:
    if not all(passed[test] for test in guarantee.tests):
        return "**fails its test**"
    if guarantee.difference in differences:
        return f"no, {guarantee.difference}"
    return "yes"
