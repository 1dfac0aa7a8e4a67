"""V-50: which addresses may be called on a stranger's word, in all the ways in which one can be written."""

from __future__ import annotations

import ipaddress
import socket

import pytest

from grantkeeper.errors import InvalidInput
from grantkeeper.providers.addresses import PublicOnly, checked_target, is_public

PUBLIC_ADDRESSES = (
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.0",
    "128.0.0.1",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.1",
    "192.0.1.1",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.1",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
    "2003::1",
)

NOT_PUBLIC_ADDRESSES = (
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",  # Alibaba's metadata
    "100.127.255.255",
    "127.0.0.1",
    "127.1.2.3",
    "127.255.255.255",
    "168.63.129.16",  # Azure's platform
    "169.254.0.1",
    "169.254.169.254",  # metadata of AWS, Google, Azure
    "169.254.170.2",  # and of AWS's containers
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",  # Oracle's metadata
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.255",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",  # IPv4-compatible
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",  # Teredo
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::1",  # 6to4 of 127.0.0.1
    "2002:a9fe:a9fe::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",  # AWS's metadata
    "fd20:ce::254",  # Google's
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "2606:4700::1%eth0",
    "",
    "localhost",
    "127.1",
    "0x7f000001",
    "2130706433",
    "127.0.0.1 ",
)

REFUSED_URLS = (
    # not https, or none at all
    "http://hooks.example.com/in",
    "http://127.0.0.1/in",
    "http://localhost/in",
    "ftp://hooks.example.com/in",
    "file:///etc/passwd",
    "gopher://hooks.example.com:70/_x",
    "dict://hooks.example.com:11211/stat",
    "javascript:alert(1)",
    "https:hooks.example.com",
    "https:/hooks.example.com",
    "//hooks.example.com/in",
    "hooks.example.com/in",
    "https://",
    "https:///in",
    "https://?x",
    "",
    # what parsers take for different things
    "https://hooks.example.com\\@127.0.0.1/in",
    "https://hooks.example.com\t/in",
    "https://hooks.example.com\n.evil.example/in",
    "https://hooks.example.com /in",
    " https://hooks.example.com/in",
    "https://hooks.example.com/in#part",
    "https://hooks.example.com/\u2028",
    "https://b\u00fccher.example/in",
    "https://127.0.0.1\u3002nip.io/in",
    "https://\u2460\u2461\u2466.0.0.1/in",  # circled digits, which some resolvers fold
    "https://hooks.example.com%00.evil.example/in",
    "https://hooks%2eexample.com/in",
    "https://127.0.0.1%2f@hooks.example.com/in",
    "https://[::1/in",
    "https://::1/in",
    "https://[hooks.example.com]/in",
    "https://[v1.fe]/in",
    # somebody's name and password
    "https://user@hooks.example.com/in",
    "https://user:password@hooks.example.com/in",
    "https://:@hooks.example.com/in",
    "https://@hooks.example.com/in",
    "https://hooks.example.com:443@127.0.0.1/in",
    # ports
    "https://hooks.example.com:0/in",
    "https://hooks.example.com:22/in",
    "https://hooks.example.com:25/in",
    "https://hooks.example.com:80/in",
    "https://hooks.example.com:5432/in",
    "https://hooks.example.com:6379/in",
    "https://hooks.example.com:9200/in",
    "https://hooks.example.com:65536/in",
    "https://hooks.example.com:-443/in",
    "https://hooks.example.com:44 3/in",
    # names of this machine, this network, nobody
    "https://localhost/in",
    "https://LOCALHOST/in",
    "https://localhost:8443/in",
    "https://metadata/computeMetadata/v1/",
    "https://kubernetes/api",
    "https://hooks..example.com/in",
    "https://.example.com/in",
    "https://hooks.example.com./in",
    "https://-hooks.example.com/in",
    "https://hooks-.example.com/in",
    "https://" + "a" * 64 + ".example.com/in",
    "https://" + "a." * 126 + "example.com/in",
    "https://hooks.example.com/" + "a" * 2048,
    # addresses, as inet_aton reads them, too
    "https://127.0.0.1/in",
    "https://127.1/in",
    "https://127.0.1/in",
    "https://0/in",
    "https://0.0.0.0/in",
    "https://2130706433/in",
    "https://0x7f000001/in",
    "https://0X7F000001/in",
    "https://0x7f.0x0.0x0.0x1/in",
    "https://0177.0.0.1/in",
    "https://017700000001/in",
    "https://127.0.0.01/in",
    "https://0x7f.1/in",
    "https://1.1.1/in",
    "https://1.1.1.1./in",
    "https://1.1.1.256/in",
    "https://1.1.1.0x1/in",
    "https://hooks.example.0x/in",
    "https://10.0.0.1/in",
    "https://100.100.100.200/in",
    "https://168.63.129.16/in",
    "https://169.254.169.254/latest/meta-data/",
    "https://172.16.0.1/in",
    "https://192.168.1.1/in",
    "https://3232235777/in",
    "https://255.255.255.255/in",
    "https://[::]/in",
    "https://[::1]/in",
    "https://[::1]:8443/in",
    "https://[0:0:0:0:0:0:0:1]/in",
    "https://[::127.0.0.1]/in",
    "https://[::ffff:127.0.0.1]/in",
    "https://[::ffff:7f00:1]/in",
    "https://[::FFFF:169.254.169.254]/in",
    "https://[64:ff9b::7f00:1]/in",
    "https://[64:ff9b::169.254.169.254]/in",
    "https://[2002:7f00:1::]/in",
    "https://[2001::1]/in",
    "https://[fd00:ec2::254]/in",
    "https://[fe80::1]/in",
    "https://[fe80::1%25eth0]/in",
    "https://[fe80::1%eth0]/in",
    "https://[2606:4700::1%25eth0]/in",
    "https://[ff02::1]/in",
    "https://[fc00::1]/in",
    "https://[3fff::1]/in",
)

TAKEN_URLS = (
    "https://hooks.example.com/in",
    "https://hooks.example.com",
    "https://hooks.example.com:443/in?key=a%20b",
    "https://hooks.example.com:8443/in",
    "HTTPS://HOOKS.EXAMPLE.COM/in",
    "https://xn--bcher-kva.example/in",
    "https://a_b.example.com/",
    "https://1.example.com/in",
    "https://example.com1/in",
    "https://1.1.1.1/in",
    "https://[2606:4700:4700::1111]/in",
)


@pytest.mark.parametrize("address", PUBLIC_ADDRESSES)
def test_public_addresses_are_public(address: str) -> None:
    """V-50: those beside the special ranges, too."""
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC_ADDRESSES)
def test_no_other_address_is_public(address: str) -> None:
    """V-50: loopback, private, link-local, metadata, and IPv4 in the disguises of IPv6; nor what is no address."""
    assert not is_public(address)


def test_what_python_knows_to_be_special_is_not_public() -> None:
    """V-50: our table leaves out nothing that the standard library's has."""
    for number in range(0, 2**32, 65521):
        address = ipaddress.ip_address(number)
        assert not is_public(str(address)) or (address.is_global and not address.is_multicast)


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_a_url_that_leads_elsewhere_is_refused(url: str) -> None:
    """V-50: by its spelling alone, before anything is looked up."""
    with pytest.raises(InvalidInput) as caught:
        checked_target(url)
    assert "password@" not in str(caught.value)


@pytest.mark.parametrize("url", TAKEN_URLS)
def test_a_public_https_url_is_taken(url: str) -> None:
    """V-50: a name is, whatever it resolves to: that is judged at each connection."""
    assert checked_target(url) == url


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("https://10.0.0.5:9000/in", {"10.0.0.5"}),
        ("https://hooks/in", {"hooks"}),
        ("https://HOOKS.internal:1234/in", {"hooks.internal"}),
        ("http://127.0.0.1:8000/in", {"127.0.0.1"}),
        ("http://localhost:8000/in", {"localhost"}),
    ],
)
def test_what_the_operator_allows_is_taken(url: str, hosts: set[str]) -> None:
    """V-50: a host that is listed, on any port; without TLS on this machine only. Nobody else's is."""
    assert checked_target(url, hosts) == url
    with pytest.raises(InvalidInput):
        checked_target(url, {"another"})


@pytest.mark.parametrize("url", ["http://hooks.internal/in", "http://10.0.0.5/in", "https://u:p@hooks.internal/in"])
def test_an_allowed_host_is_still_called_by_tls_and_without_a_password(url: str) -> None:
    """V-50: signed messages are read by whoever is on the way, and 'inside' is no place."""
    with pytest.raises(InvalidInput):
        checked_target(url, {"hooks.internal", "10.0.0.5"})


def test_one_address_that_is_not_public_spoils_the_others() -> None:
    """V-50: a name with a public and a private address would be called at either."""
    guard = PublicOnly({"Hooks.internal"})

    assert guard("hooks.example.com", ["93.184.216.34", "2606:4700::1"])
    assert not guard("hooks.example.com", ["93.184.216.34", "127.0.0.1"])
    assert not guard("hooks.example.com", [])
    assert guard("hooks.INTERNAL", ["10.0.0.5"])
    assert not guard("nothooks.internal", ["10.0.0.5"])


def test_what_resolvers_make_of_a_number_is_refused_before_they_are_asked() -> None:
    """V-50: the spellings above are real: this machine's resolver takes them for loopback."""
    for host in ("127.1", "2130706433", "0x7f000001", "0177.0.0.1"):
        found = {entry[4][0] for entry in socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)}
        assert found == {"127.0.0.1"}
        assert not PublicOnly()(host, [str(each) for each in found])
