#![no_main]

use libfuzzer_sys::fuzz_target;
use pilotlight_fuzzing::requests;

fuzz_target!(|body: &[u8]| requests::run(body));
