//! Debian's `docker-registry`, a process of its own.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use tempfile::TempDir;

use crate::programs::DOCKER_REGISTRY;

/// `alice`, whose password is `U*U` (a test vector of crypt_blowfish).
const USERS: &str = "alice:$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\n";

/// A registry on a free port; killed when dropped.
pub struct Registry {
    child: Child,
    folder: TempDir,
    authority: String,
    /// Kept open: the registry ends when nobody reads what it says.
    _log: BufReader<ChildStderr>,
}

impl Registry {
    /// Starts one that asks who wants something, or one that does not; `None` where there is no
    /// program to start.
    pub fn start(guarded: bool) -> Option<Self> {
        let program = DOCKER_REGISTRY.find()?;
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("users"), USERS).unwrap();
        let mut config = format!(
            "version: 0.1\nlog: {{level: info, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n",
            path("storage").display()
        );
        if guarded {
            let users = path("users");
            config += &format!("auth: {{htpasswd: {{realm: tests, path: {}}}}}\n", users.display());
        }
        std::fs::write(path("config.yml"), config).unwrap();
        let mut command = Command::new(program);
        command.arg("serve").arg(path("config.yml"));
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        let authority = loop {
            line.clear();
            assert!(log.read_line(&mut line).unwrap() > 0, "the registry ended");
            if let Some((_, rest)) = line.split_once("listening on ") {
                let end = rest.find(|c: char| !c.is_ascii_digit() && !".:".contains(c));
                break rest[..end.unwrap()].to_owned();
            }
        };
        Some(Self { child, folder, authority, _log: log })
    }

    /// A reference to an artifact in it.
    pub fn reference(&self, rest: &str) -> String {
        format!("oci://{}/{rest}", self.authority)
    }

    /// A folder that goes with it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What the registry answers to a reader of the layout.
    pub fn get(&self, path: &str) -> (String, Vec<u8>) {
        let url = format!("http://{}/v2/{path}", self.authority);
        let request = ureq::get(url).header("accept", "application/vnd.oci.image.manifest.v1+json");
        let mut response = request.call().unwrap();
        let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
        (media_type, response.body_mut().read_to_vec().unwrap())
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
