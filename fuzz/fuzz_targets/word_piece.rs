#![no_main]

use libfuzzer_sys::fuzz_target;
use pilotlight_fuzzing::word_piece;

fuzz_target!(|text: &str| word_piece::run(text));
