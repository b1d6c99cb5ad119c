#![no_main]

use libfuzzer_sys::fuzz_target;
use pilotlight_fuzzing::model_folder;

fuzz_target!(|input: model_folder::Input| model_folder::run(input));
