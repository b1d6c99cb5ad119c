#![no_main]

use libfuzzer_sys::fuzz_target;
use pilotlight_fuzzing::split;

fuzz_target!(|input: &[u8]| split::run(input));
