//! Images of the program, and their containers under `runc`: as container engines and the kubelet start them, from a
//! root that cannot be written to, so that nothing that they need is outside of the image and their mounts.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use flate2::read::GzDecoder;
use pilotlight_testing::programs::{RUNC, succeed};
use pilotlight_testing::skipped;
use pilotlight_tests::{Server, built, pilotlight};
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

/// `runc`, where it is installed and the user may use it without more.
pub(crate) fn runc() -> Option<PathBuf> {
    let runc = RUNC.find()?;
    if rustix::process::geteuid().is_root() {
        return Some(runc);
    }
    skipped("containers under runc: only root can run them without more");
    None
}

/// An image, unpacked: the root of its containers.
pub(crate) struct Image {
    folder: TempDir,
    config: Value,
}

/// How a container starts.
#[derive(Default)]
pub(crate) struct Start {
    /// Arguments of the image's program; ports are replaced by free ones.
    pub(crate) arguments: Vec<String>,
    /// Groups of the user beside the one of the image.
    pub(crate) groups: Vec<u32>,
    /// Mounts, as in OCI's Runtime Specification.
    pub(crate) mounts: Vec<Value>,
}

impl Image {
    /// The program alone.
    pub(crate) fn of_program() -> Self {
        Self::new(tempfile::tempdir().unwrap(), &[])
    }

    /// The program with a component and a cache that has its machine code.
    pub(crate) fn of_component(component: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        let warm = ["cache", "warm", component.to_str().unwrap(), "--cache-dir"];
        succeed(pilotlight(&warm).arg(&cache));
        let options = [OsStr::new("--component"), component.as_ref()];
        Self::new(folder, &[options, [OsStr::new("--cache"), cache.as_ref()]].concat())
    }

    fn new(folder: TempDir, options: &[&OsStr]) -> Self {
        let layout = folder.path().join("image");
        let mut command = Command::new(built("release/pilotlight-image"));
        command.arg("--program").arg(built("release/pilotlight")).args(options);
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

    /// The arguments that the image has by itself.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let arguments = self.config["Cmd"].as_array().unwrap().iter();
        arguments.map(|argument| argument.as_str().unwrap().to_owned()).collect()
    }

    /// User and group.
    pub(crate) fn user(&self) -> (u32, u32) {
        let (user, group) = self.config["User"].as_str().unwrap().split_once(':').unwrap();
        (user.parse().unwrap(), group.parse().unwrap())
    }

    /// Starts a container.
    pub(crate) fn run(&self, runc: &Path, start: Start) -> Running {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let folder = self.folder.path();
        fs::write(folder.join("config.json"), self.specification(start).to_string()).unwrap();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let container = Container {
            runc: runc.to_owned(),
            state: folder.join("state"),
            id: format!("pilotlight-{}-{number}", std::process::id()),
        };
        let mut command = container.command(&["run", "--bundle", folder.to_str().unwrap()]);
        Running { server: Server::run_as_it_is(&mut command), _container: container }
    }

    /// The container's configuration: the user, the environment and the program of the image; nothing but mounts
    /// can be written, nothing gained, and nothing shared but the network (OCI Runtime Specification 1.0).
    fn specification(&self, start: Start) -> Value {
        let (user, group) = self.user();
        let program = self.config["Entrypoint"][0].as_str().unwrap().to_owned();
        let arguments = start.arguments.into_iter().map(on_free_port);
        let arguments: Vec<String> = [program].into_iter().chain(arguments).collect();
        let system = [
            json!({"destination": "/proc", "type": "proc", "source": "proc"}),
            json!({"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
                "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]}),
        ];
        let mounts: Vec<Value> = system.into_iter().chain(start.mounts).collect();
        json!({
            "ociVersion": "1.0.2",
            "process": {
                "user": {"uid": user, "gid": group, "additionalGids": start.groups},
                "args": arguments,
                "env": self.config["Env"],
                "cwd": "/",
                "capabilities": {},
                "noNewPrivileges": true,
            },
            "root": {"path": "rootfs", "readonly": true},
            "mounts": mounts,
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

/// An argument whose address has a free port. It stays one beyond the loopback address, for which the server asks for
/// TLS and tokens.
fn on_free_port(argument: String) -> String {
    match argument.split_once("=0.0.0.0:") {
        Some((option, _)) => format!("{option}=0.0.0.0:0"),
        None => argument,
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

/// A server in a container, which ends when it is dropped: the server first.
pub(crate) struct Running {
    pub(crate) server: Server,
    _container: Container,
}

struct Container {
    runc: PathBuf,
    state: PathBuf,
    id: String,
}

impl Container {
    fn command(&self, verb: &[&str]) -> Command {
        let mut command = Command::new(&self.runc);
        command.arg("--root").arg(&self.state).args(verb).arg(&self.id);
        command
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.command(&["delete", "--force"]).output();
    }
}
