"""Writes Swift's hash salt and rings, and returns the configuration of its four servers."""

import os
import secrets
from collections.abc import Collection, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Final

from localstore.credentials import Credentials
from localstore.data_folder import DEVICE, DataFolder
from localstore.listeners import LOOPBACK
from localstore.options import Patch

REGION: Final = "us-east-1"
INNER_SERVERS: Final = ("account", "container", "object")

_PART_POWER: Final = 4
"""2 ** 4 partitions, which are folders. A data folder keeps this number, because objects are stored by partition."""

_MAX_PARTS: Final = 10_000
"""S3's limit. Swift's default is 1,000."""

_INNER_TIMEOUT_SECONDS: Final = 30
"""Timeout of an inner server, which is in this process and waits only for the disk. Swift's defaults (0.5 s to connect,
3 s to answer) are for clusters, and on a slow disk would cause 503s and missing listings."""


def write_hash_salt(folder: DataFolder) -> Path:
    """Return the file of Swift's hash salt, and create it if it is missing.

    Swift stores objects under salted hashes. With another salt it would find none of them.
    """
    path = folder.swift_dir / "swift.conf"
    if not path.exists():
        draft = path.with_suffix(".draft")
        with open(draft, "w", encoding="ascii") as stream:
            stream.write(
                "[swift-hash]\n"
                f"swift_hash_path_prefix = {secrets.token_hex(16)}\n"
                f"swift_hash_path_suffix = {secrets.token_hex(16)}\n"
                "[storage-policy:0]\nname = embedded\ndefault = yes\n"
            )
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    return path


def write_rings(folder: DataFolder, ports: Mapping[str, int]) -> None:
    """Write the ports of the inner servers for the proxy. They change at each start."""
    from swift.common.ring import RingBuilder

    for server in INNER_SERVERS:
        builder = RingBuilder(_PART_POWER, 1, 0)
        address = {"ip": LOOPBACK, "port": ports[server]}
        replication = {"replication_ip": LOOPBACK, "replication_port": ports[server]}
        builder.add_dev(
            {"id": 0, "region": 1, "zone": 1, "weight": 1.0, "device": DEVICE, "meta": ""}
            | address
            | replication
        )
        builder.rebalance()
        path = folder.swift_dir / f"{server}.ring.gz"
        builder.get_ring().save(str(path))
        # Swift makes rings readable by all users.
        path.chmod(0o600)


def inner_server(server: str, folder: DataFolder, port: int, patches: Collection[Patch]) -> str:
    """Return the configuration of the account, container or object server."""
    waits_for_listings = server == "object" and Patch.CONTAINER_UPDATES in patches
    return _defaults(folder) + dedent(f"""
        devices = {folder.devices}
        mount_check = false
        bind_port = {port}
        disable_fallocate = true

        [pipeline:main]
        pipeline = healthcheck {server}-server

        [filter:healthcheck]
        use = egg:swift#healthcheck

        [app:{server}-server]
        use = egg:swift#{server}
        recon_cache_path = {folder.cache}
        {_container_update_settings() if waits_for_listings else ""}
        """)


def _container_update_settings() -> str:
    # By default the object server answers after 1 s, although the object may not be listed yet.
    return (
        f"container_update_timeout = {_INNER_TIMEOUT_SECONDS}\n"
        f"        node_timeout = {_INNER_TIMEOUT_SECONDS}\n"
        "        conn_timeout = 10"
    )


def proxy_server(
    folder: DataFolder, credentials: Credentials, origins: Collection[str], patches: Collection[Patch]
) -> str:
    """Return the configuration of the public server. It contains the secret, so it is never written to disk."""
    keys = [key for key in (credentials, credentials.previous) if key]
    users = [f"user_{key.access_key_id.replace(':', '_')} = {key.secret_access_key} .admin" for key in keys]
    allowed_origins = ",".join(origins)
    frees_disk = Patch.DELETES_FREE_DISK in patches
    return (
        _defaults(folder)
        + dedent(f"""
        cors_allow_origin = {allowed_origins}
        cors_expose_headers = etag
        expose_info = false

        [pipeline:main]
        pipeline = catch_errors gatekeeper listing_formats s3api tempauth copy slo proxy-server

        [app:proxy-server]
        use = egg:swift#proxy
        account_autocreate = true
        node_timeout = {_INNER_TIMEOUT_SECONDS}
        conn_timeout = 10
        # By default the proxy avoids a failing server for a minute. The only server stays in use on a full disk.
        error_suppression_interval = 0
        error_suppression_limit = 1000000

        [filter:catch_errors]
        use = egg:swift#catch_errors

        [filter:gatekeeper]
        use = egg:swift#gatekeeper

        [filter:listing_formats]
        use = egg:swift#listing_formats

        [filter:copy]
        use = egg:swift#copy

        [filter:s3api]
        use = egg:swift#s3api
        location = {REGION}
        s3_acl = false
        max_upload_part_num = {_MAX_PARTS}

        [filter:slo]
        use = egg:swift#slo
        max_manifest_segments = {_MAX_PARTS}
        allow_async_delete = {"false" if frees_disk else "true"}

        [filter:tempauth]
        use = egg:swift#tempauth
        # The path of the unused token service must not hide a bucket.
        auth_prefix = /.no-tokens/
        """)
        + "\n".join([*users, ""])
    )


def _defaults(folder: DataFolder) -> str:
    return dedent(f"""\
        [DEFAULT]
        swift_dir = {folder.swift_dir}
        log_level = ERROR
        log_custom_handlers = localstore.logs.attach_to_swift
        log_address = /dev/null""")
