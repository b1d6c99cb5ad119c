#![no_main]

use libfuzzer_sys::fuzz_target;
use pilotlight_fuzzing::decisions;

fuzz_target!(|found: Vec<decisions::Found>| decisions::run(found));
