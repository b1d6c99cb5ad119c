#![no_main]

use libfuzzer_sys::fuzz_target;
use pilotlight_fuzzing::dialects;

fuzz_target!(|request: &[u8]| dialects::run(request));
