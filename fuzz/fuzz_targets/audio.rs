#![no_main]

use libfuzzer_sys::fuzz_target;
use pilotlight_fuzzing::audio;

fuzz_target!(|sent: &[u8]| audio::run(sent));
