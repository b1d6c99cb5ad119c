#![no_main]

use libfuzzer_sys::fuzz_target;
use pilotlight_fuzzing::batches;

fuzz_target!(|calls: Vec<batches::Call>| batches::run(calls));
