//! The manifest for Kubernetes: its container under `runc`, with volumes as the kubelet makes them.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use pilotlight_testing::certificates::{Certificate, Files, client, connect};
use pilotlight_tests::{root, test_guest};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use yaml_rust2::{Yaml, YamlLoader};

use crate::kubelet::{Volumes, arguments};
use crate::runc::{Image, Start, runc};

const PATIENCE: Duration = Duration::from_secs(60);
const TOKEN: &str = "0123456789abcdef0123456789abcdef";
/// A second function, for a changed ConfigMap.
const SECOND: &str = "\n[functions.second]\nsource = \"/models/pii-ner.wasm\"\n\
    [[routes]]\nmatch = { path = \"/second\" }\nto = \"second\"\n[[routes]]\nto = \"default\"\n";

/// The documents of the manifest.
struct Manifest(Vec<Yaml>);

impl Manifest {
    fn read() -> Self {
        let text = fs::read_to_string(root().join("deploy/kubernetes/pilotlight.yaml")).unwrap();
        Self(YamlLoader::load_from_str(&text).unwrap())
    }

    fn of_kind(&self, kind: &str) -> &Yaml {
        self.0.iter().find(|document| document["kind"].as_str() == Some(kind)).unwrap()
    }

    fn pod(&self) -> &Yaml {
        &self.of_kind("Deployment")["spec"]["template"]["spec"]
    }

    fn container(&self) -> &Yaml {
        &self.pod()["containers"][0]
    }

    fn id(&self, name: &str) -> u32 {
        self.pod()["securityContext"][name].as_i64().unwrap().try_into().unwrap()
    }

    fn configuration(&self) -> &str {
        self.of_kind("ConfigMap")["data"]["pilotlight.toml"].as_str().unwrap()
    }

    fn probe(&self, name: &str) -> &str {
        self.container()[name]["httpGet"]["path"].as_str().unwrap()
    }

    /// The volumes of the pod, with what the comment at the beginning of the manifest makes.
    fn volumes(&self, certificate: &Certificate) -> Volumes {
        let mut volumes = Volumes::new(Some(self.id("fsGroup")));
        for volume in self.pod()["volumes"].as_vec().unwrap() {
            let name = volume["name"].as_str().unwrap();
            if !volume["emptyDir"].is_badvalue() {
                volumes.empty(name);
            } else if let Some(secret) = volume["secret"]["secretName"].as_str() {
                // 0400 in YAML 1.1 is octal.
                let mode = volume["secret"]["defaultMode"].as_i64().unwrap().to_string();
                let mode = u32::from_str_radix(&mode, 8).unwrap();
                volumes.project(name, &files_of(secret, certificate), mode);
            } else if !volume["configMap"].is_badvalue() {
                volumes.project(name, &configuration(self.configuration()), 0o644);
            } else {
                assert!(!volume["persistentVolumeClaim"].is_badvalue(), "{volume:?}");
                volumes.of_files(name, &[("pii-ner.wasm", test_guest("p3"))]);
            }
        }
        volumes
    }
}

fn configuration(text: &str) -> [(&'static str, Vec<u8>); 1] {
    [("pilotlight.toml", text.into())]
}

fn files_of(secret: &str, certificate: &Certificate) -> Vec<(&'static str, Vec<u8>)> {
    let files = Files::of(certificate);
    match secret {
        "pilotlight-admin" => vec![("admin-token", TOKEN.into())],
        "pilotlight-tls" => vec![
            ("tls.crt", fs::read(files.certificate()).unwrap()),
            ("tls.key", fs::read(files.key()).unwrap()),
        ],
        _ => panic!("no secret {secret}"),
    }
}

/// Status and body of what is answered at a port.
async fn get(certificate: &Certificate, url: &str, path: &str, headers: &str) -> (u16, String) {
    let port = url.rsplit_once(':').unwrap().1.parse().unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut stream = connect(address, client(certificate, &[])).await.unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// Asks until the answer is the one that is waited for.
async fn wait_until(what: &str, holds: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The port that an option of the manifest listens on.
fn port(manifest: &Manifest, option: &str) -> i64 {
    let arguments = arguments(manifest.container());
    let mut values = arguments.iter().filter_map(|argument| argument.strip_prefix(option));
    values.next().unwrap().rsplit_once(':').unwrap().1.parse().unwrap()
}

#[test]
fn the_ports_of_the_manifest_are_those_that_are_listened_on() {
    let manifest = Manifest::read();
    for (name, option) in [("https", "--listen="), ("admin", "--admin-listen=")] {
        let ports = manifest.container()["ports"].as_vec().unwrap();
        let found = ports.iter().find(|port| port["name"].as_str() == Some(name)).unwrap();
        assert_eq!(found["containerPort"].as_i64(), Some(port(&manifest, option)));
    }
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        let probe = &manifest.container()[probe]["httpGet"];
        assert_eq!(
            (probe["port"].as_str(), probe["scheme"].as_str()),
            (Some("admin"), Some("HTTPS"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_container_of_the_manifest_becomes_ready_and_reads_a_changed_config_map() {
    let Some(runc) = runc() else { return };
    let (manifest, certificate) = (Manifest::read(), Certificate::new());
    let mut volumes = manifest.volumes(&certificate);
    let image = Image::of_program();
    assert_eq!(image.user(), (manifest.id("runAsUser"), manifest.id("runAsGroup")));
    let start = Start {
        arguments: arguments(manifest.container()),
        groups: vec![manifest.id("fsGroup")],
        mounts: volumes.mounts(manifest.container()),
    };
    let running = image.run(&runc, start);
    let (url, admin) = (&running.server.url, &running.server.admin);
    let ready = async || get(&certificate, admin, manifest.probe("readinessProbe"), "").await.0;
    wait_until("it is never ready", async || ready().await == 200).await;
    assert_eq!(get(&certificate, admin, manifest.probe("livenessProbe"), "").await.0, 200);
    let (status, body) = get(&certificate, url, "/count", "").await;
    assert!(status == 200 && body.contains('1'), "{status} {body}");
    // Whoever has the secret administers, and nobody else; endpoint pickers have no secret.
    assert_eq!(get(&certificate, admin, "/status", "").await.0, 401);
    let token = format!("authorization: Bearer {TOKEN}\r\n");
    assert_eq!(get(&certificate, admin, "/status", &token).await.0, 200);
    let (status, load) = get(&certificate, admin, "/metrics/load", "").await;
    assert!(status == 200 && load.contains("\nvllm:num_requests_waiting 0\n"), "{status} {load}");
    let cache = fs::metadata(volumes.path("cache").join("pilotlight")).unwrap();
    assert_eq!(cache.permissions().mode() & 0o777, 0o700);

    let changed = format!("{}{SECOND}", manifest.configuration());
    volumes.exchange("configuration", &configuration(&changed), 0o644);
    let functions = async || get(&certificate, admin, "/functions", &token).await.1;
    let has_second = async || functions().await.contains("second");
    wait_until("the changed ConfigMap is never read", has_second).await;
    assert_eq!(get(&certificate, url, "/count", "").await.0, 200);
}

/// A file of the Helm chart.
fn chart(path: &str) -> String {
    fs::read_to_string(root().join("deploy/helm/pilotlight").join(path)).unwrap()
}

#[test]
fn the_chart_starts_the_same_container_as_the_manifest() {
    let manifest = Manifest::read();
    let template = chart("templates/deployment.yaml");
    let lines = template.lines().map(str::trim);
    let arguments: Vec<_> = lines.filter(|line| line.starts_with("- --")).collect();
    let expected = manifest.container()["args"].as_vec().unwrap().iter();
    let expected = expected.map(|argument| format!("- {}", argument.as_str().unwrap()));
    // The first one is the subcommand.
    assert_eq!(arguments, expected.skip(1).collect::<Vec<_>>());
    assert!(template.contains("- serve\n"));
    let mounts = |text: &str| {
        let lines = text.lines().map(str::trim).filter(|line| line.contains("mountPath:"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let written = fs::read_to_string(root().join("deploy/kubernetes/pilotlight.yaml")).unwrap();
    assert_eq!(mounts(&template), mounts(&written));
    let values = YamlLoader::load_from_str(&chart("values.yaml")).unwrap();
    assert_eq!(values[0]["configuration"].as_str(), Some(manifest.configuration()));
}

#[test]
fn a_pod_has_the_time_to_drain() {
    let manifest = Manifest::read();
    let configuration: toml::Table = manifest.configuration().parse().unwrap();
    let seconds = |key: &str| -> i64 {
        configuration[key].as_str().unwrap().strip_suffix('s').unwrap().parse().unwrap()
    };
    let needed = seconds("drain-delay") + seconds("drain-timeout");
    let values = YamlLoader::load_from_str(&chart("values.yaml")).unwrap();
    for given in [manifest.pod(), &values[0]] {
        assert!(given["terminationGracePeriodSeconds"].as_i64().unwrap() > needed);
    }
}

#[test]
fn the_pool_of_endpoints_has_the_pods_and_ports_of_the_manifest() {
    let manifest = Manifest::read();
    let text = fs::read_to_string(root().join("deploy/gateway/inferencepool.yaml")).unwrap();
    let pool = &YamlLoader::load_from_str(&text).unwrap()[0]["spec"];
    let labels = &manifest.of_kind("Deployment")["spec"]["template"]["metadata"]["labels"];
    assert_eq!(&pool["selector"]["matchLabels"], labels);
    assert_eq!(pool["targetPorts"][0]["number"].as_i64(), Some(port(&manifest, "--listen=")));
    let metrics = port(&manifest, "--admin-listen=");
    assert!(text.contains(&format!("--model-server-metrics-port={metrics}\n")), "{text}");
    assert!(text.contains("--model-server-metrics-path=/metrics/load\n"), "{text}");
}
