//! Packed weights in a store: packed once, mapped afterwards, with the same results.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use pilotlight_inference::{
    Backend as _, Buffers, GraphOptions, Graphs, Model, Native, NativeOptions, Precision,
    StoredFile, WeightStore, WeightsOrigin,
};
use pilotlight_testing::encoder;

use crate::support::{Call, alone, floats};

/// Files in a folder, counted by how often each was written.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    written: Mutex<BTreeMap<String, usize>>,
}

impl Folder {
    fn new(path: &Path) -> Arc<Self> {
        Arc::new(Self { path: path.to_owned(), written: Mutex::default() })
    }

    /// How often each file was written.
    fn writes(&self) -> Vec<usize> {
        self.written.lock().unwrap().values().copied().collect()
    }

    fn files(&self) -> Vec<PathBuf> {
        let names = self.written.lock().unwrap();
        names.keys().map(|name| self.path.join(name)).collect()
    }
}

impl WeightStore for Folder {
    fn get_or_write(
        &self,
        name: &str,
        write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<StoredFile> {
        let mut written = self.written.lock().unwrap();
        let path = self.path.join(name);
        if !path.exists() {
            let file =
                OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
            write(&mut file?)?;
            *written.entry(name.to_owned()).or_default() += 1;
        }
        Ok(StoredFile { path, held: Box::new(()) })
    }

    fn discard(&self, name: &str) {
        fs::remove_file(self.path.join(name)).unwrap();
    }
}

fn backend(store: &Arc<Folder>) -> Native {
    let mut options = NativeOptions::default();
    options.weights = Some(Arc::clone(store) as Arc<dyn WeightStore>);
    Native::new(options).unwrap()
}

/// With a backend of its own, as another process has.
fn load(store: &Arc<Folder>, file: Vec<u8>, precision: Precision) -> Box<dyn Model> {
    backend(store).load("g", file, precision.into()).unwrap()
}

fn outputs(model: &dyn Model) -> Vec<Vec<u32>> {
    let outputs = alone(model, &Call::of(&[1, 7, 20, 3, 9])).unwrap();
    let bits = |output| floats(output).into_iter().map(f32::to_bits).collect();
    outputs.iter().map(bits).collect()
}

#[test]
fn weights_are_packed_once_and_give_the_same_bits_mapped() {
    for precision in Precision::ALL {
        let folder = tempfile::tempdir().unwrap();
        let store = Folder::new(folder.path());
        let without = crate::support::load(encoder::file(), precision);
        assert_eq!(without.weights(), Some(WeightsOrigin::Packed));
        let expected = outputs(&*without);
        for origin in [WeightsOrigin::Stored, WeightsOrigin::Mapped, WeightsOrigin::Mapped] {
            let model = load(&store, encoder::file(), precision);
            assert_eq!(model.weights(), Some(origin));
            assert_eq!(outputs(&*model), expected, "{precision}");
        }
        assert_eq!(store.writes(), [1]);
    }
}

#[test]
fn other_precisions_and_other_graphs_have_other_files() {
    let folder = tempfile::tempdir().unwrap();
    let store = Folder::new(folder.path());
    let loads = [
        (encoder::file(), Precision::F32),
        (encoder::file(), Precision::Int8),
        (encoder::file_of_length(5), Precision::F32),
    ];
    for (file, precision) in loads {
        assert_eq!(load(&store, file, precision).weights(), Some(WeightsOrigin::Stored));
    }
    assert_eq!(store.writes(), [1, 1, 1]);
}

#[test]
fn damaged_truncated_and_foreign_files_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let store = Folder::new(folder.path());
    let expected = outputs(&*load(&store, encoder::file(), Precision::Int8));
    let path = &store.files()[0];
    let whole = fs::read(path).unwrap();
    let mut garbled = whole.clone();
    garbled[20..40].fill(0xff);
    let longer = [&whole[..], &[0; 64]].concat();
    let bad = [&whole[..whole.len() / 2], &whole[..10], b"", b"something else", &garbled, &longer];
    for (number, content) in bad.into_iter().enumerate() {
        fs::write(path, content).unwrap();
        let model = load(&store, encoder::file(), Precision::Int8);
        assert_eq!(model.weights(), Some(WeightsOrigin::Stored), "{number}");
        assert_eq!(outputs(&*model), expected, "{number}");
        drop(model);
        assert_eq!(fs::read(path).unwrap(), whole, "{number}");
    }
}

#[test]
fn the_file_of_another_graph_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let store = Folder::new(folder.path());
    let expected = outputs(&*load(&store, encoder::file(), Precision::Int8));
    let own = &store.files()[0];
    load(&store, encoder::file(), Precision::F32);
    let files = store.files();
    let other = files.iter().find(|file| *file != own).unwrap();
    fs::copy(other, own).unwrap();
    let model = load(&store, encoder::file(), Precision::Int8);
    assert_eq!((model.weights(), outputs(&*model)), (Some(WeightsOrigin::Stored), expected));
}

#[test]
fn weights_that_cannot_be_stored_are_packed_into_memory() {
    let missing = tempfile::tempdir().unwrap().path().join("missing");
    let model = load(&Folder::new(&missing), encoder::file(), Precision::F32);
    assert_eq!(model.weights(), Some(WeightsOrigin::Packed));
    assert_eq!(outputs(&*model), outputs(&*crate::support::load(encoder::file(), Precision::F32)));
}

#[test]
fn graphs_of_guests_are_not_stored_and_status_tells_where_weights_are() {
    let folder = tempfile::tempdir().unwrap();
    let store = Folder::new(folder.path());
    let graphs = || Graphs::new(Box::new(backend(&store)), 1).unwrap();
    let (first, second) = (graphs(), graphs());
    let (file, options) = (encoder::file(), GraphOptions::default());
    let guests = first.load_unnamed("guest", file.clone(), options).unwrap();
    assert_eq!(guests.status().weights, Some(WeightsOrigin::Packed));
    assert!(store.writes().is_empty());
    let own = second.load("own", file, options).unwrap();
    assert_eq!(own.status().weights, Some(WeightsOrigin::Stored));
    assert_eq!(serde_json::to_value(own.status()).unwrap()["weights"], "stored");
    assert_eq!(store.writes(), [1]);
}

#[test]
fn mapped_weights_outlive_their_file_and_the_backend() {
    let folder = tempfile::tempdir().unwrap();
    let store = Folder::new(folder.path());
    let model = load(&store, encoder::file(), Precision::F32);
    let expected = outputs(&*model);
    let buffers = Buffers::new(0);
    fs::remove_file(&store.files()[0]).unwrap();
    drop((store, folder));
    assert_eq!(outputs(&*model), expected);
    let inputs = Call::of(&[2]).inputs(&*model);
    assert!(model.run(&inputs, &buffers).is_ok());
}
