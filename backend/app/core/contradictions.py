"""Which settings exclude or need each other."""

import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from app.core.config import Settings


def refuse_contradictions(settings: "Settings") -> None:
    """Raise ValueError that names the settings and says what to do."""
    if settings.store_follows_host and any(origin.startswith("https://") for origin in settings.app_origins):
        raise ValueError(
            "S3_PUBLIC_ENDPOINT_URL is required when APP_ORIGINS is https and SLIPWAY_HOST is not a loopback "
            "address, because browsers refuse the embedded store's http from an https page"
        )
    if settings.uses_embedded_store and urlsplit(settings.s3_public_endpoint_url).path:
        raise ValueError(
            "S3_PUBLIC_ENDPOINT_URL must have no path with the embedded store, because the signature of a URL "
            "covers its path and this store has none"
        )
    if bool(settings.aws_access_key_id) != bool(settings.aws_secret_access_key.get_secret_value()):
        raise ValueError("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together. Set both or none")
    if settings.aws_session_token.get_secret_value() and not settings.aws_access_key_id:
        raise ValueError(
            "AWS_SESSION_TOKEN belongs to AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Set all three, or none"
        )
    if settings.aws_ca_bundle and not settings.uses_embedded_store:
        _check_certificates(settings.aws_ca_bundle)
    if settings.scan_command and settings.scan_url:
        raise ValueError("SCAN_COMMAND and SCAN_URL exclude each other. Set one of them")
    cloudfront = (
        settings.cloudfront_domain,
        settings.cloudfront_key_pair_id,
        settings.cloudfront_private_key_pem,
    )
    if any(cloudfront) and not all(cloudfront):
        raise ValueError(
            "CLOUDFRONT_DOMAIN, CLOUDFRONT_KEY_PAIR_ID and CLOUDFRONT_PRIVATE_KEY belong together. "
            "Set all three or none"
        )
    if settings.cloudfront_private_key_pem:
        _check_private_key(settings.cloudfront_private_key_pem)


def _check_certificates(file: str) -> None:
    try:
        ssl.create_default_context(cafile=file)
    except OSError as error:  # also ssl.SSLError
        raise ValueError(f"AWS_CA_BUNDLE: {file} is not a file of certificates in PEM ({error})") from None


def _check_private_key(pem: str) -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # only with CloudFront

    try:
        load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError):
        raise ValueError("CLOUDFRONT_PRIVATE_KEY is not a private key in PEM without a passphrase") from None
