#![no_main]

use libfuzzer_sys::fuzz_target;
use pilotlight_fuzzing::wasi_nn;

fuzz_target!(|inputs: Vec<wasi_nn::Input>| wasi_nn::run(inputs));
