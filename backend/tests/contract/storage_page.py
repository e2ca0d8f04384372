"""The text of docs/reference/storage-engines.md, with one row for each guarantee and one column for each engine.

The engines' columns come from the suite's own results. AWS has no account here: its column is what its documentation
promises, with the page it is said on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.contract.engines import Difference

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "storage-engines.md"
SUITE = "test_object_storage.py"
COLUMNS: Mapping[str, str] = {
    "embedded": "Embedded (Swift 2.38.3 with our mends)",
    "ceph": "Ceph RGW 16.2",
    "memory": "the tests' fake",
}
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
    """One row. `difference` is told where an engine is known to depart; the suite asserts it there."""

    says: str
    tests: Sequence[str]
    aws: str
    source: str
    difference: Difference | None = None


GUARANTEES = [
    Guarantee(
        "a part arrives as sent; its ETag is the MD5",
        ["a_new_upload_has_no_parts", "a_presigned_part_is_stored_as_sent", "a_part_needs_no_content_md5"],
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
        "yes: every signed field and header",
        "query authentication",
    ),
    Guarantee(
        "a URL is dead after its time and alive until then",
        ["a_presigned_part_tells_its_life", "an_expired_url_is_refused", "a_url_near_its_end_is_taken"],
        "yes; the time is looked at when the request begins",
        "query authentication",
    ),
    Guarantee(
        "Complete joins the parts in order; HEAD tells what was announced",
        [
            "complete_joins_the_parts_in_order",
            "head_tells_what_was_announced",
            "the_etag_of_head_is_the_md5_of_the_parts_md5s",
        ],
        "yes; that the ETag is made of the parts' MD5s is not promised",
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
        "a missing or replaced part, or a small one before the last, is refused; the upload stays open",
        [
            "a_part_with_another_etag_is_refused",
            "a_part_that_is_not_there_is_refused",
            "a_small_part_before_the_last_is_refused",
        ],
        "yes: InvalidPart, EntityTooSmall",
        "CompleteMultipartUpload",
    ),
    Guarantee(
        "a wrong total size is refused",
        ["a_wrong_total_is_refused"],
        "yes: x-amz-mp-object-size, 400",
        "CompleteMultipartUpload",
        Difference.WRONG_TOTAL_IS_TAKEN,
    ),
    Guarantee(
        "a part after Complete is refused; the object stays",
        ["a_part_after_complete_is_refused"],
        "yes: NoSuchUpload",
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
        "yes; answered 200 or NoSuchUpload",
        "CompleteMultipartUpload",
        Difference.SECOND_COMPLETE_SUCCEEDS,
    ),
    Guarantee(
        "Complete with If-None-Match: * spares an object that is there",
        ["complete_only_if_new_spares_what_is_there"],
        "yes: 412",
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
        "an upload id belongs to its key; an aborted one is gone",
        ["an_upload_belongs_to_its_key", "an_aborted_upload_is_gone"],
        "yes: NoSuchUpload",
        "AbortMultipartUpload",
        Difference.COMPLETE_OF_NOTHING_IS_500,
    ),
    Guarantee(
        "Abort may be repeated, and harms no finished object",
        ["abort_may_be_repeated", "abort_after_complete_leaves_the_object"],
        "yes; a part under way may need another Abort",
        "AbortMultipartUpload",
    ),
    Guarantee(
        "a range gives its bytes and the whole size, only of the ETag asked for",
        [
            "a_range_gives_its_bytes_and_the_whole_size",
            "a_range_of_another_object_is_refused",
            "a_range_beyond_the_end_is_an_error",
        ],
        "yes: 206, 412, 416",
        "GetObject",
    ),
    Guarantee(
        "what is not there is said to be so; an open upload is no object",
        ["an_object_that_is_not_there", "an_open_upload_is_no_object"],
        "yes: 404, where the caller may list the bucket",
        "HeadObject",
    ),
    Guarantee(
        "a small object is put in one request, with If-None-Match: * only where there is none",
        ["a_small_object_is_put_and_read_back", "put_only_if_new_spares_what_is_there"],
        "yes: 412",
        "PutObject",
    ),
    Guarantee(
        "the store tells its own time, that of its listings",
        ["the_store_tells_its_time", "the_stores_time_is_that_of_its_listings"],
        "yes: the Date of every answer",
        "common response headers",
    ),
    Guarantee(
        "Delete may be repeated and leaves open uploads",
        ["delete_may_be_repeated", "delete_leaves_open_uploads_of_the_key"],
        "yes: 204",
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
    Guarantee("the bucket can be asked for", ["check_finds_the_bucket"], "yes", "HeadBucket"),
]


@dataclass
class Results:
    """How the suite's tests ended: engine -> test's name -> whether it passed, each time."""

    passed: dict[str, dict[str, bool]] = field(default_factory=dict)

    def note(self, engine: str, test: str, passed: bool) -> None:
        tests = self.passed.setdefault(engine, {})
        tests[test] = tests.get(test, True) and passed

    def has_all(self) -> bool:
        wanted = {test for guarantee in GUARANTEES for test in guarantee.tests}
        return all(wanted <= set(self.passed.get(engine, {})) for engine in COLUMNS)


def render(results: Results, differences: Mapping[str, frozenset[Difference]]) -> str:
    """The whole page. A test that failed shows as such: the page is never better than the suite."""
    lines = [
        "# What each storage engine guarantees",
        "",
        "Written by `make engines` from the results of the contract suite "
        f"(`backend/tests/contract/{SUITE}`), which runs on each engine over the app's own adapter; a test compares "
        "this page with them. A departure is asserted too: an engine that is mended fails its row. The services rely "
        "on none of the rows with a departure (`test_conversation.py` runs them on every engine). AWS was not tried: "
        "its column is its documentation's.",
        "",
        f"| guarantee | {' | '.join(COLUMNS.values())} | AWS S3, as documented |",
        f"|---|{'---|' * (len(COLUMNS) + 1)}",
    ]
    for guarantee in GUARANTEES:
        cells = [_cell(guarantee, results.passed[engine], differences[engine]) for engine in COLUMNS]
        aws = f"{guarantee.aws} ([{guarantee.source}]({SOURCES[guarantee.source]}))"
        lines.append(f"| {guarantee.says} | {' | '.join(cells)} | {aws} |")
    return "\n".join(lines) + "\n"


def _cell(guarantee: Guarantee, passed: Mapping[str, bool], differences: frozenset[Difference]) -> str:
    if not all(passed[test] for test in guarantee.tests):
        return "**fails its test**"
    if guarantee.difference in differences:
        return f"no: {guarantee.difference}"
    return "yes"
