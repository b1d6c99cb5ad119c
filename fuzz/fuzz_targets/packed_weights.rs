#![no_main]

use libfuzzer_sys::fuzz_target;
use pilotlight_fuzzing::packed_weights;

fuzz_target!(|bytes: &[u8]| packed_weights::run(bytes));
