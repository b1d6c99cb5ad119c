//! Measures recognition: microseconds for one text of about 400 tokens, and for a text of the worst kind.
//!
//!     cargo run --release -p pilotlight-recognizers --example scan

use std::hint::black_box;
use std::time::Instant;

use pilotlight_recognizers::{OptionsError, RecognizerOptions, Recognizers};

const TEXT: &str = "Dear Ms. Lovelace, thank you for your call on 3 March about invoice 2024-1187. We have \
    refunded $ 1,250.00 to the card 4111 1111 1111 1111; please confirm at billing@example.com or call \
    +49 30 901820-0. Your IBAN DE89 3704 0044 0532 0130 00 remains on file with customer number 8841207. ";
const ROUNDS: u32 = 100;

fn main() -> Result<(), OptionsError> {
    let start = Instant::now();
    let recognizers = Recognizers::new(&RecognizerOptions::default())?;
    println!("made in {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    let ordinary = TEXT.repeat(6);
    let letters = "a.".repeat(64 << 10);
    let digits = "1 ".repeat(64 << 10);
    for (name, text) in [("400 tokens", ordinary), ("a.a.a.", letters), ("1 1 1 ", digits)] {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            black_box(recognizers.find(black_box(&text)));
        }
        let each = start.elapsed().as_secs_f64() / f64::from(ROUNDS);
        println!(
            "{name}: {} bytes, {:.1} µs, {:.1} ns/byte",
            text.len(),
            each * 1e6,
            each * 1e9 / text.len() as f64
        );
    }
    Ok(())
}
