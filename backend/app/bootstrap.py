"""Choose adapters from the settings and build the services."""

import asyncio
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.adapters.delivery import CloudFrontDelivery, PresignedDelivery
from app.adapters.limit_counters import DatabaseCounters, MemoryCounters
from app.adapters.probe import StoredObjectProbe
from app.adapters.s3 import S3Storage
from app.adapters.s3_bucket import BucketSetup
from app.adapters.s3_connection import S3Connection, make_signer
from app.adapters.s3_credentials import describe_credentials
from app.adapters.s3_region import find_region
from app.adapters.scan_command import CommandScanner
from app.api.present import KEPT_LINKS
from app.core.clock import SharedClock, SystemClock
from app.core.config import Settings
from app.core.db import Database
from app.core.opened_host import OPENED_HOST
from app.core.origins import url_host
from app.core.recent import Recent
from app.core.schema import require_usable
from app.core.security import PasswordHasher
from app.core.storage_causes import status_and_code
from app.embedded import EmbeddedStoreProcess, free_port
from app.ports import Clock, DeliveryUrls, LimitCounters, MediaProbe, ObjectStorage, Scanner
from app.services.account_deletion import AccountDeletion
from app.services.accounts import AccountService
from app.services.assembly import Assembly
from app.services.background import BackgroundTasks
from app.services.completion import CompletionService
from app.services.inventory import Inventory
from app.services.probe_queue import ProbeQueue
from app.services.processing import ProcessingService
from app.services.rate_limits import RateLimits
from app.services.readiness import Readiness
from app.services.reconciler import Reconciler
from app.services.registration import RegistrationService
from app.services.removal import Removal
from app.services.scanning import Scanning
from app.services.searches import Searches
from app.services.storage_proof import StorageProof
from app.services.sweep.bucket import VERSIONS_SENTENCES, BucketCheck
from app.services.sweep.fail_missing import FailMissing
from app.services.sweep.sweep import Sweep
from app.services.undo import UndoService
from app.services.uploads import UploadService
from app.services.user_admin import UserAdmin
from app.services.video_admin import VideoAdmin
from app.services.videos import VideoService
from localstore.credentials import load_or_create_credentials
from localstore.swift_config import REGION

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PROBES_AT_ONCE = 4


@dataclass(frozen=True)
class Application:
    """The services and adapters of a process."""

    settings: Settings
    clock: Clock
    database: Database
    storage: ObjectStorage
    delivery: DeliveryUrls
    queue: ProbeQueue
    hasher: PasswordHasher
    tasks: BackgroundTasks
    limits: RateLimits
    registration: RegistrationService
    accounts: AccountService
    user_admin: UserAdmin
    video_admin: VideoAdmin
    deletion: AccountDeletion
    uploads: UploadService
    completion: CompletionService
    videos: VideoService
    undo: UndoService
    removal: Removal
    processing: ProcessingService
    reconciler: Reconciler
    sweep: Sweep
    fail_missing: FailMissing
    storage_proof: StorageProof
    bucket: BucketCheck
    readiness: Readiness
    inventory: Inventory
    store_origins: Callable[[], Sequence[str]]
    """Return the other origins that the page uses, for its Content-Security-Policy.

    The host of a bucket at AWS changes when its region is found.
    """
    store: EmbeddedStoreProcess | None = None
    connection: S3Connection | None = None
    links: Recent[None] = field(default_factory=lambda: Recent(KEPT_LINKS), repr=False)
    """The delivery URLs that the audit log has, by session."""

    async def prepare(self) -> str:
        """Set the clock and return the database's schema.

        Raise NoDatabase, SchemaOutdated, SchemaTooNew, DatabaseUnavailable, or OperationalError if there is no server.
        """
        found = await asyncio.to_thread(require_usable, self.settings.effective_database_url)
        await self.set_clock()
        return found

    async def set_clock(self) -> None:
        """Set the clock by the database's. Raise DatabaseUnavailable."""
        if isinstance(self.clock, SharedClock):
            await self.clock.set_by(self.database)

    async def close(self) -> None:
        if self.store:
            await self.store.stop()
        self.hasher.close()
        await self.limits.counters.close()
        await self.database.close()


def build(settings: Settings) -> Application:
    """Build the application without using network or database."""
    store: EmbeddedStoreProcess | None = None
    if settings.uses_embedded_store:
        settings.make_data_dir()
        store_port = settings.slipway_store_port or free_port(settings.slipway_host)
        store_dir = settings.slipway_data_dir / "store"
        store = EmbeddedStoreProcess(
            store_dir,
            settings.slipway_host,
            store_port,
            settings.page_origins,
            any_local_origin=not settings.app_origins,
            proxies=settings.trusted_proxies,
        )
        connection = embedded_connection(settings, store_port)
    else:
        connection = s3_connection(settings)
    signer = make_signer(connection)
    cdn = [f"https://{settings.cloudfront_domain}"] if settings.cloudfront_domain else []
    delivery: DeliveryUrls = PresignedDelivery(signer, settings.delivery_url_ttl_seconds)
    if settings.cloudfront_domain:
        delivery = CloudFrontDelivery(
            settings.cloudfront_domain,
            settings.cloudfront_key_pair_id,
            settings.cloudfront_private_key_pem,
            settings.delivery_url_ttl_seconds,
        )
    return assemble(
        settings,
        clock=pick_clock(settings),
        storage=S3Storage(connection, signer),
        delivery=delivery,
        store_origins=lambda: [_origin(signer.bucket_url), *cdn],
        store=store,
        connection=connection,
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def pick_clock(settings: Settings) -> Clock:
    """Return this machine's clock, corrected by PostgreSQL's if several machines may share the database."""
    own = SystemClock()
    return own if settings.effective_database_url.startswith("sqlite") else SharedClock(own)


def pick_counters(settings: Settings, database: Database, clock: Clock) -> LimitCounters:
    """Return where limits count. Processes that share PostgreSQL share its counters, unless LIMITS_URL names others."""
    url = settings.limits_url.get_secret_value()
    own = MemoryCounters(clock)
    if url.startswith("redis"):
        from app.adapters.redis_counters import RedisCounters  # its packages take memory

        return RedisCounters(url, own)
    return own if url or database.is_sqlite else DatabaseCounters(database, clock)


def pick_scanner(settings: Settings) -> Scanner | None:
    """Return None if no scanner is set, so that videos become ready without a scan."""
    if settings.scan_command:
        return CommandScanner(shlex.split(settings.scan_command))
    if settings.scan_url:
        from app.adapters.scan_url import UrlScanner  # httpx is only for this

        return UrlScanner(settings.scan_url)
    return None


def assemble(
    settings: Settings,
    *,
    clock: Clock,
    storage: ObjectStorage,
    delivery: DeliveryUrls,
    store_origins: Callable[[], Sequence[str]] = tuple,
    store: EmbeddedStoreProcess | None = None,
    connection: S3Connection | None = None,
    probe: MediaProbe | None = None,
    scanner: Scanner | None = None,
) -> Application:
    """Build the services on these adapters."""
    database = Database(settings.effective_database_url, settings.database_pool_size)
    queue = ProbeQueue(database, clock)
    hasher = PasswordHasher()
    tasks = BackgroundTasks()
    limits = RateLimits(pick_counters(settings, database, clock), settings.limits)
    grace = settings.upload_grace
    completion = CompletionService(database, Assembly(storage), queue, clock, tasks)
    removal = Removal(database, storage, clock)
    bucket = BucketCheck(database, storage, settings.bucket)
    scanner = scanner or pick_scanner(settings)
    scanning = Scanning(database, storage, clock, scanner, settings.scan_timeout_seconds) if scanner else None
    registration = RegistrationService(
        database, clock, hasher, settings.registration_is_open, settings.max_accounts
    )
    deletion = AccountDeletion(database, clock)
    return Application(
        settings=settings,
        clock=clock,
        database=database,
        storage=storage,
        delivery=delivery,
        queue=queue,
        hasher=hasher,
        tasks=tasks,
        limits=limits,
        registration=registration,
        accounts=AccountService(
            database,
            clock,
            hasher,
            timedelta(seconds=settings.session_idle_seconds),
            timedelta(seconds=settings.session_absolute_seconds),
            limits,
            deletion,
        ),
        user_admin=UserAdmin(
            database, clock, registration, removal, bucket, deletion, settings.user_quota_bytes
        ),
        video_admin=VideoAdmin(database, clock, removal, bucket),
        deletion=deletion,
        uploads=UploadService(database, storage, clock, tasks, settings),
        completion=completion,
        videos=VideoService(database, clock, tasks, removal, Searches(settings.database_pool_size)),
        undo=UndoService(
            database,
            clock,
            timedelta(seconds=settings.delete_undo_seconds),
            settings.user_max_uploads_in_flight,
        ),
        removal=removal,
        processing=ProcessingService(database, probe or StoredObjectProbe(storage), clock, scanning),
        reconciler=Reconciler(database, storage, clock, tasks, completion, removal, grace),
        sweep=Sweep(database, storage, clock, grace, timedelta(seconds=settings.sweep_interval_seconds)),
        fail_missing=FailMissing(database, storage, clock, bucket),
        storage_proof=StorageProof(database, storage, clock),
        bucket=bucket,
        readiness=Readiness(database, bucket, clock, tasks),
        inventory=Inventory(database, clock),
        store_origins=store_origins,
        store=store,
        connection=connection,
    )


def apply_storage(
    application: Application, show: Callable[[str], None] = lambda _: None, *, dry_run: bool = False
) -> list[str]:
    """Create the bucket and its CORS rule. `show` the difference first, and return a sentence for each step."""
    setup = _bucket_setup(application)
    created = setup.create(dry_run=dry_run)
    return [created, setup.set_cors(show, dry_run=dry_run)]


async def check_storage(application: Application) -> list[str]:
    """Return what an operator may want to know about the store. Raise StorageUnavailable."""
    await application.storage.check()
    setup = await asyncio.to_thread(_bucket_setup, application)
    return [
        f"Bucket {setup.bucket}: answers.",
        f"Region: {setup.region}.",
        f"Credentials: {describe_credentials(setup.client)}.",
        await asyncio.to_thread(setup.cors_state),
        VERSIONS_SENTENCES[await application.storage.versions()],
    ]


def _bucket_setup(application: Application) -> BucketSetup:
    connection = application.connection
    if connection is None:
        raise ValueError("this application has no S3 connection")

    def client_in(region: str) -> "S3Client":
        return replace(connection, region=region).client(
            connection.endpoint_url, connection.read_timeout_seconds
        )

    region, refusal = find_region(client_in, connection.bucket, connection.region)
    if refusal and status_and_code(refusal)[0] != 404:
        raise refusal
    return BucketSetup(client_in(region), connection.bucket, region, application.settings.page_origins)


def s3_connection(settings: Settings) -> S3Connection:
    endpoint_url = settings.s3_endpoint_url or None
    token = settings.aws_session_token.get_secret_value() or None
    return S3Connection(
        bucket=settings.bucket,
        region=settings.region,
        endpoint_url=endpoint_url,
        public_endpoint_url=settings.s3_public_endpoint_url or endpoint_url,
        access_key_id=settings.aws_access_key_id or None,
        secret_access_key=settings.aws_secret_access_key.get_secret_value() or None,
        session_token=token,
        credentials_end=settings.aws_credential_expiration if token else None,
        ca_bundle=settings.aws_ca_bundle or None,
        threads=settings.storage_threads,
        queue=settings.storage_queue,
        connect_timeout_seconds=settings.storage_connect_timeout_seconds,
        read_timeout_seconds=settings.storage_read_timeout_seconds,
        attempts=settings.storage_attempts,
    )


def embedded_connection(settings: Settings, store_port: int) -> S3Connection:
    credentials = load_or_create_credentials(settings.slipway_data_dir / "store")
    endpoint_url = f"http://{url_host(settings.own_host)}:{store_port}"
    named_by_page = settings.store_follows_host or settings.store_has_two_names
    public_url = f"http://{OPENED_HOST}:{store_port}" if named_by_page else endpoint_url
    return replace(
        s3_connection(settings),
        endpoint_url=endpoint_url,
        public_endpoint_url=settings.s3_public_endpoint_url or public_url,
        access_key_id=credentials.access_key_id,
        secret_access_key=credentials.secret_access_key,
        # The other AWS settings of this machine are not this store's.
        region=REGION,
        session_token=None,
        credentials_end=None,
        ca_bundle=None,
        is_embedded=True,
    )
