//! Addresses of hosts and network interfaces, and devices.

use crate::checks::{any, finance, network};
use crate::recognizer::{Edges, Recognizer};

pub(super) const ROWS: &[Recognizer] = &[
    Recognizer::new("ipv4", "IP_ADDRESS", r"\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?", network::ipv4)
        .scores(0.7, 0.7)
        .edges(Edges::Number)
        .context(&["ip", "address", "host", "server", "adresse", "dirección", "地址"])
        .source("RFC 791, RFC 4632")
        .examples(&["192.168.1.17", "10.0.0.0/8"]),
    Recognizer::new(
        "ipv6",
        "IP_ADDRESS",
        r"(?:[0-9A-Fa-f]{1,4}:|::)[0-9A-Fa-f:]*(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{1,4}|::)(?:%[A-Za-z0-9]{1,15})?(?:/\d{1,3})?",
        network::ipv6,
    )
    .scores(0.8, 0.8)
    .context(&["ip", "ipv6", "address"])
    .source("RFC 4291, RFC 5952")
    .examples(&["2001:db8::8a2e:370:7334", "fe80::1%eth0", "::ffff:192.0.2.128"]),
    Recognizer::new(
        "mac_address",
        "MAC_ADDRESS",
        r"[0-9A-Fa-f]{2}(?:[:\-][0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}",
        network::mac,
    )
    .scores(0.85, 0.85)
    .source("IEEE 802-2014, section 8")
    .examples(&["00:1A:2B:3C:4D:5E", "00-1a-2b-3c-4d-5e", "001a.2b3c.4d5e"]),
    Recognizer::new("imei", "IMEI", r"\d{2}[ \-]?\d{6}[ \-]?\d{6}[ \-]?\d", finance::imei)
        .scores(0.0, 0.3)
        .edges(Edges::Groups)
        .context(&["imei", "device", "handset", "gerät", "appareil"])
        .source("3GPP TS 23.003, annex B")
        .examples(&["490154203237518"]),
    Recognizer::new("uuid_device", "DEVICE_ID", r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", any)
        .scores(0.2, 0.2)
        .context(&["idfa", "gaid", "advertising id", "device id", "android id"])
        .source("RFC 9562")
        .examples(&["123e4567-e89b-12d3-a456-426614174000"]),
];
