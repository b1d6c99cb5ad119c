//! Which servers are believed to be who they say they are.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::stub::{Answer, Stub, component, manifest, serving};
use pilotlight_registry::{Credentials, Error, Limits, Reference, Remote, Result};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Tells the test that is a process of its own what to pull.
const TOLD: &str = "PILOTLIGHT_TEST_REFERENCE";

/// A self-signed certificate for 127.0.0.1, whose key lies beside it: nobody's secret.
fn certificate() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls/certificate.pem")
}

/// Serves the component over TLS to whoever asks, until the process ends.
fn storage() -> SocketAddr {
    let key = std::fs::read(certificate().with_file_name("key.der")).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key));
    let chain = vec![CertificateDer::from_pem_file(certificate()).unwrap()];
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = Arc::new(builder.with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = BufReader::new(StreamOwned::new(connection, stream.unwrap()));
            let mut line = String::new();
            while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            let body = component("a");
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            // Whoever does not trust us does not read this.
            let _ = stream.get_mut().write_all(&[head.as_bytes(), &body].concat());
        }
    });
    address
}

/// Answers one connection in the clear.
fn without_tls() -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let plain = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").unwrap();
        // Until the other side has read it and gone.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    (address, plain)
}

/// A registry that keeps its components at `storage`.
fn registry(storage: SocketAddr) -> Stub {
    Stub::start(move |request| {
        if request.path.contains("/manifests/") {
            return Some(
                Answer::status(200).body(manifest(&["application/wasm"], &component("a"))),
            );
        }
        Some(Answer::status(307).header("location", &format!("https://{storage}/blob")))
    })
}

fn pull(reference: Reference) -> Result<Vec<u8>> {
    let mut into = Vec::new();
    let mut remote = Remote::new(reference, Credentials::Anonymous);
    remote.pull(&mut into, &Limits::default(), &mut |_, _| {})?;
    Ok(into)
}

#[test]
fn a_certificate_that_this_machine_does_not_trust_is_refused() {
    let error = pull(registry(storage()).reference("x")).unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(
        error.to_string().contains("name the authority's certificate in SSL_CERT_FILE"),
        "{error}"
    );
}

#[test]
fn an_authority_of_ones_own_is_trusted_where_it_is_named() {
    let stub = registry(storage());
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "trusting::pulls_what_it_is_told", "--ignored", "--nocapture"]);
    command.env("SSL_CERT_FILE", certificate()).env_remove("SSL_CERT_DIR");
    let status = command.env(TOLD, stub.reference("x").to_string()).status().unwrap();
    assert!(status.success());
    assert_eq!(stub.seen().len(), 2);
}

#[test]
fn a_server_without_tls_where_it_should_have_it_is_told_apart() {
    let (address, plain) = without_tls();
    let error = pull(registry(address).reference("x")).unwrap_err().to_string();
    assert!(error.starts_with(&address.to_string()), "{error}");
    assert!(error.contains("pass --plain-http"), "{error}");
    plain.join().unwrap();
}

#[test]
fn another_machine_is_spoken_to_in_the_clear_only_where_that_is_allowed() {
    let content = component("a");
    let manifest = manifest(&["application/wasm"], &content);
    let body = content.clone();
    let stub = Stub::start(serving(manifest, move || Some(Answer::status(200).body(body.clone()))));
    // An address that leads here without being one of this machine's names.
    let reference = stub.authority().replace("127.0.0.1", "0.0.0.0");
    let reference = Reference::parse(&format!("oci://{reference}/x")).unwrap();
    let mut remote = Remote::new(reference, Credentials::Anonymous).plain_http(true);
    let mut into = Vec::new();
    remote.pull(&mut into, &Limits::default(), &mut |_, _| {}).unwrap();
    assert_eq!(into, content);

    let (address, plain) = without_tls();
    let reference = format!("oci://0.0.0.0:{}/x", address.port());
    let error = pull(Reference::parse(&reference).unwrap()).unwrap_err().to_string();
    assert!(error.contains("pass --plain-http"), "{error}");
    plain.join().unwrap();
}

#[test]
#[ignore = "run by the test that names an authority"]
fn pulls_what_it_is_told() {
    let Ok(reference) = std::env::var(TOLD) else { return };
    assert_eq!(pull(Reference::parse(&reference).unwrap()).unwrap(), component("a"));
}
