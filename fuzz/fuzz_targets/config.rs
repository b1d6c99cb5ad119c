#![no_main]

use libfuzzer_sys::fuzz_target;
use pilotlight_fuzzing::config;

fuzz_target!(|input: config::Input| config::run(input));
