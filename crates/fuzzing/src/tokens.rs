//! Texts in which somebody wrote tokens, or what looks like them, and texts with genuine ones.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use arbitrary::Arbitrary;
use pilotlight_deidentify::{Cipher, Deidentifier, DeidentifyOptions, Entity, Keyring, Mode};

#[derive(Debug, Arbitrary)]
pub struct Input {
    text: String,
    label: String,
    spans: Vec<(u8, u8)>,
    sm4: bool,
    /// Which byte of the de-identified text is changed, and how.
    change: (usize, u8),
}

static RING: LazyLock<Keyring> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let path = folder.path().join("keys.toml");
    let id = "k1".parse().expect("it is a name");
    Keyring::generate(&path, &id).expect("it can be written");
    Keyring::read(&path).expect("it can be read")
});

fn encryption(sm4: bool) -> Deidentifier {
    let cipher = Some(if sm4 { Cipher::Sm4Gcm } else { Cipher::Aes256Gcm });
    let keys = Some("keys.toml".into());
    let options = DeidentifyOptions {
        mode: Mode::Encrypt,
        cipher,
        keys,
        labels: None,
        actions: BTreeMap::new(),
        thresholds: BTreeMap::new(),
        placeholder: None,
    };
    Deidentifier::new(&options, Some(&RING)).expect("the options go together")
}

/// A text that nobody with the keys has written stays as it is.
fn stays(text: &str) {
    let reidentified = RING.reidentify(text);
    assert!(
        reidentified.text == text && reidentified.reidentified == 0,
        "a forged token was decrypted"
    );
    let mut end = 0;
    for left in reidentified.left {
        assert!(end <= left.start && left.start < left.end, "{left:?}");
        end = left.end;
        let token: String = text.chars().skip(left.start).take(left.end - left.start).collect();
        assert!(token.starts_with('[') && token.ends_with(']'), "{left:?}: {token}");
    }
    assert!(end <= text.chars().count());
}

/// Runs the target.
pub fn run(input: Input) {
    stays(&input.text);
    let entity = |(start, end): &(u8, u8)| Entity {
        label: &input.label,
        score: 0.5,
        start: usize::from(*start),
        end: usize::from(*end),
    };
    let entities: Vec<Entity<'_>> = input.spans.iter().map(entity).collect();
    let Ok(deidentified) = encryption(input.sm4).deidentify(&input.text, &entities) else { return };
    let reidentified = RING.reidentify(&deidentified.text);
    let replaced = deidentified.spans.len();
    assert_eq!((&reidentified.text, reidentified.reidentified), (&input.text, replaced));

    let mut bytes = deidentified.text.into_bytes();
    let place = input.change.0 % bytes.len().max(1);
    let Some(byte) = bytes.get_mut(place) else { return };
    *byte ^= input.change.1.max(1);
    if let Ok(changed) = String::from_utf8(bytes) {
        assert!(RING.reidentify(&changed).text != input.text, "a changed byte was not noticed");
    }
}
