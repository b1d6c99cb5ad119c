//! The seeds of the fuzz targets, run without the fuzzer.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pilotlight_fuzzing::TARGETS;

fn seeds() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn every_target_has_seeds() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&seeds()), targets);
    assert!(targets.iter().all(|target| !names(&seeds().join(target)).is_empty()));
    let binaries = names(&seeds().join("../fuzz_targets"));
    assert_eq!(binaries, targets.iter().map(|target| format!("{target}.rs")).collect());
}

#[test]
fn every_seed_runs_through_its_target() {
    for (target, run) in TARGETS {
        let folder = seeds().join(target);
        for seed in names(&folder) {
            // Printed if the target panics.
            println!("{target}/{seed}");
            run(&fs::read(folder.join(seed)).unwrap());
        }
    }
}
