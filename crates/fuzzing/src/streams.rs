//! Any bytes in any chunks as a stream that is redacted: what passes does not depend on the chunks, and holds no
//! value that was found.

use std::sync::OnceLock;

use arbitrary::Arbitrary;
use pilotlight_recognizers::{Candidate, RecognizerOptions, Recognizers, Segments, resolve};
use pilotlight_streams::{Failure, Form, Rewrite, Stream};

const CARD: &str = "4111111111111111";

#[derive(Debug, Arbitrary)]
pub struct Input {
    chunks: Vec<Vec<u8>>,
    form: u8,
}

/// Redacts cards.
struct Redactor;

fn recognizers() -> &'static Recognizers {
    static CARDS: OnceLock<Recognizers> = OnceLock::new();
    CARDS.get_or_init(|| {
        let labels = Some(["CREDIT_CARD".to_owned()].into());
        let options = RecognizerOptions { labels, ..RecognizerOptions::default() };
        Recognizers::new(&options).expect("the table can be searched")
    })
}

fn redacted(segments: Vec<String>) -> String {
    let mut redacted = String::new();
    for segment in segments {
        let points: Vec<char> = segment.chars().collect();
        let found = recognizers().find(&segment).into_iter().map(Candidate::from).collect();
        let mut position = 0;
        for decision in resolve(found, |_, _| true) {
            redacted.extend(&points[position..decision.candidate.start]);
            redacted.push_str("[CARD]");
            position = decision.candidate.end;
        }
        redacted.extend(&points[position..]);
    }
    redacted
}

impl Rewrite for Redactor {
    type Text = Segments;
    type Error = std::convert::Infallible;

    fn push(&mut self, text: &mut Segments, chunk: &str) -> Result<String, Self::Error> {
        Ok(redacted(text.push(chunk)))
    }

    fn finish(&mut self, text: Segments) -> Result<String, Self::Error> {
        Ok(redacted(text.finish()))
    }
}

fn passed<'a>(form: Form, chunks: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, bool) {
    let (mut stream, mut out) = (Stream::new(form), Vec::new());
    for chunk in chunks {
        if stream.push(chunk, &mut Redactor, &mut out).is_err() {
            return (out, false);
        }
    }
    let is_whole = stream.finish(&mut Redactor, &mut out).is_ok();
    if !is_whole {
        stream.fail(Failure { error_type: "malformed", message: "no" }, &mut out);
    }
    (out, is_whole)
}

/// Runs the target.
pub fn run(input: Input) {
    let form = [Form::Text, Form::TextToEvents, Form::Events][usize::from(input.form) % 3];
    let all = input.chunks.concat();
    let (whole, ended) = passed(form, std::iter::once(&all[..]));
    let (chunked, again) = passed(form, input.chunks.iter().map(Vec::as_slice));
    assert_eq!(ended, again);
    // Events are cut where text has come; what they say together is the same.
    if ended && form == Form::Text {
        assert_eq!(whole, chunked);
    }
    let text = format!(" {CARD} ");
    let planted = [text.as_bytes(), &all].concat();
    let (out, _) = passed(Form::Text, std::iter::once(&planted[..]));
    assert!(!String::from_utf8_lossy(&out).starts_with(&text));
}
