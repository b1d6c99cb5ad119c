#![no_main]

use libfuzzer_sys::fuzz_target;
use pilotlight_fuzzing::forwarded;

fuzz_target!(|input: forwarded::Input| forwarded::run(input));
