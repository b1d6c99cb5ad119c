//! Certificates that are exchanged while serving.

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pilotlight::Error;
use pilotlight_testing::certificates::{Certificate, Files, client, connect};
use pilotlight_tests::hosts::open_tls;

use crate::clients::Raw;
use crate::serving::{Function, PATIENCE, Serving, limits};

async fn serving(tls: pilotlight::Tls) -> (Function, Serving) {
    let function = Function::default();
    let serving = Serving::with(&function, limits(|_| {}), Some(tls), PATIENCE).await;
    (function, serving)
}

/// Whether new connections are shown `certificate`.
async fn shows(address: SocketAddr, certificate: &Certificate) -> bool {
    connect(address, client(certificate, &[])).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_pair_is_shown_to_new_connections_and_no_request_is_lost() {
    let [old, new] = [Certificate::new(), Certificate::new()];
    let files = Files::of(&old);
    let tls = open_tls(&files).unwrap();
    let (function, serving) = serving(tls.clone()).await;
    let mut there = Raw(connect(serving.address, client(&old, &[])).await.unwrap());
    there.send("GET /held HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    function.begun().await;
    files.put_certificate(&new);
    files.put_key(&new);
    assert!(shows(serving.address, &old).await, "nobody has asked for it yet");
    tls.reload().unwrap();
    assert!(shows(serving.address, &new).await);
    assert!(!shows(serving.address, &old).await);
    function.let_go();
    assert_eq!(there.answer().await.status, 200);
    assert_eq!(there.get("/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_change_are_followed() {
    let [old, new] = [Certificate::new(), Certificate::new()];
    let files = Files::of(&old);
    let tls = open_tls(&files).unwrap();
    let (_, serving) = serving(tls.clone()).await;
    let following = tokio::spawn(tls.follow(Duration::from_millis(5)));
    assert!(shows(serving.address, &old).await);
    files.put_certificate(&new);
    files.put_key(&new);
    let start = Instant::now();
    while !shows(serving.address, &new).await {
        assert!(start.elapsed() < PATIENCE, "never taken over");
    }
    following.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_that_is_broken_leaves_the_old_one_in_use() {
    let [old, new] = [Certificate::new(), Certificate::new()];
    let files = Files::of(&old);
    let tls = open_tls(&files).unwrap();
    let (_, serving) = serving(tls.clone()).await;
    let refused = |reason: &str| {
        let error = tls.reload().unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    };
    files.put_certificate(&new);
    refused("key.pem is not the key of the first certificate");
    assert!(shows(serving.address, &old).await);
    fs::write(files.certificate(), "").unwrap();
    refused("cert.pem contains no certificate");
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::write(files.certificate(), garbage).unwrap();
    refused("cert.pem the first certificate cannot be read");
    fs::write(files.certificate(), "-----BEGIN CERTIFICATE-----\n!").unwrap();
    refused("cert.pem is not PEM");
    files.put_certificate(&old);
    fs::write(files.key(), "hello").unwrap();
    refused("key.pem contains no private key");
    fs::write(files.key(), garbage.replace("CERTIFICATE", "PRIVATE KEY")).unwrap();
    refused("key.pem is not a key that TLS supports");
    fs::remove_file(files.key()).unwrap();
    assert!(matches!(tls.reload(), Err(Error::Io { .. })));
    assert!(shows(serving.address, &old).await);
    files.put_certificate(&new);
    files.put_key(&new);
    tls.reload().unwrap();
    assert!(shows(serving.address, &new).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_has_expired_is_shown_all_the_same() {
    let expired = Certificate::expired();
    let (_, serving) = serving(open_tls(&Files::of(&expired)).unwrap()).await;
    let refused = connect(serving.address, client(&expired, &[])).await.unwrap_err();
    assert!(refused.to_string().contains("expired"), "{refused}");
}
