#![no_main]

use libfuzzer_sys::fuzz_target;
use pilotlight_fuzzing::redact_words;

fuzz_target!(|input: redact_words::Input| redact_words::run(input));
