//! Every listener, endpoint and file, and who may come near it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use pilotlight_testing::tiny_model;
use pilotlight_tests::{Server, outcome, pilotlight, runtime, send, test_guest};
use ureq::http::{Method, Request};

use crate::host_compute::{backends, serve};
use crate::process::{family, listeners, open_files};

/// All that the administration has, and one thing that it has not.
const ADMINISTRATION: [(Method, &str); 10] = [
    (Method::GET, "/health"),
    (Method::GET, "/ready"),
    (Method::GET, "/metrics/load"),
    (Method::GET, "/metrics"),
    (Method::GET, "/status"),
    (Method::GET, "/routes"),
    (Method::GET, "/functions"),
    (Method::PUT, "/functions/default"),
    (Method::POST, "/functions/default/rollback"),
    (Method::GET, "/no-such-thing"),
];

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// `http://127.0.0.1:3000` is what `/proc` calls `tcp 127.0.0.1:3000`.
fn tcp(url: &str) -> String {
    format!("tcp {}", url.strip_prefix("http://").unwrap())
}

fn request(
    base: &str,
    (method, path): &(Method, &str),
    authorization: Option<&str>,
) -> Request<Vec<u8>> {
    let mut request = Request::builder().method(method).uri(format!("{base}{path}"));
    request = request.header("content-type", "application/json");
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    request.body(Vec::new()).unwrap()
}

fn status(base: &str, asked: &(Method, &str), authorization: Option<&str>) -> u16 {
    send(request(base, asked, authorization)).status
}

fn statuses_over_the_socket(server: &Server, authorization: Option<&str>) -> Vec<u16> {
    let ask = |asked| server.ask(request("", asked, authorization)).status;
    ADMINISTRATION.iter().map(ask).collect()
}

fn statuses(base: &str, authorization: Option<&str>) -> Vec<u16> {
    ADMINISTRATION.iter().map(|asked| status(base, asked, authorization)).collect()
}

/// What processes may have open that is no file of anybody's.
fn is_anonymous(what: &str) -> bool {
    let kinds = ["socket", "pipe", "anon_inode", "/dev/null", "/dev/urandom", "/proc/", "/sys/"];
    what.starts_with("/memfd:") || kinds.iter().any(|kind| what.starts_with(kind))
}

#[test]
fn nobody_is_listened_to_but_where_it_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (guest, socket) = (test_guest("p3"), folder.path().join("admin.sock"));
    let server = Server::start(&[text(&guest)]);
    let open = listeners(server.id());
    let [url, admin] = [tcp(&server.url), tcp(&server.admin)];
    let is_ours = |name: &&String| name.starts_with(&format!("unix {}/", text(runtime())));
    assert_eq!(open.iter().filter(is_ours).count(), 1, "{open:?}");
    assert!(open.len() == 3 && open.contains(&url) && open.contains(&admin), "{open:?}");
    assert!(server.url.contains("//127.0.0.1:") && server.admin.contains("//127.0.0.1:"));
    let own = Path::new(server.socket.strip_prefix("unix:").unwrap());
    assert_eq!((mode(own), mode(own.parent().unwrap())), (0o600, 0o700));

    let server = Server::start(&[text(&guest), "--admin-socket", text(&socket)]);
    let listeners = listeners(server.id());
    // It was bound beside its place, under a name of its own.
    let is_unix = |name: &&String| name.starts_with(&format!("unix {}/", text(folder.path())));
    assert_eq!(listeners.iter().filter(is_unix).count(), 1, "{listeners:?}");
    assert!(listeners.len() == 2 && listeners.contains(&tcp(&server.url)), "{listeners:?}");
    assert_eq!(mode(&socket), 0o600);
}

#[test]
fn what_computes_in_a_process_of_its_own_has_nothing_of_the_server_s() {
    let folder = tiny_model::folder(&tiny_model::graph());
    for backend in backends() {
        let server = serve(text(folder.path()), backend, &["--isolate-backend"]);
        let family = family(server.id());
        let [_, workers @ ..] = &family[..] else { panic!("{family:?}") };
        assert!(!workers.is_empty());
        for worker in workers {
            assert_eq!(listeners(*worker), BTreeSet::new());
            let files = open_files(*worker);
            let strange: Vec<_> = files.iter().filter(|file| !is_anonymous(&file.what)).collect();
            assert!(strange.is_empty(), "{strange:?}");
        }
    }
}

#[test]
fn backends_keep_nothing_of_their_own_and_call_nobody() {
    let folder = tiny_model::folder(&tiny_model::graph());
    for backend in backends() {
        let home = tempfile::tempdir().unwrap();
        let serve = ["serve", text(folder.path()), "--compute", "host", "--backend", backend];
        let server = Server::run(&mut careless(home.path(), &serve));
        assert_eq!(server.post("/", r#"{"inputs": "Ada met Paris"}"#).status, 200);
        let ours = home.path().join("caches").join("pilotlight");
        let strange = |path: &PathBuf| !path.starts_with(&ours) && !ours.starts_with(path);
        assert_eq!(tree(home.path()).into_iter().find(strange), None);
        for file in open_files(server.id()).iter().filter(|file| !is_anonymous(&file.what)) {
            assert!(!file.writable || Path::new(&file.what).starts_with(&ours), "{file:?}");
        }
    }
}

#[test]
fn functions_and_the_administration_are_not_where_the_other_is() {
    let server = Server::start(&[text(&test_guest("p3"))]);
    // The function is asked, whatever the administration has under that name.
    let elsewhere =
        |method: &Method| status(&server.url, &(method.clone(), "/no-such-thing"), None);
    for asked in &ADMINISTRATION {
        assert_eq!(status(&server.url, asked, None), elsewhere(&asked.0), "{asked:?}");
    }
    assert_eq!(server.status("/count").status, 404);
}

#[test]
fn each_endpoint_of_the_administration_is_for_those_it_is_for() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    const TOKEN: &str = "correct-horse-battery-staple-0123";
    fs::write(&token, TOKEN).unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    let guest = test_guest("p3");
    // Without a body a swap is malformed, and there is nothing to go back to.
    let everything = [200, 200, 200, 200, 200, 200, 200, 400, 409, 404];
    let nothing =
        |refused: u16| [200, 200, 200].into_iter().chain([refused; 7]).collect::<Vec<_>>();

    let local = Server::start(&[text(&guest)]);
    assert_eq!(statuses_over_the_socket(&local, None), everything);
    let probes_and_metrics = [200; 4].into_iter().chain([403; 6]).collect::<Vec<_>>();
    assert_eq!(statuses(&local.admin, None), probes_and_metrics);
    let right = format!("Bearer {TOKEN}");
    assert_eq!(statuses(&local.admin, Some(&right)), probes_and_metrics);

    let open = Server::start(&[text(&guest), "--admin-listen", "0.0.0.0:0"]);
    assert_eq!(statuses_over_the_socket(&open, None), everything);
    assert_eq!(statuses(&open.admin.replace("0.0.0.0", "127.0.0.1"), None), nothing(403));

    for listen in ["0.0.0.0:0", "127.0.0.1:0"] {
        let arguments = ["--admin-listen", listen, "--admin-token-file", text(&token)];
        let guarded = Server::start(&[&[text(&guest)], &arguments[..]].concat());
        let admin = guarded.admin.replace("0.0.0.0", "127.0.0.1");
        assert_eq!(statuses(&admin, None), nothing(401));
        assert_eq!(statuses(&admin, Some("Bearer wrong")), nothing(401));
        assert_eq!(statuses(&admin, Some(&right)), everything);
        assert_eq!(statuses_over_the_socket(&guarded, None), nothing(401));
        assert_eq!(statuses_over_the_socket(&guarded, Some(&right)), everything);
    }
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

/// Everything in a folder.
fn tree(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tree(&path));
        }
        found.push(path);
    }
    found
}

/// `pilotlight` in a folder where everything that it writes is found, and by a shell that forbids
/// nothing.
fn careless(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "umask 0; exec \"$0\" \"$@\""]).arg(pilotlight(&[]).get_program());
    command.args(arguments).current_dir(home).env("HOME", home).env("TMPDIR", home);
    command.env("XDG_CACHE_HOME", home.join("caches")).env_remove("PILOTLIGHT_CACHE_DIR");
    command.env("XDG_RUNTIME_DIR", home.join("caches"));
    command.env_remove("ORT_DISABLE_TELEMETRY").env_remove("PILOTLIGHT_GUEST");
    command
}

#[test]
fn what_is_written_is_its_owner_s_whatever_the_umask() {
    let home = tempfile::tempdir().unwrap();
    let (guest, home) = (test_guest("p3"), home.path());
    let server = Server::run(&mut careless(home, &["serve", text(&guest)]));
    let swap = ["swap", "--upload", text(&guest), "--admin", &server.socket];
    assert_eq!(outcome(&mut careless(home, &swap)).0, 0);
    for file in open_files(server.id()).iter().filter(|file| !is_anonymous(&file.what)) {
        let path = Path::new(&file.what);
        // Standard error is the test's own.
        let known = path.starts_with(home) || path.starts_with(guest.parent().unwrap());
        assert!(known || !file.writable, "{file:?}");
    }
    assert_eq!(server.stop(), Some(0));
    assert_eq!(outcome(&mut careless(home, &["keygen", "signing.pem"])).0, 0);
    assert_eq!(outcome(&mut careless(home, &["keyring", "ring.toml"])).0, 0);

    let found = tree(home);
    let caches: Vec<_> = found.iter().filter(|path| path.ends_with("pilotlight")).collect();
    assert!(!caches.is_empty() && caches.iter().all(|cache| mode(cache) == 0o700), "{found:?}");
    for path in &found {
        let secret = ["signing.pem", "ring.toml"].iter().any(|name| path.ends_with(name));
        let forbidden = if secret { 0o077 } else { 0o022 };
        assert_eq!(mode(path) & forbidden, 0, "{}: {:o}", path.display(), mode(path));
    }
    assert!(["signing.pem", "ring.toml"].iter().all(|name| found.contains(&home.join(name))));
}
