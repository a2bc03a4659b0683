"""Addresses that are never asked."""

import pytest

from scalewarden.sources.addresses import refused


@pytest.mark.parametrize("address", ["10.244.1.7", "192.168.4.5", "100.64.0.9", "127.0.0.1", "fd00:10::7", "::1"])
def test_pods_have_these(address: str) -> None:
    assert refused(address) is None


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("169.254.169.254", "link-local or metadata"),
        ("169.254.0.1", "link-local or metadata"),
        ("fe80::1", "link-local or metadata"),
        ("fe80::1%eth0", "link-local or metadata"),
        ("::ffff:169.254.169.254", "link-local or metadata"),
        ("64:ff9b::a9fe:a9fe", "link-local or metadata"),
        ("2002:a9fe:a9fe::1", "link-local or metadata"),
        ("100.100.100.200", "link-local or metadata"),
        ("168.63.129.16", "link-local or metadata"),
        ("fd00:ec2::254", "link-local or metadata"),
        ("0.0.0.0", "multicast or unspecified"),
        ("::", "multicast or unspecified"),
        ("224.0.0.1", "multicast or unspecified"),
        ("ff02::1", "multicast or unspecified"),
        ("255.255.255.255", "multicast or unspecified"),
        ("metadata.google.internal", "host name"),
        ("2852039166", "host name"),
        ("0251.0376.0251.0376", "host name"),
        ("", "host name"),
    ],
)
def test_no_honest_pod_has_these(address: str, kind: str) -> None:
    assert kind in str(refused(address))
