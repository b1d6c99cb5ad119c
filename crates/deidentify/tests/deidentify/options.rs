use pilotlight_deidentify::{Cipher, Deidentifier, DeidentifyOptions, Mode, OptionsError};

use super::{RING, options};

fn parse(toml: &str) -> DeidentifyOptions {
    toml::from_str(toml).unwrap()
}

#[test]
fn options_are_written_in_words() {
    let options = parse(
        "mode = \"encrypt\"\ncipher = \"sm4-gcm\"\nkeys = \"keys.toml\"\nlabels = [\"EMAIL\"]\n",
    );
    assert_eq!((options.mode, options.cipher), (Mode::Encrypt, Some(Cipher::Sm4Gcm)));
    assert_eq!(options.check(), Ok(()));
    assert_eq!(parse("mode = \"redact\"\nplaceholder = \"X\"").check(), Ok(()));
    assert_eq!(parse("mode = \"pseudonymize\"\nkeys = \"k\"").check(), Ok(()));
    for cipher in Cipher::ALL {
        let written = format!("mode = \"encrypt\"\nkeys = \"k\"\ncipher = \"{}\"", cipher.as_str());
        assert_eq!(parse(&written).cipher, Some(cipher));
    }
    for mode in [Mode::Redact, Mode::Pseudonymize, Mode::Encrypt] {
        assert_eq!(parse(&format!("mode = \"{}\"", mode.as_str())).mode, mode);
    }
    assert!(toml::from_str::<DeidentifyOptions>("mode = \"redact\"\nlabel = []").is_err());
    assert!(toml::from_str::<DeidentifyOptions>("").is_err());
}

#[test]
fn options_that_do_not_go_together_are_mistakes() {
    let of_no_effect = |key, mode| OptionsError::OfNoEffect { key, mode };
    let mistakes = [
        ("mode = \"encrypt\"", OptionsError::NoKeys(Mode::Encrypt)),
        ("mode = \"pseudonymize\"", OptionsError::NoKeys(Mode::Pseudonymize)),
        ("mode = \"redact\"\nkeys = \"k\"", of_no_effect("keys", Mode::Redact)),
        ("mode = \"redact\"\ncipher = \"sm4-gcm\"", of_no_effect("cipher", Mode::Redact)),
        (
            "mode = \"pseudonymize\"\nkeys = \"k\"\ncipher = \"sm4-gcm\"",
            of_no_effect("cipher", Mode::Pseudonymize),
        ),
        (
            "mode = \"encrypt\"\nkeys = \"k\"\nplaceholder = \"\"",
            of_no_effect("placeholder", Mode::Encrypt),
        ),
        ("mode = \"redact\"\nlabels = []", OptionsError::NoLabels),
    ];
    for (written, mistake) in mistakes {
        assert_eq!(parse(written).check(), Err(mistake.clone()), "{written}");
        assert_eq!(Deidentifier::new(&parse(written), Some(&RING)).unwrap_err(), mistake);
    }
    assert_eq!(
        OptionsError::NoKeys(Mode::Encrypt).to_string(),
        "mode `encrypt` needs `keys`: the file with the keyring"
    );
    let message = of_no_effect("cipher", Mode::Redact).to_string();
    assert_eq!(message, "`cipher` has no effect in mode `redact`; remove it");
}

#[test]
fn keys_that_were_not_read_are_missing() {
    let deidentifier = Deidentifier::new(&options(Mode::Encrypt), None);
    assert_eq!(deidentifier.unwrap_err(), OptionsError::NoKeys(Mode::Encrypt));
}
