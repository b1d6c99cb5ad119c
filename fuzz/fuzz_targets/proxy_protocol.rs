#![no_main]

use libfuzzer_sys::fuzz_target;
use pilotlight_fuzzing::proxy_protocol;

fuzz_target!(|sent: &[u8]| proxy_protocol::run(sent));
