//! The manifest for Kubernetes: its arguments, with volumes as the kubelet makes them.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use pilotlight_testing::certificates::{Certificate, Files, client, connect};
use pilotlight_testing::skipped;
use pilotlight_tests::{Server, built, root, test_guest};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use yaml_rust2::{Yaml, YamlLoader};

const PATIENCE: Duration = Duration::from_secs(60);
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

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
}

/// The container's root, on which its volumes are mounted.
struct Node<'a> {
    manifest: &'a Manifest,
    folder: TempDir,
    certificate: Certificate,
}

impl<'a> Node<'a> {
    fn new(manifest: &'a Manifest) -> Self {
        let folder = tempfile::tempdir().unwrap();
        set_mode(folder.path(), 0o755);
        let node = Self { manifest, folder, certificate: Certificate::new() };
        for mount in manifest.container()["volumeMounts"].as_vec().unwrap() {
            let place = node.inside(mount["mountPath"].as_str().unwrap());
            fs::create_dir_all(&place).unwrap();
            node.fill(&place, node.volume(mount["name"].as_str().unwrap()));
        }
        node
    }

    fn inside(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.strip_prefix('/').unwrap())
    }

    fn volume(&self, name: &str) -> &Yaml {
        let volumes = self.manifest.pod()["volumes"].as_vec().unwrap();
        volumes.iter().find(|volume| volume["name"].as_str() == Some(name)).unwrap()
    }

    /// With an `fsGroup`, what is in a volume is that group's to read.
    fn fill(&self, place: &Path, volume: &Yaml) {
        let group = self.manifest.id("fsGroup");
        if !volume["emptyDir"].is_badvalue() {
            chown(place, Some(0), Some(group)).unwrap();
            set_mode(place, 0o2777);
        } else if let Some(name) = volume["secret"]["secretName"].as_str() {
            // 0400 in YAML 1.1 is octal.
            let mode = volume["secret"]["defaultMode"].as_i64().unwrap().to_string();
            let mode = u32::from_str_radix(&mode, 8).unwrap();
            self.project(place, &self.secret(name), mode | 0o440);
        } else if !volume["configMap"].is_badvalue() {
            let text = self.manifest.configuration();
            let text = text.replace("\"/", &format!("\"{}/", self.folder.path().display()));
            self.project(place, &[("pilotlight.toml", text.into_bytes())], 0o644);
        } else {
            assert!(!volume["persistentVolumeClaim"].is_badvalue(), "{volume:?}");
            let file = place.join("pii-ner.wasm");
            fs::copy(test_guest("p3"), &file).unwrap();
            set_mode(&file, 0o644);
        }
    }

    /// What the comment at the beginning of the manifest has made.
    fn secret(&self, name: &str) -> Vec<(&'static str, Vec<u8>)> {
        let files = Files::of(&self.certificate);
        match name {
            "pilotlight-admin" => vec![("admin-token", TOKEN.into())],
            "pilotlight-tls" => vec![
                ("tls.crt", fs::read(files.certificate()).unwrap()),
                ("tls.key", fs::read(files.key()).unwrap()),
            ],
            _ => panic!("no secret {name}"),
        }
    }

    /// Links to files in a folder that is exchanged as a whole.
    fn project(&self, place: &Path, files: &[(&str, Vec<u8>)], mode: u32) {
        let group = Some(self.manifest.id("fsGroup"));
        let folder = place.join("..2026_01_01_00_00_00.1");
        fs::create_dir(&folder).unwrap();
        symlink(folder.file_name().unwrap(), place.join("..data")).unwrap();
        for (name, content) in files {
            let file = folder.join(name);
            fs::write(&file, content).unwrap();
            chown(&file, Some(0), group).unwrap();
            set_mode(&file, mode);
            symlink(Path::new("..data").join(name), place.join(name)).unwrap();
        }
        for (folder, mode) in [(&*folder, 0o2755), (place, 0o3777)] {
            chown(folder, Some(0), group).unwrap();
            set_mode(folder, mode);
        }
    }

    /// An argument with paths inside, and free ports.
    fn argument(&self, argument: &str) -> String {
        let Some((option, value)) = argument.split_once('=') else { return argument.to_owned() };
        let value = match value.parse::<SocketAddr>() {
            Ok(address) => SocketAddr::new(address.ip(), 0).to_string(),
            Err(_) if value.starts_with('/') => self.inside(value).display().to_string(),
            Err(_) => value.to_owned(),
        };
        format!("{option}={value}")
    }

    /// Starts the container.
    fn start(&self) -> Server {
        // The original may lie where only root can go.
        let program = self.folder.path().join("pilotlight");
        fs::copy(built("release/pilotlight"), &program).unwrap();
        set_mode(&program, 0o755);
        let arguments = self.manifest.container()["args"].as_vec().unwrap();
        let mut command = Command::new(program);
        command
            .args(arguments.iter().map(|argument| self.argument(argument.as_str().unwrap())))
            .env_clear()
            .current_dir("/")
            // Without the groups of root, too.
            .uid(self.manifest.id("runAsUser"))
            .gid(self.manifest.id("runAsGroup"));
        Server::run_as_it_is(&mut command)
    }

    /// Status and body of what is answered at a port.
    async fn get(&self, url: &str, path: &str, headers: &str) -> (u16, String) {
        let port = url.rsplit_once(':').unwrap().1.parse().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut stream = connect(address, client(&self.certificate, &[])).await.unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// The port that an option of the manifest listens on.
fn port(manifest: &Manifest, option: &str) -> i64 {
    let arguments = manifest.container()["args"].as_vec().unwrap();
    let mut values =
        arguments.iter().filter_map(|argument| argument.as_str()?.strip_prefix(option));
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
async fn the_container_of_the_manifest_becomes_ready_as_its_user() {
    if !rustix::process::geteuid().is_root() {
        skipped("the container of the manifest: only root can make volumes as the kubelet does");
        return;
    }
    let manifest = Manifest::read();
    let node = Node::new(&manifest);
    let server = node.start();
    let probe = |name: &str| manifest.container()[name]["httpGet"]["path"].as_str().unwrap();
    let start = Instant::now();
    while node.get(&server.admin, probe("readinessProbe"), "").await.0 != 200 {
        assert!(start.elapsed() < PATIENCE, "it is never ready");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(node.get(&server.admin, probe("livenessProbe"), "").await.0, 200);
    let (status, body) = node.get(&server.url, "/count", "").await;
    assert!(status == 200 && body.contains('1'), "{status} {body}");
    // Whoever has the secret administers, and nobody else.
    assert_eq!(node.get(&server.admin, "/status", "").await.0, 401);
    let token = format!("authorization: Bearer {TOKEN}\r\n");
    assert_eq!(node.get(&server.admin, "/status", &token).await.0, 200);
    let cache = fs::metadata(node.inside("/cache/pilotlight")).unwrap();
    assert_eq!(cache.permissions().mode() & 0o777, 0o700);
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
