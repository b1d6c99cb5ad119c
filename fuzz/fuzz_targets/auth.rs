#![no_main]

use libfuzzer_sys::fuzz_target;
use pilotlight_fuzzing::auth;

fuzz_target!(|input: auth::Input| auth::run(input));
