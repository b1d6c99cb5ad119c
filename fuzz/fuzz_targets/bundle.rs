#![no_main]

use libfuzzer_sys::fuzz_target;
use pilotlight_fuzzing::bundle;

fuzz_target!(|bytes: &[u8]| bundle::run(bytes));
