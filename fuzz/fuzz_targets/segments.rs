#![no_main]

use libfuzzer_sys::fuzz_target;
use pilotlight_fuzzing::segments;

fuzz_target!(|input: segments::Input| segments::run(input));
