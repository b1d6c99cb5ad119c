#![no_main]

use libfuzzer_sys::fuzz_target;
use pilotlight_fuzzing::streams;

fuzz_target!(|input: streams::Input| streams::run(input));
