#![no_main]

use libfuzzer_sys::fuzz_target;
use pilotlight_fuzzing::kernels;

fuzz_target!(|input: kernels::Input| kernels::run(input));
