#![no_main]

use libfuzzer_sys::fuzz_target;
use pilotlight_fuzzing::redaction;

fuzz_target!(|input: redaction::Input| redaction::run(input));
