use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use pilotlight_auth::{ApiKey, ApiKeys, AuthOptions, Authenticator, Error, Policy, Reason, Tokens};
use tempfile::TempDir;

use super::signer::Signer;
use super::{bearer, check, refused};

pub(crate) fn write(folder: &TempDir, mode: u32, content: &[u8]) -> PathBuf {
    let path = folder.path().join(format!("file-{mode:o}"));
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

fn keys(path: &Path) -> Result<(), Error> {
    ApiKeys::read_file(path).map(drop)
}

fn tokens(path: &Path) -> Result<(), Error> {
    Tokens::read_file(path, "https://issuer.example", "pilotlight").map(drop)
}

type Read = fn(&Path) -> Result<(), Error>;

fn readers() -> [(Read, String); 2] {
    let key = ApiKey::generate("a").unwrap();
    [(keys, key.entry()), (tokens, Signer::ed25519(1).jwks())]
}

#[test]
fn a_list_that_others_can_write_to_is_refused() {
    let folder = TempDir::new().unwrap();
    for (read, text) in readers() {
        for mode in [0o666, 0o620, 0o602, 0o622, 0o664] {
            let error = read(&write(&folder, mode, text.as_bytes())).unwrap_err();
            assert!(matches!(error, Error::Writable { .. }), "{error}");
            let message = error.to_string();
            assert!(message.contains(&format!("{mode:04o}")) && message.contains("chmod go-w"));
        }
        for mode in [0o600, 0o640, 0o644, 0o444] {
            assert!(read(&write(&folder, mode, text.as_bytes())).is_ok(), "{mode:o}");
        }
    }
}

#[test]
fn an_error_names_its_file() {
    let folder = TempDir::new().unwrap();
    for (read, text) in [(keys as Read, "[keys.a]\nrate = 5"), (tokens, r#"{"keys":7}"#)] {
        let error = read(&write(&folder, 0o644, text.as_bytes())).unwrap_err();
        assert!(matches!(error, Error::In { .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains("file-644: "), "{message}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = TempDir::new().unwrap();
    let not_text = write(&folder, 0o600, b"\xff\xfe");
    for read in [keys as Read, tokens] {
        for path in [Path::new("/missing/keys"), folder.path(), &not_text] {
            let error = read(path).unwrap_err();
            // A folder may be writable, too.
            assert!(matches!(error, Error::Io { .. } | Error::Writable { .. }), "{error}");
            assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        }
    }
}

#[test]
fn a_file_that_is_too_long_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = write(&folder, 0o600, &vec![b'#'; (1 << 20) + 1]);
    for read in [keys as Read, tokens] {
        let error = read(&path).unwrap_err();
        assert!(matches!(error, Error::TooLong { .. }), "{error}");
    }
    let path = write(&folder, 0o600, &vec![b'#'; 1 << 20]);
    assert!(keys(&path).is_ok());
}

#[test]
fn a_key_set_read_again_without_usable_keys_revokes_those_it_had() {
    let folder = TempDir::new().unwrap();
    let signer = Signer::ed25519(1);
    let path = write(&folder, 0o600, signer.jwks().as_bytes());
    let options = AuthOptions {
        jwks: Some(path.clone()),
        issuer: Some("https://issuer.example".to_owned()),
        audience: Some("pilotlight".to_owned()),
        ..AuthOptions::default()
    };
    let claims = r#"{"iss":"https://issuer.example","sub":"a","aud":"pilotlight","exp":9e9}"#;
    let token = bearer(&signer.token(claims));
    let authenticator = Authenticator::new(Policy::read(&options).unwrap());
    assert!(check(&authenticator, &token).is_ok());
    // Of an algorithm that is not supported.
    let unusable = r#"{"keys":[{"kty":"EC","crv":"P-384","kid":"a","x":"AA","y":"AA"}]}"#;
    for set in [r#"{"keys":[]}"#, unusable] {
        fs::write(&path, set).unwrap();
        let renewed = authenticator.renewed(Policy::read(&options).unwrap());
        assert_eq!(refused(&renewed, &token), Reason::TokenKey, "{set}");
    }
    fs::write(&path, "").unwrap();
    assert!(matches!(Policy::read(&options), Err(Error::In { .. })));
}

#[test]
fn files_read_again_let_others_in() {
    let folder = TempDir::new().unwrap();
    let (one, other) = (ApiKey::generate("one").unwrap(), ApiKey::generate("other").unwrap());
    let path = write(&folder, 0o600, one.entry().as_bytes());
    let options = AuthOptions { api_keys: Some(path.clone()), ..AuthOptions::default() };
    let authenticator = Authenticator::new(Policy::read(&options).unwrap());
    assert!(check(&authenticator, &bearer(one.expose())).is_ok());
    fs::write(&path, other.entry()).unwrap();
    assert!(check(&authenticator, &bearer(one.expose())).is_ok());
    let renewed = authenticator.renewed(Policy::read(&options).unwrap());
    assert!(check(&renewed, &bearer(one.expose())).is_err());
    assert!(check(&renewed, &bearer(other.expose())).is_ok());
    fs::write(&path, "no TOML").unwrap();
    assert!(matches!(Policy::read(&options), Err(Error::In { .. })));
}
