"""What a production installation must set. Nothing is assumed that could open it to strangers."""

from typing import TYPE_CHECKING

from app.core.plain_links import is_plain_database, is_plain_redis, is_plain_s3

if TYPE_CHECKING:
    from app.core.config import Settings


def refuse_unsafe(settings: "Settings") -> None:
    """Raise ValueError that names the setting and says why production demands it."""
    if not settings.registration:
        raise ValueError(
            "REGISTRATION is required in production. Write closed if only the operator creates accounts, "
            "or open if anyone may"
        )
    if settings.registration == "open" and settings.max_accounts is None and settings.max_total_bytes is None:
        raise ValueError(
            "REGISTRATION=open needs MAX_ACCOUNTS or MAX_TOTAL_BYTES in production, because otherwise strangers "
            "decide what the storage costs"
        )
    if not settings.trusted_proxies:
        raise ValueError(
            "TRUSTED_PROXIES is required in production. It is the address of the proxy that has the TLS "
            "certificate. Without it all people share that address, and the limits on it"
        )
    if settings.uses_embedded_store:
        raise ValueError("S3_BUCKET is required in production, because the embedded store is for one machine")
    if not settings.app_origins:
        raise ValueError("APP_ORIGINS is required in production")
    if plain := [origin for origin in settings.app_origins if not origin.startswith("https://")]:
        raise ValueError(f"APP_ORIGINS must be https in production: {', '.join(plain)}")
    if (settings.s3_public_endpoint_url or settings.s3_endpoint_url).startswith("http://"):
        raise ValueError(
            "S3_PUBLIC_ENDPOINT_URL must be https in production, because browsers refuse http from an https page"
        )
    if not settings.allow_plain_s3 and is_plain_s3(settings.s3_endpoint_url):
        raise ValueError(
            "S3_ENDPOINT_URL must be https in production, because others on the network could read and change "
            "videos. If you trust that network, set ALLOW_PLAIN_S3=true"
        )
    if not settings.allow_plain_database and is_plain_database(settings.effective_database_url):
        raise ValueError(
            "DATABASE_URL needs ?sslmode=verify-full, or at least require, in production, because others on the "
            "network could read it. If you trust that network, set ALLOW_PLAIN_DATABASE=true"
        )
    if is_plain_redis(settings.limits_url.get_secret_value()):
        raise ValueError(
            "LIMITS_URL must be rediss:// in production and must not switch its certificate check off, because "
            "others on the network could read its password and free guesses from their limit. Empty counts in "
            "PostgreSQL"
        )
    if not settings.metrics_token.get_secret_value():
        raise ValueError("METRICS_TOKEN is required in production")
