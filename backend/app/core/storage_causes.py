"""Say why the store did not do what it was asked, for operators.

The sentences contain no host name, no key and no URL, because the health answer is public.
"""

import errno
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import Any, Final

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError
from urllib3.util.ssl_match_hostname import CertificateError

from app.domain.errors import DatabaseUnavailable, Overloaded, StorageUnavailable

WRONG_REGION: Final = frozenset(
    {"AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException"}
)
_SKEWED: Final = frozenset({"RequestTimeTooSkewed", "RequestInTheFuture", "RequestExpired"})
_HINTS: Final = {
    "AccessDenied": "The credentials lack a right that Slipway needs.",
    "AccountProblem": "Ask the store's operator about the account.",
    "ExpiredToken": "The credentials have ended.",
    "InvalidAccessKeyId": "Check AWS_ACCESS_KEY_ID.",
    "InvalidRegionName": "Set S3_REGION to a region that this store knows.",
    "InvalidToken": "Check AWS_SESSION_TOKEN.",
    "NoSuchBucket": "Check S3_BUCKET, or create it with `slipway storage apply`.",
    "SignatureDoesNotMatch": "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. No proxy may change host or path.",
    "TokenRefreshRequired": "The credentials have ended.",
}
# The numbers are those of OpenSSL's x509_vfy.h.
_CERTIFICATE: Final = {
    9: "the certificate is not valid yet",
    10: "the certificate has expired",
    18: "the certificate is signed by an unknown CA (self-signed)",
    19: "the certificate is signed by an unknown CA (self-signed)",
    20: "the certificate is signed by an unknown CA, or an intermediate certificate is missing",
    21: "the certificate is signed by an unknown CA, or an intermediate certificate is missing",
    23: "the certificate was revoked",
    62: "the certificate is for another host name",
    64: "the certificate is for another host name",
}
_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")
_CREDENTIAL_CALLS: Final = ("AssumeRole", "GetRoleCredentials", "GetSessionToken", "CreateToken")


class CredentialsEnded(Exception):
    """The credentials have ended and were not replaced."""


class KnownCause(Exception):
    """What Slipway found itself. The text is the sentence of `cause_of`."""


class BucketRefused(Exception):
    """The bucket may belong to another database, or its object lock keeps what is deleted."""


def cause_of(error: BaseException) -> str:
    """Return one or two sentences about this error of botocore, the network, the store or the bucket's check."""
    if isinstance(error, StorageUnavailable):
        return cause_of(error.__cause__) if error.__cause__ else "The answer is not what S3 sends."
    if isinstance(error, boto.ClientError):
        return _refusal(error)
    if isinstance(error, KnownCause):
        return str(error)
    if isinstance(error, BucketRefused):
        return "Slipway does not use this bucket. `bucket.wrong` in the log says why."
    if isinstance(error, DatabaseUnavailable):
        return "The database did not answer when Slipway compared the bucket with it."
    if isinstance(error, Overloaded):
        return "Too many calls to the store wait."
    return _credentials(error) or _network(error) or f"An unknown error occurred ({type(error).__name__})."


def is_refusal(error: BaseException | None) -> bool:
    """Return whether the store answered a call with an error."""
    return isinstance(error, boto.ClientError) and not error.operation_name.startswith(_CREDENTIAL_CALLS)


def is_server_error(error: BaseException | None) -> bool:
    """Return whether the store, or a proxy in front of it, answered with a status of 500 or more."""
    return isinstance(error, boto.ClientError) and status_and_code(error)[0] >= 500


def region_in(answer: Mapping[str, Any]) -> str | None:
    """Return the region that an answer or an error of S3 names."""
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    named = headers.get("x-amz-bucket-region") or answer.get("Error", {}).get("Region")
    return named if named and re.fullmatch(r"[A-Za-z0-9-]{1,63}", named) else None


def status_and_code(error: boto.ClientError) -> tuple[int, str]:
    """Return the HTTP status and S3's code, which is empty for a HEAD and for a page of a proxy."""
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    code = str(error.response.get("Error", {}).get("Code", ""))
    is_code = re.fullmatch(r"[A-Za-z][A-Za-z0-9._-]{0,63}", code)
    return status, code if is_code else ""


def _refusal(error: boto.ClientError) -> str:
    status, code = status_and_code(error)
    answer = f"{status} {code}".strip()
    if not is_refusal(error):
        return f"The AWS credentials cannot be renewed. {error.operation_name} was answered {answer}."
    if code in _SKEWED:
        return f"This machine's clock differs too much from the store's. The store answered {answer}."
    if code in WRONG_REGION or status == 301:
        named = region_in(error.response)
        is_named = f" The store names {named}." if named else " Set S3_REGION to the bucket's region."
        return f"The bucket is in another region. The store answered {answer}.{is_named}"
    if error.operation_name == "HeadBucket" and status == 404:
        code = "NoSuchBucket"
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    if not code and headers.get("content-type", "").startswith("text/html"):
        return f"A proxy in front of the store answered {status} with a page."
    if (status, code) == (500, ""):  # which botocore also makes of a body that it cannot parse
        return "The store answered 500, or its answer is not what S3 sends."
    hint = _HINTS.get(code)
    return f"The store answered {answer}." + (f" {hint}" if hint else "")


def _credentials(error: BaseException) -> str | None:
    match error:
        case boto.NoCredentialsError():
            return (
                "There are no AWS credentials. AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are empty, and this "
                "machine has no role or profile."
            )
        case boto.ProfileNotFound():
            return "AWS_PROFILE names a profile that AWS's configuration files don't have."
        case boto.SSOError() | boto.TokenRetrievalError():
            return "The AWS sign-in has ended. Run `aws sso login`."
        case boto.PartialCredentialsError() | boto.CredentialRetrievalError() | boto.MetadataRetrievalError():
            provider = error.kwargs.get("provider", "the machine's metadata service")
            return f"The AWS credentials cannot be read from {provider}."
        case CredentialsEnded() | RuntimeError():
            return "The AWS credentials have ended and were not renewed."
    return None


def _network(error: BaseException) -> str | None:
    if isinstance(error, boto.ProxyConnectionError):
        return "The HTTP proxy of this machine's environment cannot be used."
    if isinstance(error, boto.ConnectTimeoutError):
        return "The connection to the store timed out."
    for item in _chain(error):
        match item:
            case socket.gaierror():
                return "DNS does not resolve the store's host name."
            case CertificateError():
                return f"TLS failed because {_CERTIFICATE[62]}."
            case ssl.SSLCertVerificationError():
                reason = _CERTIFICATE.get(
                    item.verify_code, f"the certificate is refused ({item.verify_code})"
                )
                return f"TLS failed because {reason}."
            case ssl.SSLError():
                if item.reason in _NO_TLS:
                    return "TLS failed because the store does not speak TLS at this port."
                return f"TLS failed ({item.reason or 'the handshake was ended'})."
            case ConnectionRefusedError():
                return "The store refused the connection."
            case TimeoutError() | boto.ReadTimeoutError():
                return "The store did not answer in time."
            case OSError() if item.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL):
                return "There is no network route to the store."
            case ConnectionError() | boto.ConnectionClosedError() | boto.IncompleteReadError():
                return "The store closed the connection before the end of its answer."
            case ResponseParserError():
                return "The answer is not what S3 sends."
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the innermost error first. botocore and urllib3 keep what they wrap in different places."""
    inner = getattr(error, "kwargs", {}).get("error") or error.__cause__ or error.__context__
    wrapped = [inner, *error.args]
    for item in wrapped:
        if isinstance(item, BaseException):
            yield from _chain(item)
    yield error
