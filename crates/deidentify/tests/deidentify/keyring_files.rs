use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use pilotlight_deidentify::{Cipher, Keyring, KeyringError, Problem};
use tempfile::TempDir;

use super::{RING, SECRETS, encryption, ring_text, token, write};

fn read(text: &str) -> Result<Keyring, KeyringError> {
    let folder = TempDir::new().unwrap();
    Keyring::read(&write(folder.path(), "keys.toml", 0o600, text))
}

#[test]
fn mistakes_name_the_file_and_the_key() {
    let [one, _] = SECRETS;
    let keys = format!("[keys.k1]\nsecret = \"{one}\"\n");
    let short = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==";
    let with = |line: &str| format!("active = \"k1\"\n{line}\n{keys}");
    let mistakes = [
        ("".to_owned(), "active", "is missing"),
        (keys.clone(), "active", "is missing"),
        ("active = \"k1\"".to_owned(), "active", "names the key `k1`, which does not exist"),
        (format!("active = \"k2\"\n{keys}"), "active", "names the key `k2`, which does not exist"),
        (format!("active = 1\n{keys}"), "active", "must be a string"),
        (format!("active = \"k:1\"\n{keys}"), "active", "is not an identifier of a key"),
        (with("activ = \"k1\""), "activ", "is unknown"),
        ("active = \"k1\"\nkeys = 1".to_owned(), "keys", "must be a table"),
        ("active = \"k1\"\nkeys.k1 = \"x\"".to_owned(), "keys.k1", "must be a table"),
        ("active = \"k1\"\n[keys.k1]".to_owned(), "keys.k1", "needs either `secret`, or `file`"),
        (format!("{}file = \"x\"", with("")), "keys.k1", "needs either `secret`, or `file`"),
        (format!("{}purpose = \"x\"", with("")), "keys.k1.purpose", "is unknown"),
        (format!("{}[keys.\"a b\"]\n", with("")), "keys.a b", "is not an identifier of a key"),
        (format!("{}[keys.\"\"]\n", with("")), "keys.", "is not an identifier of a key"),
        (
            format!("{}[keys.{}]\n", with(""), "a".repeat(33)),
            "keys.aaa",
            "is not an identifier of a key",
        ),
        (with("").replace(one, "AAEC"), "keys.k1.secret", "has 3 bytes"),
        (with("").replace(one, short), "keys.k1.secret", "has 31 bytes"),
        (with("").replace(one, one.trim_end_matches('=')), "keys.k1.secret", "must be base64"),
        (with("").replace(one, &format!("{one} ")), "keys.k1.secret", "must be base64"),
        (with("").replace(&format!("\"{one}\""), "12"), "keys.k1.secret", "must be a string"),
    ];
    for (text, key, problem) in mistakes {
        let error = read(&text).unwrap_err();
        assert!(matches!(error, KeyringError::Wrong { .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains("keys.toml: "), "{message}");
        assert!(message.contains(&format!("`{key}")), "{message} instead of {key}");
        assert!(message.contains(problem), "{message} instead of {problem}");
    }
}

#[test]
fn what_is_not_toml_is_told_with_its_line() {
    for (text, line) in [("active = \"k1\"\n[keys.k1\n", 2), ("active", 1), ("a = 1\n\na = 2", 3)] {
        let error = read(text).unwrap_err();
        assert!(
            matches!(error, KeyringError::NotToml { line: found, .. } if found == line),
            "{error}"
        );
        assert!(error.to_string().contains(&format!("keys.toml:{line}: not TOML: ")), "{error}");
    }
}

#[test]
fn no_message_and_no_debug_shows_a_secret() {
    let [one, two] = SECRETS;
    let keyring = ring_text("k1", &["k1", "k2"]);
    let broken = [
        keyring.replace("[keys.k1]", "[keys.k1"),
        keyring.replace(&format!("{two}\""), two),
        keyring.replace("secret = ", "secret "),
        keyring.replace("secret = ", "secret := "),
        keyring.replace("secret", "sekret"),
        keyring.replace("==\"", "=!\""),
        keyring.replace("==\"", "\\q\""),
        keyring.replace("active = \"k1\"", "active = \"k3\""),
        format!("active = \"k1\"\nkeys = \"{one}\""),
        format!("active = \"k1\"\nkeys.k1 = \"{one}\""),
        format!("active = \"{one}\"\n[keys.k1]\nsecret = \"{one}\""),
        format!("{keyring}file = \"{one}\""),
        format!("{keyring}secret = \"{one}\""),
    ];
    for text in broken {
        let error = read(&text).unwrap_err();
        let shown = format!("{error} {error:?} {error:#?}");
        assert!(!shown.contains(&one[..12]) && !shown.contains(&two[..12]), "{shown}");
    }
    let deidentifier = encryption(Cipher::Aes256Gcm, &RING);
    let shown = format!("{:?} {:?}", *RING, deidentifier);
    let keyring = "Keyring { active: \"k2\", keys: [\"k2\", \"k1\"] }";
    assert!(shown.starts_with(keyring), "{shown}");
    let rest = shown.replace(keyring, "");
    assert_eq!(
        rest,
        " Deidentifier { replacement: Encrypted(Aes256Gcm, ), single: {}, thresholds: {}, labels: None }"
    );
}

#[test]
fn a_file_that_others_may_touch_is_refused() {
    let folder = TempDir::new().unwrap();
    let text = ring_text("k1", &["k1"]);
    for mode in [0o644, 0o604, 0o620, 0o602, 0o601, 0o610, 0o666] {
        let error = Keyring::read(&write(folder.path(), "a.toml", mode, &text)).unwrap_err();
        assert!(matches!(error, KeyringError::Exposed { .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains(&format!("{mode:04o}")) && message.contains("chmod 600"));
    }
    for mode in [0o600, 0o400] {
        let path = write(folder.path(), &format!("{mode:o}.toml"), mode, &text);
        assert!(Keyring::read(&path).is_ok());
    }
}

#[test]
fn a_secret_may_be_in_a_file_of_its_own() {
    let folder = TempDir::new().unwrap();
    let [one, two] = SECRETS;
    let secret = write(folder.path(), "k1.secret", 0o600, &format!("{one}\n"));
    let text = format!("active = \"k1\"\n[keys]\nk1.file = \"k1.secret\"\nk2.secret = \"{two}\"");
    let path = write(folder.path(), "keys.toml", 0o600, &text);
    let keyring = Keyring::read(&path).unwrap();
    assert_eq!(keyring.files(), [path.clone(), secret.clone()]);
    let value = token(&encryption(Cipher::Aes256Gcm, &keyring), "A", "value");
    assert_eq!(RING.reidentify(&value).text, "value");

    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    let error = Keyring::read(&path).unwrap_err();
    assert!(matches!(error, KeyringError::Exposed { .. }), "{error}");
    assert!(error.to_string().contains("k1.secret"), "{error}");

    for (content, problem) in
        [("AAEC", Problem::TooShort(3)), ("", Problem::TooShort(0)), ("é", Problem::NotBase64)]
    {
        write(folder.path(), "k1.secret", 0o600, content);
        let error = Keyring::read(&path).unwrap_err();
        assert!(error.to_string().contains("`keys.k1.file`"), "{error}");
        assert!(matches!(error, KeyringError::Wrong { problem: found, .. } if found == problem));
    }
    fs::remove_file(&secret).unwrap();
    let error = Keyring::read(&path).unwrap_err();
    assert!(matches!(error, KeyringError::Io { .. }), "{error}");
    assert!(error.to_string().contains("k1.secret"), "{error}");
}

#[test]
fn a_file_that_cannot_be_a_ring_is_not_read_to_its_end() {
    let folder = TempDir::new().unwrap();
    let path = write(folder.path(), "keys.toml", 0o600, &"#".repeat((1 << 20) + 1));
    assert!(matches!(Keyring::read(&path), Err(KeyringError::TooLarge { .. })));
    fs::write(&path, b"active = \"\xff\"").unwrap();
    assert!(matches!(Keyring::read(&path), Err(KeyringError::Io { .. })));
    assert!(matches!(Keyring::read(Path::new("/missing/keys.toml")), Err(KeyringError::Io { .. })));
    assert!(Keyring::read(folder.path()).is_err());
}

#[test]
fn one_secret_under_two_names_makes_two_keys() {
    let [one, _] = SECRETS;
    let text = format!("active = \"a\"\n[keys]\na.secret = \"{one}\"\nb.secret = \"{one}\"");
    let keyring = read(&text).unwrap();
    let token = token(&encryption(Cipher::Aes256Gcm, &keyring), "A", "value");
    assert_eq!(keyring.reidentify(&token.replace(":a:", ":b:")).reidentified, 0);
}
