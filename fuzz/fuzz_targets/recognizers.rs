#![no_main]

use libfuzzer_sys::fuzz_target;
use pilotlight_fuzzing::recognizers;

fuzz_target!(|text: &str| recognizers::run(text));
