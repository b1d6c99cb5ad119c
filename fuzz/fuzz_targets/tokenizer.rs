#![no_main]

use libfuzzer_sys::fuzz_target;
use pilotlight_fuzzing::tokenizer;

fuzz_target!(|file: &[u8]| tokenizer::run(file));
