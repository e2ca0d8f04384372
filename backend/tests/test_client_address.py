"""Which client a request comes from, behind proxies that are trusted and with headers that anyone may send."""

import pytest

from app.core.client_address import TrustedProxies, normalised_address

PROXY = "10.0.0.5"


@pytest.mark.parametrize(
    ("proxies", "peer", "headers", "client"),
    [
        # No proxy is trusted, or the peer is none.
        ([], "192.0.2.1", [], "192.0.2.1"),
        ([], "192.0.2.1", ["198.51.100.9"], "192.0.2.1"),
        ([PROXY], "192.0.2.1", ["198.51.100.9"], "192.0.2.1"),
        # The proxy adds its peer at the right, and what is left of it may be invented.
        ([PROXY], PROXY, [], PROXY),
        ([PROXY], PROXY, ["192.0.2.1"], "192.0.2.1"),
        ([PROXY], PROXY, ["127.0.0.1, 192.0.2.1"], "192.0.2.1"),
        ([PROXY], PROXY, [f"{PROXY}, 192.0.2.1"], "192.0.2.1"),
        ([PROXY], PROXY, ["1.1.1.1", "192.0.2.1"], "192.0.2.1"),
        ([PROXY], PROXY, ["1.1.1.1, 2.2.2.2", " 192.0.2.1 "], "192.0.2.1"),
        # Two proxies in a row, by address and by network.
        ([PROXY, "10.0.1.7"], PROXY, ["1.1.1.1, 192.0.2.1, 10.0.1.7"], "192.0.2.1"),
        (["10.0.0.0/16"], PROXY, ["192.0.2.1, 10.0.1.7, 10.0.2.8"], "192.0.2.1"),
        ([PROXY], PROXY, ["192.0.2.1, 10.0.1.7"], "10.0.1.7"),
        # A client that is a trusted host itself.
        (["10.0.0.0/16"], PROXY, ["10.0.3.3, 10.0.2.8"], "10.0.3.3"),
        # What is no address says nothing about who is left of it.
        ([PROXY], PROXY, ["192.0.2.1, unknown"], PROXY),
        ([PROXY], PROXY, ["192.0.2.1,"], PROXY),
        ([PROXY], PROXY, [""], PROXY),
        ([PROXY], PROXY, ["unknown, 192.0.2.1"], "192.0.2.1"),
        ([PROXY], PROXY, ["192.0.2.1\x00"], PROXY),
        ([PROXY], PROXY, ["192.0.2.1 198.51.100.9"], PROXY),
        ([PROXY], PROXY, ["_hidden"], PROXY),
        ([PROXY], PROXY, ["9" * 10_000], PROXY),
        ([PROXY], PROXY, ["192.0.2.999"], PROXY),
        (["10.0.0.0/16"], PROXY, ["192.0.2.1, garbage, 10.0.1.7"], "10.0.1.7"),
        # Ports, brackets, other spellings.
        ([PROXY], PROXY, ["192.0.2.1:4711"], "192.0.2.1"),
        ([PROXY], PROXY, ["[2001:DB8:0::1]:4711"], "2001:db8::1"),
        ([PROXY], PROXY, ["[2001:db8::1]"], "2001:db8::1"),
        ([PROXY], PROXY, ["2001:db8:0:0:0:0:0:1"], "2001:db8::1"),
        ([PROXY], PROXY, ['"[2001:db8::1]:4711"'], "2001:db8::1"),
        ([PROXY], PROXY, ["[2001:db8::1]x"], PROXY),
        ([PROXY], PROXY, ["fe80::1%eth0"], "fe80::1"),
        # IPv4 through a socket for both.
        ([], "::ffff:192.0.2.1", [], "192.0.2.1"),
        ([PROXY], f"::ffff:{PROXY}", ["192.0.2.1"], "192.0.2.1"),
        ([f"::ffff:{PROXY}"], PROXY, ["192.0.2.1"], "192.0.2.1"),
        (["::ffff:10.0.0.0/112"], PROXY, ["192.0.2.1"], "192.0.2.1"),
        ([PROXY], PROXY, ["::ffff:192.0.2.1"], "192.0.2.1"),
        (["10.0.0.0/16"], PROXY, ["192.0.2.1, ::ffff:10.0.1.7"], "192.0.2.1"),
        (["2001:db8::/64"], "2001:db8::5", ["2001:db8:1::9"], "2001:db8:1::9"),
        # A peer without an IP address.
        ([PROXY], "testclient", ["192.0.2.1"], "testclient"),
    ],
)
def test_client_is_the_rightmost_untrusted_address(
    proxies: list[str], peer: str, headers: list[str], client: str
) -> None:
    assert TrustedProxies(proxies).client(peer, headers) == client


@pytest.mark.parametrize("text", ["", " ", "localhost", "1.2.3", "::g", "[::1", "1.2.3.4:5:6", "0x7f.1"])
def test_other_texts_are_no_address(text: str) -> None:
    assert normalised_address(text) is None
