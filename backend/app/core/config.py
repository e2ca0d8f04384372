"""Settings of an installation, from the environment or `.env`."""

import ipaddress
import re
import shlex
import shutil
import socket
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from limits import RateLimitItem, parse_many
from pydantic import AwareDatetime, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import URL, make_url

from app.core import database_url
from app.core.addresses import lan_addresses
from app.core.client_address import may_be_proxies
from app.core.contradictions import refuse_contradictions
from app.core.origins import (
    is_loopback,
    normalised_host,
    normalised_origin,
    normalised_path,
    split_origin,
    url_host,
)
from app.core.production import refuse_unsafe
from app.domain.limits import Limit

GIB: Final = 1024**3
DAY: Final = 86400
MONTH: Final = 30 * DAY
YEAR: Final = 365 * DAY
MAX_PRESIGN_TTL_SECONDS: Final = 900
MAX_NUMBER: Final = 2**63 - 1
"""Both databases refuse a statement with a larger one."""

MIN_METRICS_TOKEN_CHARACTERS: Final = 16
"""Nothing limits how often it may be guessed."""

_ENDPOINT_PATH: Final = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)*")
"""Segments that clients encode or resolve would break signatures."""
_PACKAGED_PAGE: Final = Path(__file__).parents[1] / "page"
"""Only wheels have it."""
_BUILT_PAGE: Final = Path(__file__).parents[3] / "frontend" / "out"
_REGION: Final = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
"""As botocore checks it, because it is part of AWS's host names."""


class Settings(BaseSettings):
    """All settings with their defaults. docs/reference/configuration.md says what each means."""

    # A rejected value may be a password.
    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        hide_input_in_errors=True,
        str_strip_whitespace=True,  # files end in a line break, which would break every signature
    )

    environment: Literal["local", "production"] = "local"
    registration: Literal["", "open", "closed"] = ""
    password_help: str = Field("", max_length=300)
    slipway_host: str = "127.0.0.1"
    slipway_port: int = Field(8000, ge=1, le=65535)
    slipway_store_port: int = Field(9000, ge=0, le=65535)
    slipway_data_dir: Path = Path("data")
    public_path: str = ""
    app_origins: Annotated[list[str], NoDecode] = Field(default_factory=list)
    database_url: SecretStr = SecretStr("")
    allow_plain_database: bool = False
    s3_endpoint_url: str = ""
    s3_public_endpoint_url: str = ""
    allow_plain_s3: bool = False
    s3_region: str = ""
    aws_region: str = ""
    aws_default_region: str = ""
    s3_bucket: str = ""
    aws_access_key_id: str = ""
    aws_secret_access_key: SecretStr = SecretStr("")
    aws_session_token: SecretStr = SecretStr("")
    aws_credential_expiration: AwareDatetime | None = None
    aws_ca_bundle: str = ""
    cloudfront_domain: str = ""
    cloudfront_key_pair_id: str = ""
    cloudfront_private_key: SecretStr = SecretStr("")
    delivery_url_ttl_seconds: int = Field(14400, ge=60, le=604800)
    max_upload_bytes: int = Field(2 * GIB, ge=1, le=2 * GIB)
    presign_ttl_seconds: int = Field(900, ge=1, le=MAX_PRESIGN_TTL_SECONDS)
    upload_grace_seconds: int = Field(3600, ge=1, le=MONTH)
    delete_undo_seconds: int = Field(10, ge=1, le=3600)
    sweep_interval_seconds: int = Field(300, ge=1, le=DAY)
    max_accounts: int | None = Field(None, ge=1, le=MAX_NUMBER)
    max_total_bytes: int | None = Field(None, ge=1, le=MAX_NUMBER)
    user_quota_bytes: int = Field(100 * GIB, ge=0, le=MAX_NUMBER)
    user_max_uploads_in_flight: int = Field(5, ge=1, le=MAX_NUMBER)
    user_max_videos: int = Field(10_000, ge=1, le=MAX_NUMBER)
    session_idle_seconds: int = Field(7 * DAY, ge=60, le=YEAR)
    session_absolute_seconds: int = Field(MONTH, ge=60, le=YEAR)
    database_pool_size: int = Field(10, ge=1, le=10_000)
    storage_threads: int = Field(16, ge=1, le=10_000)
    storage_queue: int = Field(64, ge=0, le=MAX_NUMBER)
    storage_connect_timeout_seconds: float = Field(2.0, gt=0, le=3600)
    storage_read_timeout_seconds: float = Field(6.0, gt=0, le=3600)
    storage_attempts: int = Field(2, ge=1, le=10)
    scan_command: str = ""
    scan_url: str = ""
    scan_timeout_seconds: int = Field(600, ge=1, le=3600)
    metrics_token: SecretStr = SecretStr("")
    trusted_proxies: Annotated[list[str], NoDecode] = Field(default_factory=list)
    max_connections_per_client: int = Field(256, ge=1, le=MAX_NUMBER)
    limits_url: SecretStr = SecretStr("")
    limit_sign_in_per_account: str = "100/hour"
    limit_sign_in_per_address: str = "10/10 minutes"
    limit_sign_in_success_per_account: str = "600/hour"
    limit_register_per_address: str = "60/hour"
    limit_create_per_user: str = "300/minute"
    limit_sign_per_user: str = "1200/minute"
    limit_complete_per_user: str = "1200/minute"
    limit_read_per_user: str = "3000/minute"
    limit_delete_per_user: str = "600/minute"
    limit_report_per_user: str = "600/minute"
    limit_account_per_user: str = "600/minute"
    page_dir: Path = _PACKAGED_PAGE if _PACKAGED_PAGE.is_dir() else _BUILT_PAGE

    @field_validator("app_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split_commas(cls, value: Any) -> Any:
        return (
            [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value
        )

    @field_validator("max_accounts", "max_total_bytes", mode="before")
    @classmethod
    def _no_limit_if_empty(cls, value: Any) -> Any:
        return None if value == "" else value

    @field_validator("slipway_host")
    @classmethod
    def _listening_host(cls, host: str) -> str:
        if host.strip() in ("", "*"):
            raise ValueError("write 127.0.0.1 for this machine alone, or 0.0.0.0 or :: for every network")
        return normalised_host(host).strip("[]")

    @field_validator("public_path")
    @classmethod
    def _bare_path(cls, path: str) -> str:
        return normalised_path(path)

    @field_validator("app_origins")
    @classmethod
    def _bare_origins(cls, origins: list[str]) -> list[str]:
        return list(dict.fromkeys(normalised_origin(origin) for origin in origins))

    @field_validator("s3_endpoint_url", "s3_public_endpoint_url")
    @classmethod
    def _bare_endpoint(cls, url: str) -> str:
        if not url.strip():
            return ""
        origin, path = "", "none"
        with suppress(ValueError):
            origin, path = split_origin(url)
        if not _ENDPOINT_PATH.fullmatch(path):
            # Without the value, which may contain a password.
            raise ValueError(
                "it is not an address like https://s3.example or https://s3.example/path. User, query, fragment, "
                "percent signs and empty or dotted segments of the path are refused, because signatures would break"
            )
        if "_" in origin:
            raise ValueError(
                "its host name has an underscore, which S3 clients refuse. Use a name without one, for example an "
                "alias of the container"
            )
        return origin + path

    @field_validator("scan_command")
    @classmethod
    def _startable(cls, command: str) -> str:
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise ValueError(f"it is no command line ({error}). Write one as in a shell") from None
        if words and shutil.which(words[0]) is None:
            raise ValueError(f"there is no program {words[0]!r}. Write its path, or put it into PATH")
        return command

    @field_validator("scan_url")
    @classmethod
    def _safe_to_ask(cls, url: str) -> str:
        # Whoever hears the question can read the file.
        origin, path = split_origin(url) if url else ("", "")
        if "?" in path or "#" in path:
            raise ValueError("it has a query or a fragment. Write scheme, host and path alone")
        if origin.startswith("http://") and not is_loopback(urlsplit(origin).hostname or ""):
            raise ValueError(
                "it must be https, because the scanner is told how to read the file. "
                "Only a loopback address may be http"
            )
        return origin + path

    @field_validator("cloudfront_domain")
    @classmethod
    def _bare_domain(cls, domain: str) -> str:
        bare = domain.strip().lower().removeprefix("https://").rstrip("/")
        return normalised_host(bare) if bare else ""

    @field_validator("s3_region", "aws_region", "aws_default_region")
    @classmethod
    def _region_name(cls, name: str) -> str:
        if name and not _REGION.fullmatch(name):
            raise ValueError(f"{name!r} is not a region like eu-central-1")
        return name

    @field_validator("aws_credential_expiration", mode="before")
    @classmethod
    def _utc_unless_said(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            end = datetime.fromisoformat(value.strip()) if value.strip() else None
        except ValueError:
            return value  # pydantic refuses it
        return end.replace(tzinfo=UTC) if end and end.tzinfo is None else end

    @field_validator("s3_bucket")
    @classmethod
    def _bucket_name(cls, name: str) -> str:
        # docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
        if name and not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", name):
            raise ValueError(
                f"{name!r} is not a bucket name, which has 3 to 63 lower-case letters, digits, dots and hyphens"
            )
        return name

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: SecretStr) -> SecretStr:
        database_url.check(value.get_secret_value())
        return value

    @field_validator("metrics_token")
    @classmethod
    def _long_token(cls, token: SecretStr) -> SecretStr:
        if 0 < len(token.get_secret_value()) < MIN_METRICS_TOKEN_CHARACTERS:
            raise ValueError(
                f"it has at least {MIN_METRICS_TOKEN_CHARACTERS} characters, because it may be guessed without limit. "
                "`openssl rand -hex 32` makes one"
            )
        return token

    @field_validator("limits_url")
    @classmethod
    def _known_counters(cls, value: SecretStr) -> SecretStr:
        url = value.get_secret_value()
        if url in ("", "memory://"):
            return value
        try:
            parts = urlsplit(url)
            is_known = parts.scheme in ("redis", "rediss") and bool(parts.hostname and parts.port)
        except ValueError:
            is_known = False
        if not is_known:
            # Without the value, which may contain a password.
            raise ValueError("it is memory://, or like redis://host:6379/0 or rediss://:password@host:6379")
        return value

    @field_validator(*(f"limit_{limit}" for limit in Limit))
    @classmethod
    def _one_limit(cls, value: str) -> str:
        if value:
            parse_limit(value)
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, proxies: list[str]) -> list[str]:
        for proxy in proxies:
            try:
                network = ipaddress.ip_network(proxy)
            except ValueError:
                raise ValueError(f"{proxy!r} is not an address like 10.0.0.5 or 10.0.0.0/24") from None
            if not may_be_proxies(network):
                raise ValueError(
                    f"{proxy!r} has addresses of clients, who could then write their own into X-Forwarded-For. Name "
                    "only your proxies"
                )
        return proxies

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        refuse_contradictions(self)
        if not self.is_local:
            refuse_unsafe(self)
        return self

    @property
    def secret_values(self) -> list[str]:
        """What no log may contain."""
        given = [
            value for name in type(self).model_fields if isinstance(value := getattr(self, name), SecretStr)
        ]
        urls = (self.effective_database_url, self.limits_url.get_secret_value() or "memory://")
        passwords = [make_url(url).password or "" for url in urls]
        return [
            *(secret.get_secret_value() for secret in given),
            *passwords,
            self.cloudfront_private_key_pem,
        ]

    @property
    def uses_embedded_store(self) -> bool:
        return not self.s3_bucket and not self.s3_endpoint_url

    @property
    def bucket(self) -> str:
        return self.s3_bucket or "slipway"

    @property
    def region(self) -> str:
        return self.s3_region or self.aws_region or self.aws_default_region or "us-east-1"

    @property
    def is_local(self) -> bool:
        return self.environment == "local"

    @property
    def registration_is_open(self) -> bool:
        """Whether anyone may create an account, within MAX_ACCOUNTS."""
        return self.registration != "closed"

    @property
    def is_for_this_machine(self) -> bool:
        """Whether only people on this machine reach the app, so that metrics and OpenAPI need no secret."""
        hosts = [self.slipway_host, *(urlsplit(origin).hostname or "" for origin in self.app_origins)]
        return self.is_local and not self.trusted_proxies and all(map(is_loopback, hosts))

    @property
    def listens_everywhere(self) -> bool:
        return self.slipway_host in ("0.0.0.0", "::")  # noqa: S104  # compared, not bound

    @property
    def own_host(self) -> str:
        """The host that this machine's own calls connect to."""
        if self.listens_everywhere:
            return "::1" if self.slipway_host == "::" else "127.0.0.1"
        return self.slipway_host

    @property
    def store_follows_host(self) -> bool:
        """Whether browsers find the embedded store at the host of the page, because both listen beyond loopback."""
        return (
            self.uses_embedded_store
            and not self.s3_public_endpoint_url
            and not is_loopback(self.slipway_host)
        )

    @property
    def store_hosts(self) -> list[str]:
        """The hosts of the page that tell where browsers find the embedded store. Empty means any.

        A request that names another one, for example that of a proxy, means the first.
        """
        if is_loopback(self.slipway_host):
            return ["localhost", "127.0.0.1"]
        return [normalised_host(urlsplit(origin).hostname or "") for origin in self.app_origins]

    @property
    def store_has_two_names(self) -> bool:
        """Whether the embedded store is found at 127.0.0.1 and at localhost, which need not be ::1 everywhere."""
        return self.slipway_host == "127.0.0.1"

    @cached_property
    def page_origins(self) -> list[str]:
        """APP_ORIGINS, or the origins of a local installation."""
        if self.app_origins:
            return self.app_origins
        hosts = ["127.0.0.1", "localhost", *self._own_hosts]
        return list(dict.fromkeys(normalised_origin(f"http://{host}:{self.slipway_port}") for host in hosts))

    @property
    def page_addresses(self) -> list[str]:
        """Where people can open the page."""
        hosts = self._own_hosts if not self.listens_everywhere else ["localhost", *self._lan_hosts]
        own = [normalised_origin(f"http://{host}:{self.slipway_port}") for host in hosts]
        path = f"{self.public_path}/" if self.public_path else ""
        return [f"{origin}{path}" for origin in self.app_origins or own]

    @cached_property
    def _own_hosts(self) -> list[str]:
        if not self.listens_everywhere:
            return [url_host(self.slipway_host)]
        hosts = [url_host(self.own_host), *self._lan_hosts]
        with suppress(ValueError):  # a machine's name need not be a host name
            hosts.append(normalised_host(socket.gethostname()))
        return hosts

    @cached_property
    def _lan_hosts(self) -> list[str]:
        return [url_host(address) for address in lan_addresses(ipv6=self.slipway_host == "::")]

    @property
    def upload_grace(self) -> timedelta:
        return timedelta(seconds=self.upload_grace_seconds)

    @property
    def cookies_are_secure(self) -> bool:
        """False only for a local installation over plain http."""
        return not self.is_local or all(origin.startswith("https://") for origin in self.page_origins)

    def make_data_dir(self) -> None:
        try:
            self.slipway_data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            from app.core.operator_errors import OperatorError  # its packages take time

            raise OperatorError(
                f"SLIPWAY_DATA_DIR: {error.filename} cannot be used ({error.strerror})."
            ) from error

    @cached_property
    def effective_database_url(self) -> str:
        if url := self.database_url.get_secret_value():
            return url
        file = self.slipway_data_dir.absolute() / "slipway.db"
        # It percent-encodes what would end the path, such as a question mark.
        return URL.create("sqlite+aiosqlite", database=str(file)).render_as_string()

    @cached_property
    def limits(self) -> dict[Limit, RateLimitItem]:
        """The limits that are on."""
        values = {limit: getattr(self, f"limit_{limit}") for limit in Limit}
        return {limit: parse_limit(value) for limit, value in values.items() if value}

    @cached_property
    def cloudfront_private_key_pem(self) -> str:
        value = self.cloudfront_private_key.get_secret_value()
        if not value or "-----BEGIN" in value:
            return value
        try:
            return Path(value).read_text()
        except OSError as error:
            raise ValueError(f"CLOUDFRONT_PRIVATE_KEY: its file cannot be read ({error.strerror})") from None
        except UnicodeDecodeError:
            raise ValueError("CLOUDFRONT_PRIVATE_KEY: its file is not text in PEM") from None


def parse_limit(value: str) -> RateLimitItem:
    """Raise ValueError if it isn't one limit of at least one request."""
    problem = f"{value!r} is not a limit like 10/minute or 100/15 minutes. Leave it empty for no limit"
    try:
        rules = parse_many(value)
    except ValueError:
        raise ValueError(problem) from None
    # The counter has 32 bits, and the end of the window must be a date.
    if len(rules) != 1 or not 1 <= rules[0].amount < 2**31 or rules[0].get_expiry() > 10 * YEAR:
        raise ValueError(problem)
    return rules[0]
