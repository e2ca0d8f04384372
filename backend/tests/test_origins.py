"""How settings read origins, hosts and endpoints as people write them."""

from typing import Any

import pytest
from pydantic import ValidationError

from app.core.config import Settings
from app.core.origins import csp_source, is_loopback, normalised_host, normalised_origin

ORIGINS = {
    "https://video.example": "https://video.example",
    "HTTPS://Video.Example": "https://video.example",
    "http://LocalHost:18411": "http://localhost:18411",
    "https://video.example:443": "https://video.example",
    "http://video.example:80": "http://video.example",
    "http://video.example:443": "http://video.example:443",
    "https://video.example:80": "https://video.example:80",
    "https://video.example:": "https://video.example",
    "https://video.example:08443": "https://video.example:8443",
    "https://video.example/": "https://video.example",
    "https://video.example:443//": "https://video.example",
    "  https://video.example\t": "https://video.example",
    "https://bücher.example": "https://xn--bcher-kva.example",
    "https://BÜCHER.example:443/": "https://xn--bcher-kva.example",
    "https://faß.example": "https://xn--fa-hia.example",
    "https://видео.рф": "https://xn--b1aedk6a.xn--p1ai",
    "https://video。example": "https://video.example",
    "https://xn--bcher-kva.example": "https://xn--bcher-kva.example",
    "http://my_app:8000": "http://my_app:8000",
    "http://nas:8000": "http://nas:8000",
    "http://192.168.1.5:8000/": "http://192.168.1.5:8000",
    "http://[::1]:8000": "http://[::1]:8000",
    "http://[2001:DB8:0:0::0001]:80/": "http://[2001:db8::1]",
    "https://[2001:db8::1]:443": "https://[2001:db8::1]",
    "http://[::ffff:192.0.2.1]": "http://[::ffff:c000:201]",
}
NO_ORIGINS = {
    "video.example": "no scheme",
    "localhost:8000": "no scheme",
    "//video.example": "no scheme",
    "null": "no scheme",
    "*": "wildcard",
    "https://*.video.example": "wildcard",
    "http://localhost:*": "wildcard",
    "https://video.example/app": "Write https://video.example$",
    "HTTPS://video.example:443/app/": "Write https://video.example$",
    "https://video.example?x=1": "Write https://video.example$",
    "https://video.example#top": "Write https://video.example$",
    "https://video.example\\app": "Write https://video.example$",
    "ftp://video.example": "another scheme",
    "chrome-extension://abc": "another scheme",
    "https://user@video.example": "user name",
    "https://user:geheim@video.example": "user name",
    "user:geheim@video.example": "user name",
    "https://": "not an origin",
    "https://:8000": "not an origin",
    "http://a b": "not a host",
    "https://video..example": "not a host",
    "https://-video.example": "not a host",
    "https://video%2eexample": "not a host",
    '"https://video.example"': "another scheme",
    "https://video.example;https://b.example": "not a host|no port",
    "https://video.example:99999": "no port",
    "https://video.example:0": "no port",
    "https://video.example:https": "no port",
    "http://256.1.1.1": "not an IPv4 address",
    "http://127.1:8000": "not an IPv4 address",
    "http://0x7f.1": "not an IPv4 address",
    "http://::1:8000": "without brackets",
    "http://[::1": "not an IPv6 address|without brackets",
    "http://[::g]:8000": "not an IPv6 address",
    "http://[fe80::1%25eth0]:8000": "not an IPv6 address|zone",
    "http://[fe80::1%eth0]:8000": "zone",
}


def make(**values: Any) -> Settings:
    return Settings(_env_file=None, **values)


@pytest.mark.parametrize(("written", "sent"), ORIGINS.items())
def test_origin_becomes_what_browsers_send(written: str, sent: str) -> None:
    assert normalised_origin(written) == sent
    assert make(app_origins=f"{written}, {written}").page_origins == [sent]


@pytest.mark.parametrize(("written", "sentence"), NO_ORIGINS.items())
def test_refusal_says_what_to_write(written: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as refused:
        normalised_origin(written)
    assert "Write " in str(refused.value)
    assert "geheim" not in str(refused.value)
    # The address of a store may have a path.
    stores = () if written.rstrip("/").endswith("/app") else ("s3_endpoint_url", "s3_public_endpoint_url")
    for name in ("app_origins", *stores):
        with pytest.raises(ValidationError, match=name):
            make(**{name: written})


@pytest.mark.parametrize(
    ("written", "used"),
    [
        ("", ""),
        ("  ", ""),
        ("HTTPS://S3.Example:443/", "https://s3.example"),
        ("http://[2001:DB8::1]:9000", "http://[2001:db8::1]:9000"),
        ("HTTPS://S3.Example:443/Storage/v1/", "https://s3.example/Storage/v1"),
        ("http://bücher.example:80", "http://xn--bcher-kva.example"),
    ],
)
def test_endpoints_are_normalised(written: str, used: str) -> None:
    settings = make(s3_endpoint_url=written, s3_public_endpoint_url=written)

    assert (settings.s3_endpoint_url, settings.s3_public_endpoint_url) == (used, used)


@pytest.mark.parametrize(
    "written", ["d1.cloudfront.net", "D1.CloudFront.net", "https://d1.cloudfront.net/", " d1.cloudfront.net "]
)
def test_cloudfront_domain_is_a_bare_host(written: str) -> None:
    with pytest.raises(ValidationError, match="belong together"):
        make(cloudfront_domain=written)
    assert Settings._bare_domain(written) == "d1.cloudfront.net"


@pytest.mark.parametrize(
    "written", ["d1.cloudfront.net/path", "http://d1.cloudfront.net", "*.cloudfront.net"]
)
def test_cloudfront_domain_refuses_more_than_a_host(written: str) -> None:
    with pytest.raises(ValidationError, match="is not a"):
        make(cloudfront_domain=written)


@pytest.mark.parametrize(
    ("written", "listens_on"),
    [
        ("127.0.0.1", "127.0.0.1"),
        (" LocalHost ", "localhost"),
        ("0.0.0.0", "0.0.0.0"),  # noqa: S104  # a setting, not bound
        ("::", "::"),
        ("[::]", "::"),
        ("::0", "::"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("[2001:DB8::5]", "2001:db8::5"),
        ("NAS.local", "nas.local"),
    ],
)
def test_host_to_listen_on(written: str, listens_on: str) -> None:
    assert make(slipway_host=written).slipway_host == listens_on


@pytest.mark.parametrize(
    "written",
    [
        "",
        "*",
        "http://0.0.0.0",
        "0.0.0.0:8000",
        "[::]:8000",
        "0",
        "fe80::1%eth0",
        "a b",
        "192.168.1.0/24",
        "::g",
    ],
)
def test_refuses_no_host_to_listen_on(written: str) -> None:
    with pytest.raises(ValidationError, match="slipway_host"):
        make(slipway_host=written)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("localhost", True),
        ("::1", True),
        ("[::1]", True),
        ("videos.localhost", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:192.168.1.5", False),
        ("localhost.example", False),
        ("0.0.0.0", False),  # noqa: S104  # a setting, not bound
        ("::", False),
        ("192.168.1.5", False),
        ("video.example", False),
    ],
)
def test_knows_loopback(host: str, *, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("origin", "source"),
    [
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("https://s3.example", "https://s3.example"),
        ("http://[::1]:9000", "http://*:9000"),
        ("https://[2001:db8::1]", "https://*:443"),
        ("http://[2001:db8::1]", "http://*:80"),
    ],
)
def test_policy_names_no_ipv6_address(origin: str, source: str) -> None:
    assert csp_source(origin) == source


@pytest.mark.parametrize("host", ["::1", "[::1]", "0:0::1"])
def test_ipv6_host_has_one_form(host: str) -> None:
    assert normalised_host(host) == "[::1]"


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("", ""),
        ("/", ""),
        (" / ", ""),
        ("//", ""),
        ("/video", "/video"),
        ("video", "/video"),
        ("/video/", "/video"),
        (" video/ ", "/video"),
        ("/apps/video-2.0_x~y/", "/apps/video-2.0_x~y"),
        ("/Video", "/Video"),
    ],
)
def test_public_path_has_one_form(written: str, path: str) -> None:
    assert make(public_path=written).public_path == path


@pytest.mark.parametrize(
    "written",
    [
        "/..",
        "/video/../x",
        "/./video",
        "/a//b",
        "/a b",
        "/a?b",
        "/a#b",
        "/a;b",
        "/a%20b",
        "/a\\b",
        "/a*",
        "/vidéo",
        '/a"><script>',
        "https://video.example/video",
        "/api",
        "/api/v1",
        "_next",
        "/metrics",
        "/login",
        "/register",
    ],
)
def test_refuses_no_public_path(written: str) -> None:
    with pytest.raises(ValidationError, match=r"public_path\n.*Write "):
        make(public_path=written)


@pytest.mark.parametrize("written", ["", " ", "*"])
def test_host_that_names_nothing_says_what_to_write(written: str) -> None:
    with pytest.raises(ValidationError, match=r"0\.0\.0\.0"):
        make(slipway_host=written)
