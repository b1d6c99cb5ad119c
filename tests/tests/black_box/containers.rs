//! The image of the program with the default model: it runs under `runc` as the manifest for Kubernetes would run
//! it, from a root that cannot be written to, so that nothing it needs is outside of the image.

use std::fs;
use std::path::Path;
use std::process::Command;

use flate2::read::GzDecoder;
use pilotlight_testing::programs::{RUNC, succeed};
use pilotlight_testing::skipped;
use pilotlight_tests::{Server, built, component, pilotlight};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Calls that container engines refuse by default and that a server might want; `clone3` is unknown to them.
const REFUSED: [&str; 16] = [
    "add_key",
    "bpf",
    "init_module",
    "io_uring_setup",
    "kexec_load",
    "keyctl",
    "mount",
    "move_pages",
    "open_by_handle_at",
    "perf_event_open",
    "pivot_root",
    "reboot",
    "swapon",
    "umount2",
    "unshare",
    "userfaultfd",
];
/// `ENOSYS`.
const UNKNOWN: i32 = 38;

/// A layout with the image, and its container's root.
struct Bundle {
    folder: TempDir,
    config: Value,
}

impl Bundle {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        let component = component();
        let cache = cache.to_str().unwrap();
        succeed(pilotlight(&["cache", "warm", component.to_str().unwrap(), "--cache-dir", cache]));
        let layout = folder.path().join("image");
        let mut command = Command::new(built("release/pilotlight-image"));
        command.arg("--program").arg(built("release/pilotlight"));
        command.arg("--component").arg(&component).args(["--cache", cache]);
        succeed(command.arg("--output").arg(&layout));
        let manifest = json_of(&layout, &index(&layout)["manifests"][0]);
        let config = json_of(&layout, &manifest["config"])["config"].clone();
        let root = folder.path().join("rootfs");
        for layer in manifest["layers"].as_array().unwrap() {
            let compressed = blob(&layout, layer);
            let mut archive = tar::Archive::new(GzDecoder::new(&compressed[..]));
            archive.set_preserve_permissions(true);
            archive.set_preserve_ownerships(true);
            archive.unpack(&root).unwrap();
        }
        Self { folder, config }
    }

    /// The container's configuration: the user, the environment and the program of the image; nothing can be
    /// written, gained or shared but the network (OCI Runtime Specification 1.0).
    fn specification(&self, arguments: &[&str]) -> Value {
        let (user, group) = self.config["User"].as_str().unwrap().split_once(':').unwrap();
        let number = |id: &str| id.parse::<u32>().unwrap();
        let entrypoint = self.config["Entrypoint"][0].as_str().unwrap();
        let arguments = [&[entrypoint][..], arguments].concat();
        json!({
            "ociVersion": "1.0.2",
            "process": {
                "user": {"uid": number(user), "gid": number(group)},
                "args": arguments,
                "env": self.config["Env"],
                "cwd": "/",
                "capabilities": {},
                "noNewPrivileges": true,
            },
            "root": {"path": "rootfs", "readonly": true},
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
                 "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
            ],
            "linux": {
                "namespaces": [{"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}],
                "maskedPaths": ["/proc/kcore", "/proc/keys"],
                "readonlyPaths": ["/proc/sys", "/proc/bus"],
                "seccomp": {
                    "defaultAction": "SCMP_ACT_ALLOW",
                    "syscalls": [
                        {"names": REFUSED, "action": "SCMP_ACT_ERRNO"},
                        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": UNKNOWN},
                    ],
                },
            },
        })
    }
}

fn blob(layout: &Path, descriptor: &Value) -> Vec<u8> {
    let digest = descriptor["digest"].as_str().unwrap();
    fs::read(layout.join("blobs").join(digest.replace(':', "/"))).unwrap()
}

fn json_of(layout: &Path, descriptor: &Value) -> Value {
    serde_json::from_slice(&blob(layout, descriptor)).unwrap()
}

fn index(layout: &Path) -> Value {
    serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap()
}

/// A container that runs until it is dropped.
struct Container<'a> {
    runc: &'a Path,
    state: String,
    id: String,
}

impl Container<'_> {
    fn command(&self, verb: &[&str]) -> Command {
        let mut command = Command::new(self.runc);
        command.args(["--root", &self.state]).args(verb).arg(&self.id);
        command
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        let _ = self.command(&["delete", "--force"]).output();
    }
}

#[test]
fn the_image_serves_the_default_model_from_a_root_that_cannot_be_written_to() {
    let Some(runc) = RUNC.find() else { return };
    if !rustix::process::geteuid().is_root() {
        skipped("the image under runc: only root can run containers without more");
        return;
    }
    let bundle = Bundle::new();
    let image = bundle.config["Cmd"].as_array().unwrap();
    // What the image says, on free ports of the loopback address, which the network of the container has.
    let arguments: Vec<String> = image
        .iter()
        .map(|argument| argument.as_str().unwrap())
        .map(|argument| match argument.split_once("=0.0.0.0:") {
            Some((option, _)) => format!("{option}=127.0.0.1:0"),
            None => argument.to_owned(),
        })
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let folder = bundle.folder.path();
    let specification = bundle.specification(&arguments).to_string();
    fs::write(folder.join("config.json"), specification).unwrap();
    let state = folder.join("state").to_str().unwrap().to_owned();
    let container =
        Container { runc: &runc, state, id: format!("pilotlight-{}", std::process::id()) };
    let mut command = container.command(&["run", "--bundle", folder.to_str().unwrap()]);
    let server = Server::run_as_it_is(&mut command);
    let answer = server.post("/v1/redact", r#"{"text": "Mail to ada@example.com."}"#);
    assert_eq!((answer.status, answer.json()["text"].as_str()), (200, Some("Mail to [EMAIL].")));
}
