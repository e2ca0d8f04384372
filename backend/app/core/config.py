"""Settings: every value that may differ from one installation to the next, from the environment or `.env`."""

import ipaddress
import re
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

GIB: Final = 1024**3
DAY: Final = 86400
MONTH: Final = 30 * DAY
YEAR: Final = 365 * DAY
MAX_PRESIGN_TTL_SECONDS: Final = 900


_ORIGIN: Final = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?")


class Environment(StrEnum):
    LOCAL = "local"
    PRODUCTION = "production"


class Settings(BaseSettings):
    """All settings with their defaults; docs/reference/configuration.md lists the same and a test compares them."""

    # hide_input: a refused value may be a password.
    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", hide_input_in_errors=True
    )

    environment: Environment = Field(
        Environment.LOCAL,
        description="`local` or `production`; `production` refuses to start with unsafe values and names the setting.",
    )
    slipway_host: str = Field("127.0.0.1", description="Address the app and the embedded store listen on.")
    slipway_port: int = Field(8000, ge=1, le=65535, description="The app's port.")
    slipway_store_port: int = Field(9000, ge=0, le=65535, description="The embedded store's port.")
    slipway_data_dir: Path = Field(
        Path("data"), description="Everything the embedded setup keeps: database, objects, keys, logs."
    )
    app_origins: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Origins of the page, separated by commas: for the store's CORS, the same-origin check and "
        "the CSP. Empty: http://127.0.0.1:PORT and http://localhost:PORT, in local also port 3000.",
    )
    database_url: SecretStr = Field(
        SecretStr(""),
        description="Empty: SQLite in the data folder. Or postgresql+psycopg://user:password@host/name.",
    )
    s3_endpoint_url: str = Field("", description="Empty with S3_BUCKET empty: the embedded store; else AWS.")
    s3_public_endpoint_url: str = Field(
        "", description="The endpoint as the browser reaches it. Empty: the same."
    )
    s3_region: str = Field("us-east-1", description="Region of the bucket.")
    s3_bucket: str = Field("", description="Empty: the embedded store with the bucket `slipway`.")
    aws_access_key_id: str = Field("", description="Empty: botocore's own chain (role, profile).")
    aws_secret_access_key: SecretStr = Field(SecretStr(""), description="Belongs to AWS_ACCESS_KEY_ID.")
    cloudfront_domain: str = Field(
        "", description="Empty: delivery by presigned GET; else dNNN.cloudfront.net."
    )
    cloudfront_key_pair_id: str = Field("", description="The id of the public key in CloudFront's key group.")
    cloudfront_private_key: SecretStr = Field(
        SecretStr(""),
        description="The private key in PEM (RSA 2048 or ECDSA P-256), or the path of its file.",
    )
    delivery_url_ttl_seconds: int = Field(14400, ge=60, le=604800, description="Life of a delivery URL.")
    max_upload_bytes: int = Field(2 * GIB, ge=1, le=2 * GIB, description="The largest file taken.")
    presign_ttl_seconds: int = Field(
        900, ge=1, le=MAX_PRESIGN_TTL_SECONDS, description="Life of a part's URL; never more than 15 minutes."
    )
    upload_grace_seconds: int = Field(
        3600, ge=1, le=MONTH, description="An upload without progress for this long expires."
    )
    sweep_interval_seconds: int = Field(
        300,
        ge=1,
        le=DAY,
        description="Between two sweeps of the store, and between the two looks that confirm a removal or a loss.",
    )
    user_quota_bytes: int = Field(100 * GIB, ge=0, description="Space a user may fill.")
    user_max_uploads_in_flight: int = Field(5, ge=1, description="Uploads a user may have open.")
    session_idle_seconds: int = Field(
        7 * DAY, ge=60, le=YEAR, description="A session unused for this long ends."
    )
    session_absolute_seconds: int = Field(
        MONTH, ge=60, le=YEAR, description="A session ends after this in any case."
    )
    database_pool_size: int = Field(10, ge=1, description="Database connections a process may hold.")
    storage_threads: int = Field(16, ge=1, description="Storage calls that may run at once in a process.")
    storage_queue: int = Field(64, ge=0, description="Storage calls that may wait; more are answered 503.")
    storage_connect_timeout_seconds: float = Field(
        2.0, gt=0, description="To open a connection to the store."
    )
    storage_read_timeout_seconds: float = Field(6.0, gt=0, description="For the store's next byte.")
    storage_attempts: int = Field(
        2, ge=1, le=10, description="Tries of one storage call, botocore's own included."
    )
    metrics_token: SecretStr = Field(
        SecretStr(""), description="Bearer token for /metrics; empty: open in local."
    )
    trusted_proxies: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="Addresses whose X-Forwarded-For is believed, separated by commas."
    )
    page_dir: Path = Field(
        Path(__file__).parents[3] / "frontend" / "out", description="The built page. Missing: the API alone."
    )

    @field_validator("app_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split_commas(cls, value: Any) -> Any:
        return (
            [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value
        )

    @field_validator("app_origins")
    @classmethod
    def _bare_origins(cls, origins: list[str]) -> list[str]:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is not an origin like https://video.example")
        return origins

    @field_validator("s3_endpoint_url", "s3_public_endpoint_url")
    @classmethod
    def _bare_endpoint(cls, url: str) -> str:
        if url and not _ORIGIN.fullmatch(url.rstrip("/")):
            raise ValueError(f"{url!r} is not an address like https://s3.example")
        return url.rstrip("/")

    @field_validator("s3_bucket")
    @classmethod
    def _bucket_name(cls, name: str) -> str:
        # docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
        if name and not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", name):
            raise ValueError(
                f"{name!r} is not a bucket name: 3 to 63 small letters, digits, dots and hyphens"
            )
        return name

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: SecretStr) -> SecretStr:
        url = value.get_secret_value()
        if url and not url.startswith(("sqlite+aiosqlite:///", "postgresql+psycopg://")):
            # Without the value: it may hold a password.
            raise ValueError("it begins with postgresql+psycopg:// or sqlite+aiosqlite:///, or is empty")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, proxies: list[str]) -> list[str]:
        for proxy in proxies:
            try:
                ipaddress.ip_network(proxy)
            except ValueError:
                raise ValueError(f"{proxy!r} is not an address like 10.0.0.5 or 10.0.0.0/24") from None
        return proxies

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (
            self.uses_embedded_store
            and not is_loopback(self.slipway_host)
            and not self.s3_public_endpoint_url
        ):
            raise ValueError(
                "S3_PUBLIC_ENDPOINT_URL is required when SLIPWAY_HOST is not a loopback address: "
                "it tells browsers where the store is"
            )
        if bool(self.aws_access_key_id) != bool(self.aws_secret_access_key.get_secret_value()):
            raise ValueError("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together: set both or none")
        cloudfront = (self.cloudfront_domain, self.cloudfront_key_pair_id, self.cloudfront_private_key_pem)
        if any(cloudfront) and not all(cloudfront):
            raise ValueError(
                "CLOUDFRONT_DOMAIN, CLOUDFRONT_KEY_PAIR_ID and CLOUDFRONT_PRIVATE_KEY belong together: "
                "set all three or none"
            )
        if self.cloudfront_private_key_pem:
            _check_private_key(self.cloudfront_private_key_pem)
        if self.environment is Environment.PRODUCTION:
            self._refuse_unsafe()
        return self

    def _refuse_unsafe(self) -> None:
        if self.uses_embedded_store:
            raise ValueError(
                "S3_BUCKET is required in production: the embedded store with its generated keys is for one machine"
            )
        if not self.app_origins:
            raise ValueError("APP_ORIGINS is required in production")
        if plain := [origin for origin in self.app_origins if not origin.startswith("https://")]:
            raise ValueError(f"APP_ORIGINS must be https in production: {', '.join(plain)}")
        if (self.s3_public_endpoint_url or self.s3_endpoint_url).startswith("http://"):
            raise ValueError(
                "S3_PUBLIC_ENDPOINT_URL must be https in production: browsers send nothing from an https page to http"
            )
        if not self.metrics_token.get_secret_value():
            raise ValueError("METRICS_TOKEN is required in production")

    @property
    def uses_embedded_store(self) -> bool:
        return not self.s3_bucket and not self.s3_endpoint_url

    @property
    def bucket(self) -> str:
        return self.s3_bucket or "slipway"

    @property
    def is_local(self) -> bool:
        return self.environment is Environment.LOCAL

    @property
    def page_origins(self) -> list[str]:
        """APP_ORIGINS, or what a local start is reached at."""
        if self.app_origins:
            return self.app_origins
        ports = [self.slipway_port, 3000] if self.is_local else [self.slipway_port]
        return [f"http://{host}:{port}" for port in ports for host in ("127.0.0.1", "localhost")]

    @property
    def cookies_are_secure(self) -> bool:
        """False only for a local installation reached over plain http."""
        return not self.is_local or all(origin.startswith("https://") for origin in self.page_origins)

    @cached_property
    def effective_database_url(self) -> str:
        return (
            self.database_url.get_secret_value()
            or f"sqlite+aiosqlite:///{self.slipway_data_dir.absolute() / 'slipway.db'}"
        )

    @cached_property
    def cloudfront_private_key_pem(self) -> str:
        value = self.cloudfront_private_key.get_secret_value()
        if not value or "-----BEGIN" in value:
            return value
        try:
            return Path(value).read_text()
        except OSError as error:
            raise ValueError(f"CLOUDFRONT_PRIVATE_KEY: its file cannot be read ({error.strerror})") from None


def _check_private_key(pem: str) -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # only with CloudFront

    try:
        load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError):
        raise ValueError("CLOUDFRONT_PRIVATE_KEY is not a private key in PEM without a passphrase") from None


def url_host(host: str) -> str:
    """An address as it stands in a URL: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
