//! Finds identifiers in lines of JSON with a `text`, and writes a list of findings for each: label, and places
//! in code points. Where findings overlap, the better one is written.
//!
//!     cargo run --release -p pilotlight-recognizers --example find < corpus.jsonl > found.jsonl

use std::error::Error;
use std::io::{BufRead as _, Write as _, stdin, stdout};

use pilotlight_recognizers::{Candidate, RecognizerOptions, Recognizers, resolve};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let recognizers = Recognizers::new(&RecognizerOptions::default())?;
    let mut out = stdout().lock();
    for line in stdin().lock().lines() {
        let line: Value = serde_json::from_str(&line?)?;
        let text = line["text"].as_str().unwrap_or_default();
        let candidates = recognizers.find(text).into_iter().map(Candidate::from).collect();
        let found = resolve(candidates, |_, _| true).into_iter().map(|decision| {
            let Candidate { label, start, end, recognizer, score, .. } = decision.candidate;
            json!({"label": label, "start": start, "end": end, "score": score, "by": recognizer})
        });
        writeln!(out, "{}", found.collect::<Value>())?;
    }
    Ok(())
}
