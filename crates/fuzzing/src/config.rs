//! What somebody may write into `pilotlight.toml`, or say instead of it.

use arbitrary::Arbitrary;
use pilotlight_config::{Config, Location, Sources, check};

#[derive(Debug, Arbitrary)]
pub struct Input {
    text: String,
    environment: Option<String>,
    variables: Vec<(String, String)>,
    flags: Vec<String>,
}

/// Runs the target.
pub fn run(input: Input) {
    let variable = |(name, value): (String, String)| (format!("PILOTLIGHT__{name}"), value);
    let sources = Sources {
        environment: input.environment,
        variables: input.variables.into_iter().map(variable).collect(),
        flags: input.flags,
        ..Sources::default()
    };
    match check(&input.text, &sources) {
        Ok(()) => drop(Config::parse(&input.text, &sources).expect("what was checked is valid")),
        Err(mistakes) => {
            assert!(!mistakes.all().is_empty());
            for mistake in mistakes {
                let Location::Line { line, column } = mistake.location else { continue };
                let found = input.text.split('\n').nth(line - 1).expect("the line is there");
                assert!((1..=found.chars().count() + 1).contains(&column), "{mistake:?}");
            }
        }
    }
}
