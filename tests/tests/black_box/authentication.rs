//! Who may ask: API keys, signed tokens, rates, and what a function gets to see of them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use pilotlight_tests::{Answer, Server, outcome, pilotlight, send, test_guest};
use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::http::Request;

const PATIENCE: Duration = Duration::from_secs(60);

const ROUTES: &str = r#"
[[routes]]
name = "open"
match.path = "/open/*"
to = "default"

[[routes]]
name = "all"
to = "default"
auth = "keys"
"#;

/// A key called `id`, and its entry for the file.
fn key(id: &str) -> (String, String) {
    let made = pilotlight(&["api-key", id]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let [entry, told] = [made.stdout, made.stderr].map(|text| String::from_utf8(text).unwrap());
    let key = told.split_whitespace().last().unwrap().to_owned();
    assert!(key.starts_with(&format!("pl_{id}_")) && !entry.contains(&key), "{told}{entry}");
    (key, entry)
}

/// A folder with a configuration, and a file of keys.
fn folder(auth: &str, routes: &str, keys: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let guest = test_guest("p3");
    let text = format!("[functions.default]\nsource = {guest:?}\n{auth}\n{routes}");
    let file = folder.path().join("pilotlight.toml");
    fs::write(&file, text).unwrap();
    write_keys(folder.path(), keys);
    (folder, file)
}

/// Renamed over, as whoever wants it to be whole does.
fn write_keys(folder: &Path, keys: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let beside = folder.join("keys.new");
    fs::write(&beside, keys).unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(beside, folder.join("keys.toml")).unwrap();
}

fn serve(file: &Path) -> Server {
    Server::start(&["--config", file.to_str().unwrap()])
}

/// Asks with headers.
fn ask(server: &Server, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(format!("{}{path}", server.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request.body(vec![]).unwrap())
}

fn with(server: &Server, credential: &str) -> u16 {
    ask(server, "/count", &[("authorization", &format!("Bearer {credential}"))]).status
}

fn refused(server: &Server, route: &str) -> Value {
    let routes = server.status("/status").json()["routes"].clone();
    let found = routes.as_array().unwrap().iter().find(|found| found["name"] == route).cloned();
    found.unwrap()["refused"].clone()
}

#[test]
fn who_shows_no_valid_key_is_refused_and_counted_under_the_route() {
    let [(right, entry), (old, expired), (strange, _)] =
        [key("laptop"), key("old"), key("strange")];
    let keys = format!("{entry}{expired}expires = 2020-01-01T00:00:00Z\n");
    let auth = "[auth.keys]\napi-keys = \"keys.toml\"\n";
    let (_folder, file) = folder(auth, ROUTES, &keys);
    let server = serve(&file);
    assert_eq!(with(&server, &right), 200);
    assert_eq!(ask(&server, "/count", &[("x-api-key", &right)]).status, 200);
    let missing = ask(&server, "/count", &[("x-request-id", "mine")]);
    assert_eq!(
        (missing.status, missing.header("www-authenticate")),
        (401, r#"Bearer realm="pilotlight""#)
    );
    assert_eq!(missing.header("x-request-id"), "mine");
    assert_eq!(missing.json()["error_type"], "unauthorized");
    let other = if right.ends_with('a') { "b" } else { "a" };
    let wrong = format!("{}{other}", &right[..right.len() - 1]);
    let answers = [&wrong, &strange, &old].map(|credential| {
        let answer = ask(&server, "/count", &[("authorization", &format!("Bearer {credential}"))]);
        (answer.status, answer.text)
    });
    // Why is told to nobody who asks.
    assert!(answers.iter().all(|answer| *answer == answers[0] && answer.0 == 401), "{answers:?}");
    let two = ask(&server, "/count", &[("x-api-key", &right), ("authorization", "Bearer other")]);
    assert_eq!((two.status, &two.json()["error_type"]), (400, &json!("malformed")));
    assert_eq!(refused(&server, "all"), json!({ "unauthorized": 5, "rate_limited": 0 }));
    // Of another route, everybody may ask.
    assert_eq!(ask(&server, "/open/x", &[]).status, 200);
    assert_eq!(refused(&server, "open"), json!({ "unauthorized": 0, "rate_limited": 0 }));
}

/// The head of an answer to the head of a request whose body never comes, or until the server has
/// closed the connection.
fn answer_to_head(server: &Server, head: &str) -> String {
    let address = server.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn nobody_s_body_is_waited_for_who_may_not_ask() {
    let (right, entry) = key("laptop");
    let auth = "[auth.keys]\napi-keys = \"keys.toml\"\n";
    let (_folder, file) = folder(auth, ROUTES, &entry);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("http.body-timeout = \"1s\"\n{text}")).unwrap();
    let server = serve(&file);
    let head = |key: &str| {
        format!(
            "POST /count HTTP/1.1\r\nhost: localhost\r\nx-request-id: mine\r\nx-api-key: {key}\r\n\
             expect: 100-continue\r\ncontent-length: 10\r\n\r\n"
        )
    };
    let refused = answer_to_head(&server, &head("wrong"));
    assert!(refused.starts_with("HTTP/1.1 401 "), "{refused}");
    assert!(
        refused.contains("x-request-id: mine\r\n") && refused.contains("connection: close\r\n")
    );
    let waited_for = answer_to_head(&server, &head(&right));
    assert!(waited_for.starts_with("HTTP/1.1 100 "), "{waited_for}");
    assert!(waited_for.contains("HTTP/1.1 408 "), "{waited_for}");
    // Each was asked for its key once, and counted once.
    let metrics =
        send(Request::get(format!("{}/metrics", server.admin)).body(vec![]).unwrap()).text;
    for kind in ["unauthorized", "timeout"] {
        let counted = format!("pilotlight_errors_total{{kind=\"{kind}\"}} 1");
        assert!(metrics.contains(&counted), "{counted}");
    }
    assert_eq!(self::refused(&server, "all"), json!({ "unauthorized": 1, "rate_limited": 0 }));
}

#[test]
fn the_default_auth_is_that_of_routes_that_name_none() {
    let (right, entry) = key("laptop");
    let auth = "[auth.keys]\napi-keys = \"keys.toml\"\n[auth.everybody]\n";
    let routes = "[[routes]]\nmatch.path = \"/open\"\nto = \"default\"\nauth = \"everybody\"\n\
                  [[routes]]\nmatch.path = \"/count\"\nto = \"default\"\n";
    let (_folder, file) = folder("", "", &entry);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("default-auth = \"keys\"\n{text}{auth}{routes}")).unwrap();
    let server = serve(&file);
    assert_eq!(ask(&server, "/open", &[]).status, 200);
    assert_eq!((ask(&server, "/count", &[]).status, with(&server, &right)), (401, 200));
    assert_eq!(ask(&server, "/elsewhere", &[]).status, 404);
    // Without routes it is everything's.
    drop(server);
    fs::write(&file, format!("default-auth = \"keys\"\n{text}{auth}")).unwrap();
    let server = serve(&file);
    assert_eq!((ask(&server, "/x", &[]).status, with(&server, &right)), (401, 200));
}

#[test]
fn signed_tokens_of_the_issuer_may_ask() {
    let auth = "[auth.keys]\njwks = \"jwks.json\"\nissuer = \"https://i.example\"\n\
                  audience = \"pilotlight\"\n";
    let (folder, file) = folder(auth, ROUTES, "");
    let signer = SigningKey::from_bytes(&[7; 32]);
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let x = encode(signer.verifying_key().as_bytes());
    let jwks = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "a", "x": x }] });
    fs::write(folder.path().join("jwks.json"), jwks.to_string()).unwrap();
    let server = serve(&file);
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let token = |audience: &str, expires: u64| {
        let claims = json!({
            "iss": "https://i.example", "aud": audience, "sub": "ada", "exp": expires,
        });
        let header = encode(br#"{"alg":"EdDSA","kid":"a"}"#);
        let message = format!("{header}.{}", encode(claims.to_string().as_bytes()));
        format!("{message}.{}", encode(&signer.sign(message.as_bytes()).to_bytes()))
    };
    assert_eq!(with(&server, &token("pilotlight", since + 3600)), 200);
    assert_eq!(with(&server, &token("others", since + 3600)), 401);
    assert_eq!(with(&server, &token("pilotlight", since - 3600)), 401);
    assert_eq!(with(&server, &key("laptop").0), 401, "no keys are configured");
}

#[test]
fn a_key_of_the_issuer_that_cannot_be_used_is_skipped_with_a_warning() {
    let auth = "[auth.keys]\njwks = \"jwks.json\"\nissuer = \"https://i.example\"\n\
                  audience = \"pilotlight\"\n";
    let (folder, file) = folder(auth, ROUTES, "");
    let signer = SigningKey::from_bytes(&[7; 32]);
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let x = encode(signer.verifying_key().as_bytes());
    let write = |keys: Value| {
        fs::write(folder.path().join("jwks.json"), json!({ "keys": keys }).to_string()).unwrap();
    };
    let unusable = json!({ "kty": "EC", "crv": "P-521", "kid": "b", "x": "AA", "y": "AA" });
    write(json!([unusable, { "kty": "OKP", "crv": "Ed25519", "x": x }]));
    let log = folder.path().join("log");
    let mut command = pilotlight(&["serve", "--config", file.to_str().unwrap()]);
    let server = Server::run(command.stderr(fs::File::create(&log).unwrap()));
    let warning = |message: &str| {
        let log = fs::read_to_string(&log).unwrap();
        let line = log.lines().find(|line| line.contains(message)).map(str::to_owned);
        line.unwrap_or_else(|| panic!("{log}"))
    };
    let claims = json!({
        "iss": "https://i.example", "aud": "pilotlight", "sub": "ada", "exp": 4_000_000_000_u64,
    });
    let header = encode(br#"{"alg":"EdDSA"}"#);
    let message = format!("{header}.{}", encode(claims.to_string().as_bytes()));
    let token = format!("{message}.{}", encode(&signer.sign(message.as_bytes()).to_bytes()));
    assert_eq!(with(&server, &token), 200);
    let skipped = warning("key of the key set is skipped");
    for part in ["WARN", "keys[0]", "jwks.json", "use Ed25519, P-256 or RSA"] {
        assert!(skipped.contains(part), "{skipped}");
    }
    // The key that was used is taken out.
    write(json!([unusable]));
    let start = Instant::now();
    while with(&server, &token) != 401 {
        assert!(start.elapsed() < PATIENCE, "never revoked");
        std::thread::sleep(Duration::from_millis(20));
    }
    let none = warning("the key set has no usable key; every token is refused");
    assert!(none.contains("WARN") && none.contains("jwks.json"), "{none}");
}

#[test]
fn who_asks_too_much_is_told_when_to_come_again() {
    let [(first, one), (second, two)] = [key("first"), key("second")];
    let auth = "[auth.keys]\napi-keys = \"keys.toml\"\nrate = 0.001\nburst = 2\n";
    let (_folder, file) = folder(auth, ROUTES, &format!("{one}{two}"));
    let server = serve(&file);
    assert_eq!([with(&server, &first), with(&server, &first)], [200, 200]);
    let refusal = ask(&server, "/count", &[("x-api-key", &first)]);
    assert_eq!((refusal.status, &refusal.json()["error_type"]), (429, &json!("rate_limited")));
    let seconds: u64 = refusal.header("retry-after").parse().unwrap();
    assert!((1..=1000).contains(&seconds), "{seconds}");
    assert_eq!(with(&server, &second), 200, "each caller has his own");
    assert_eq!(refused(&server, "all"), json!({ "unauthorized": 0, "rate_limited": 1 }));
}

#[test]
fn a_key_that_is_taken_out_of_the_file_is_refused_without_a_restart() {
    let [(kept, one), (revoked, two)] = [key("kept"), key("revoked")];
    let auth = "[auth.keys]\napi-keys = \"keys.toml\"\nrate = 0.001\nburst = 100000\n";
    let (folder, file) = folder(auth, ROUTES, &format!("{one}{two}"));
    let server = serve(&file);
    assert_eq!((with(&server, &kept), with(&server, &revoked)), (200, 200));
    // What is no file of keys changes nothing.
    write_keys(folder.path(), "keys = 1\n");
    server.signal(rustix::process::Signal::HUP);
    assert_eq!((with(&server, &kept), with(&server, &revoked)), (200, 200));
    write_keys(folder.path(), &one);
    let start = Instant::now();
    while with(&server, &revoked) != 401 {
        assert!(start.elapsed() < PATIENCE, "never revoked");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(with(&server, &kept), 200);
}

#[test]
fn credentials_that_were_checked_do_not_reach_the_function() {
    let (right, entry) = key("laptop");
    let auth = "[auth.keys]\napi-keys = \"keys.toml\"\n";
    let routes = ROUTES
        .replace("/open/*", "/headers")
        .replace("name = \"open\"", "name = \"open\"\nmatch.query = { open = \"1\" }");
    let (_folder, file) = folder(auth, &routes, &entry);
    let server = serve(&file);
    let bearer = format!("Bearer {right}");
    let headers = [("authorization", bearer.as_str()), ("x-api-key", &right), ("x-mine", "1")];
    let names = |path: &str| {
        let answer = ask(&server, path, &headers);
        assert_eq!(answer.status, 200);
        let names: Vec<String> = answer.text.lines().map(str::to_owned).collect();
        ["authorization", "x-api-key", "x-mine"].map(|name| names.contains(&name.to_owned()))
    };
    assert_eq!(names("/headers"), [false, false, true]);
    // Where nobody checks them they may be the function's own.
    assert_eq!(names("/headers?open=1"), [true, true, true]);
}

#[test]
fn files_that_are_missing_or_that_others_can_write_to_are_refused_at_the_start() {
    use std::os::unix::fs::PermissionsExt as _;
    let auth = "[auth.keys]\napi-keys = \"keys.toml\"\n";
    let (folder, file) = folder(auth, ROUTES, "");
    let keys = folder.path().join("keys.toml");
    let refused = || {
        let mut serve = pilotlight(&["serve", "--config", file.to_str().unwrap()]);
        outcome(serve.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]))
    };
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o666)).unwrap();
    let (code, told) = refused();
    assert!(code == 1 && told.contains("chmod go-w") && told.contains("auth `keys`"), "{told}");
    fs::remove_file(&keys).unwrap();
    let (code, told) = refused();
    assert!(code == 1 && told.contains("keys.toml"), "{told}");
    let (code, told) = outcome(&mut pilotlight(&["api-key", "Not an id"]));
    assert!(code == 1 && told.contains("a-z, 0-9 and -"), "{told}");
}
