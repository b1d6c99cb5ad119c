#![no_main]

use libfuzzer_sys::fuzz_target;
use pilotlight_fuzzing::tokens;

fuzz_target!(|input: tokens::Input| tokens::run(input));
