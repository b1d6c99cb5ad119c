//! Texts in which somebody wrote tokens, or what looks like them, and texts with genuine ones.

#![no_main]

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use pilotlight_deidentify::{Cipher, Entity, KeyRing, Mode, Protection, ProtectionOptions};

#[derive(Debug, Arbitrary)]
struct Input {
    text: String,
    label: String,
    spans: Vec<(u8, u8)>,
    sm4: bool,
    /// Which byte of the protected text is changed, and how.
    change: (usize, u8),
}

static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let path = folder.path().join("keys.toml");
    let id = "k1".parse().expect("it is a name");
    KeyRing::generate(&path, &id).expect("it can be written");
    KeyRing::read(&path).expect("it can be read")
});

fn encryption(sm4: bool) -> Protection {
    let cipher = Some(if sm4 { Cipher::Sm4Gcm } else { Cipher::Aes256Gcm });
    let keys = Some("keys.toml".into());
    let options =
        ProtectionOptions { mode: Mode::Encrypt, cipher, keys, labels: None, placeholder: None };
    Protection::new(&options, Some(&RING)).expect("the options go together")
}

/// A text that nobody with the keys has written stays as it is.
fn stays(text: &str) {
    let restored = RING.restore(text);
    assert!(restored.text == text && restored.restored == 0, "a forged token was decrypted");
    let mut end = 0;
    for left in restored.left {
        assert!(end <= left.start && left.start < left.end, "{left:?}");
        end = left.end;
        let token: String = text.chars().skip(left.start).take(left.end - left.start).collect();
        assert!(token.starts_with('[') && token.ends_with(']'), "{left:?}: {token}");
    }
    assert!(end <= text.chars().count());
}

fuzz_target!(|input: Input| {
    stays(&input.text);
    let entity = |(start, end): &(u8, u8)| Entity {
        label: &input.label,
        score: 0.5,
        start: usize::from(*start),
        end: usize::from(*end),
    };
    let entities: Vec<Entity<'_>> = input.spans.iter().map(entity).collect();
    let Ok(protected) = encryption(input.sm4).protect(&input.text, &entities) else { return };
    let restored = RING.restore(&protected.text);
    assert_eq!((&restored.text, restored.restored), (&input.text, entities.len()));

    let mut bytes = protected.text.into_bytes();
    let place = input.change.0 % bytes.len().max(1);
    let Some(byte) = bytes.get_mut(place) else { return };
    *byte ^= input.change.1.max(1);
    if let Ok(changed) = String::from_utf8(bytes) {
        assert!(RING.restore(&changed).text != input.text, "a changed byte was not noticed");
    }
});
