//! Packed weights in the cache: written once, counted and evicted like other entries, replaced if they are damaged.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};

use pilotlight_build::Cache;
use pilotlight_inference::{
    Graph, GraphOptions, Graphs, Native, NativeOptions, Precision, WeightStore, WeightsOrigin,
};
use pilotlight_testing::encoder;

const EXTENSION: &str = "weights";

fn open(folder: &Path) -> Cache {
    Cache::open(Some(folder.join("cache"))).unwrap()
}

/// Loads an encoder as a new process does; the graphs keep the threads.
fn load(cache: &Cache, precision: Precision) -> (Graphs, Graph) {
    let mut backend = NativeOptions::default();
    backend.weights = Some(Arc::new(cache.clone()) as Arc<dyn WeightStore>);
    let graphs = Graphs::new(Box::new(Native::new(backend).unwrap()), 1).unwrap();
    let mut options = GraphOptions::default();
    options.precision = precision;
    let graph = graphs.load("encoder", encoder::file(), options).unwrap();
    (graphs, graph)
}

fn origin(loaded: &(Graphs, Graph)) -> WeightsOrigin {
    loaded.1.status().weights.unwrap()
}

/// The files of packed weights.
fn stored(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("cache")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|found| found == EXTENSION)).collect()
}

#[test]
fn weights_are_an_entry_that_later_loads_map() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    assert_eq!(origin(&load(&cache, Precision::Int8)), WeightsOrigin::Stored);
    let path = &stored(folder.path())[0];
    assert_eq!(fs::metadata(path).unwrap().mode() & 0o7777, 0o600);
    assert!(cache.entry_at(path).is_some());
    assert_eq!(origin(&load(&open(folder.path()), Precision::Int8)), WeightsOrigin::Mapped);
    assert_eq!(origin(&load(&cache, Precision::F32)), WeightsOrigin::Stored);
    assert_eq!(stored(folder.path()).len(), 2);
}

#[test]
fn of_many_that_load_at_once_one_packs() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path());
    let barrier = Barrier::new(4);
    let loads = std::thread::scope(|scope| {
        let load = || {
            let cache = open(folder.path());
            barrier.wait();
            origin(&load(&cache, Precision::F32))
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(load)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let packed = loads.iter().filter(|origin| **origin == WeightsOrigin::Stored);
    assert_eq!((packed.count(), loads.contains(&WeightsOrigin::Packed)), (1, false), "{loads:?}");
}

#[test]
fn weights_in_use_are_not_evicted_and_others_are() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path()).bounded(0);
    let loaded = load(&cache, Precision::F32);
    let bytes = fs::metadata(&stored(folder.path())[0]).unwrap().len();
    assert_eq!(cache.evict().unwrap(), 0);
    assert_eq!(stored(folder.path()).len(), 1);
    drop(loaded);
    assert!(cache.evict().unwrap() >= bytes);
    assert!(stored(folder.path()).is_empty());
    assert_eq!(origin(&load(&cache, Precision::F32)), WeightsOrigin::Stored);
}

#[test]
fn weights_that_were_damaged_later_are_packed_again() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    drop(load(&cache, Precision::Int8));
    let path = &stored(folder.path())[0];
    let whole = fs::read(path).unwrap();
    let mut garbled = whole.clone();
    garbled[..64].fill(0x5a);
    for damaged in [&garbled[..], &whole[..whole.len() - 64], b""] {
        fs::write(path, damaged).unwrap();
        assert_eq!(origin(&load(&cache, Precision::Int8)), WeightsOrigin::Stored);
        assert_eq!(fs::read(path).unwrap(), whole);
        assert_eq!(origin(&load(&cache, Precision::Int8)), WeightsOrigin::Mapped);
    }
}

#[test]
fn with_verification_a_changed_weight_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    drop(load(&cache, Precision::Int8));
    let path = &stored(folder.path())[0];
    let whole = fs::read(path).unwrap();
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(path, &changed).unwrap();
    assert_eq!(origin(&load(&cache.verifying(), Precision::Int8)), WeightsOrigin::Stored);
    assert_eq!(fs::read(path).unwrap(), whole);
}
