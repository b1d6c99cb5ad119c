#![no_main]

use libfuzzer_sys::fuzz_target;
use pilotlight_fuzzing::router;

fuzz_target!(|bytes: &[u8]| router::run(bytes));
