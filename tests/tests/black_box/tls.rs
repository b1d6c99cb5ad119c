//! TLS, by flags.

use std::time::{Duration, Instant};

use pilotlight_testing::certificates::{Certificate, Files, client, connect};
use pilotlight_tests::{Server, outcome, pilotlight, test_guest};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_shown_and_followed_and_the_administration_stays_plain() {
    let [old, new] = [Certificate::new(), Certificate::new()];
    let files = Files::of(&old);
    let (certificate, key, guest) = (files.certificate(), files.key(), test_guest("p3"));
    let [certificate, key, guest] = [&certificate, &key, &guest].map(|path| path.to_str().unwrap());
    let server = Server::start(&[guest, "--tls-certificate", certificate, "--tls-key", key]);
    let address = server.url.strip_prefix("https://").unwrap().parse().unwrap();
    let stream = connect(address, client(&old, &["h2", "http/1.1"])).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    assert!(server.admin.starts_with("http://127.0.0.1:"), "{}", server.admin);
    files.put_certificate(&new);
    files.put_key(&new);
    let start = Instant::now();
    while connect(address, client(&new, &[])).await.is_err() {
        assert!(start.elapsed() < PATIENCE, "the new certificate is never shown");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn a_pair_that_does_not_fit_is_no_start() {
    let files = Files::of(&Certificate::new());
    files.put_key(&Certificate::new());
    let (certificate, key, guest) = (files.certificate(), files.key(), test_guest("p3"));
    let mut command = pilotlight(&["serve", "--listen", "127.0.0.1:0"]);
    command.args(["--admin-listen", "127.0.0.1:0"]).arg(guest);
    command.arg("--tls-certificate").arg(certificate).arg("--tls-key").arg(key);
    let (code, error) = outcome(&mut command);
    assert!(code == 1 && error.contains("is not the key of the first certificate"), "{error}");
}
