#![no_main]

use libfuzzer_sys::fuzz_target;
use pilotlight_fuzzing::windows;

fuzz_target!(|input: windows::Input| windows::run(input));
