//! Configuration.

use pilotlight_recognizers::{OptionsError, RecognizerOptions, Recognizers};

fn options(toml: &str) -> RecognizerOptions {
    toml::from_str(toml).unwrap()
}

fn found(toml: &str, text: &str) -> Vec<(String, String)> {
    let recognizers = Recognizers::new(&options(toml)).unwrap();
    recognizers.find(text).iter().map(|finding| crate::told(text, finding)).collect()
}

fn refused(toml: &str) -> String {
    Recognizers::new(&options(toml)).unwrap_err().to_string()
}

const ONLY: &str = "labels = []\n";

#[test]
fn own_patterns_are_found_and_raised_by_context() {
    let toml = r#"
        labels = ["EMPLOYEE"]
        [[patterns]]
        name = "employee"
        label = "EMPLOYEE"
        pattern = '\bE\d{6}\b'
        score = 0.3
        context = ["Employee"]
    "#;
    assert_eq!(found(toml, "employee E123456"), [("EMPLOYEE".to_owned(), "E123456".to_owned())]);
    assert!(found(toml, "part E123456").is_empty());
}

#[test]
fn terms_of_a_deny_list_are_found_as_whole_words_in_any_case() {
    let toml = format!(
        "{ONLY}[[deny]]\nlabel = \"PROJECT\"\nterms = [\"Falcon\", \"Falcon (new)\", \"鹰\"]"
    );
    let texts: Vec<String> = found(&toml, "falcon, FALCON (new) falconry 小鹰号")
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    assert_eq!(texts, ["falcon", "FALCON (new)", "鹰"]);
}

#[test]
fn allowed_values_are_never_found() {
    let toml = "allow = [\"Support@Example.com\"]\nallow-patterns = ['10\\..*']";
    let texts = found(toml, "support@example.com ada@example.org 10.1.2.3 192.0.2.1");
    let texts: Vec<String> = texts.into_iter().map(|(_, text)| text).collect();
    assert!(
        texts.contains(&"ada@example.org".to_owned()) && texts.contains(&"192.0.2.1".to_owned())
    );
    assert!(!texts.iter().any(|text| text.contains("support") || text.starts_with("10.")));
}

#[test]
fn countries_labels_and_names_choose_recognizers() {
    let text = "536-90-4399 and 529.982.247-25";
    let labels = |toml| found(toml, text).into_iter().map(|(label, _)| label).collect::<Vec<_>>();
    assert_eq!(labels("countries = [\"BR\"]"), ["BR_CPF"]);
    assert_eq!(labels("labels = [\"US_SSN\"]"), ["US_SSN"]);
    assert_eq!(labels("disable = [\"us_ssn\", \"br_cpf\"]"), Vec::<String>::new());
    assert_eq!(labels("threshold = 0.65"), ["BR_CPF"]);
    assert_eq!(labels("thresholds.BR_CPF = 0.96"), ["US_SSN"]);
}

#[test]
fn a_mistake_is_told_by_what_it_concerns() {
    for (toml, about) in [
        ("labels = [\"SHOE_SIZE\"]", "SHOE_SIZE"),
        ("disable = [\"shoe_size\"]", "shoe_size"),
        ("countries = [\"de\"]", "use two-letter codes"),
        ("threshold = 1.5", "threshold is 1.5"),
        ("thresholds.EMAIL = -1", "EMAIL is -1"),
        (
            "[[patterns]]\nname = \"email\"\nlabel = \"A\"\npattern = \"a\"",
            "two recognizers are named",
        ),
        ("[[patterns]]\nname = \"a\"\nlabel = \"[A]\"\npattern = \"a\"", "label"),
        ("[[patterns]]\nname = \"a\"\nlabel = \"A\"\npattern = \"(a\"", "pattern \"a\""),
        ("[[patterns]]\nname = \"a\"\nlabel = \"A\"\npattern = \"(?=a)\"", "look-around"),
        ("[[patterns]]\nname = \"a\"\nlabel = \"A\"\npattern = '\\w{900}{900}'", "make it shorter"),
        ("[[deny]]\nlabel = \"A\"\nterms = [\" \"]", "a term of 1 bytes"),
    ] {
        let error = refused(toml);
        assert!(error.contains(about), "{toml}: {error}");
    }
}

#[test]
fn unknown_keys_are_errors() {
    assert!(toml::from_str::<RecognizerOptions>("country = [\"DE\"]").is_err());
}

#[test]
fn too_many_patterns_are_refused() {
    let options =
        RecognizerOptions { allow_patterns: vec!["a".to_owned(); 257], ..Default::default() };
    let expected = OptionsError::TooMany { what: "patterns", count: 257, limit: 256 };
    assert_eq!(options.check(), Err(expected));
}
