use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::draft::Draft;
use crate::files::{FILE_LIMIT, inside, largest_file};
use crate::manifest::MANIFEST_FILE;
use crate::{CONFIG_FILE, Choices, ModelError, TOKENIZER_FILE};

/// The folder that exporters put several graphs of one model in.
const GRAPHS: &str = "onnx";
const GRAPH_EXTENSION: &str = ".onnx";
/// A folder with more files is not a model's.
const MOST_FILES: usize = 10_000;
/// Graphs by how well they serve, as far as their names tell. The unchanged one is best: it becomes
/// int8 or int4 here, with its accuracy measured. Halves are computed in f32. The others have been
/// quantized for other kernels.
const RANKS: [&str; 9] = [
    "model",
    "model_fp16",
    "model_quantized",
    "model_int8",
    "model_uint8",
    "model_qint8_avx512_vnni",
    "model_quint8_avx2",
    "model_q4",
    "model_q4f16",
];
/// Files that say what a model is, beside its graph.
pub(super) const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
pub(super) const SPECIAL_TOKENS: &str = "special_tokens_map.json";
pub(super) const SENTENCE_CONFIG: &str = "sentence_bert_config.json";
pub(super) const SENTENCE_TRANSFORMERS: &str = "config_sentence_transformers.json";
pub(super) const MODULES: &str = "modules.json";
pub(super) const CARD: &str = "README.md";
const DESCRIPTIONS: [&str; 9] = [
    MANIFEST_FILE,
    CONFIG_FILE,
    TOKENIZER_FILE,
    TOKENIZER_CONFIG,
    SPECIAL_TOKENS,
    SENTENCE_CONFIG,
    SENTENCE_TRANSFORMERS,
    MODULES,
    CARD,
];
/// A model card is not needed, and not fetched if it is larger.
const CARD_LIMIT: u64 = 4 << 20;

/// Names and sizes of the files of a model: of a folder, or of what could be fetched into one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing(BTreeMap<String, u64>);

/// A graph of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) name: String,
    /// Why this one, where there are several.
    pub(super) reason: Option<String>,
}

impl FromIterator<(String, u64)> for Listing {
    /// Names that lead out of a folder are left out.
    fn from_iter<T: IntoIterator<Item = (String, u64)>>(files: T) -> Self {
        let is_plain = |name: &str| inside(name).is_ok_and(|plain| plain == name);
        Self(files.into_iter().filter(|(name, _)| is_plain(name)).collect())
    }
}

impl Listing {
    /// The files of a folder that a model could be made of; also those beside `graph`.
    ///
    /// # Errors
    /// [`ModelError`] if a folder cannot be read or has too many files.
    pub(crate) fn of_folder(folder: &Path, graph: Option<&str>) -> Result<Self, ModelError> {
        let mut listing = Self::default();
        let modules = listing.add(folder, "")?;
        let beside = graph.and_then(|graph| graph.rsplit_once('/')).map(|(beside, _)| beside);
        for inner in [Some(GRAPHS), beside].into_iter().flatten() {
            if folder.join(inner).is_dir() {
                listing.add(folder, inner)?;
            }
        }
        for module in modules {
            let config = format!("{module}/{CONFIG_FILE}");
            if let Some(size) = size(&folder.join(&config)) {
                listing.0.insert(config, size);
            }
        }
        Ok(listing)
    }

    /// Adds the files of one folder; returns the folders in it that are modules of
    /// sentence-transformers.
    fn add(&mut self, folder: &Path, inner: &str) -> Result<Vec<String>, ModelError> {
        let path = if inner.is_empty() { folder.to_owned() } else { folder.join(inner) };
        let io = |source| ModelError::Io { path: path.clone(), source };
        let mut modules = Vec::new();
        for (count, entry) in fs::read_dir(&path).map_err(io)?.enumerate() {
            if count == MOST_FILES {
                let reason =
                    format!("more than {MOST_FILES} files; choose a folder with one model");
                return Err(ModelError::Unfit { path, reason });
            }
            let entry = entry.map_err(io)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            match size(&entry.path()) {
                Some(size) if inner.is_empty() => drop(self.0.insert(name, size)),
                Some(size) => drop(self.0.insert(format!("{inner}/{name}"), size)),
                None if is_module(&name) => modules.push(name),
                None => {}
            }
        }
        Ok(modules)
    }

    /// The names of files that a model could be made of, `graph` and its data among them.
    pub(crate) fn names(&self, graph: Option<&str>) -> impl Iterator<Item = &str> {
        let of_use = move |name: &&str| {
            DESCRIPTIONS.contains(name)
                || is_module_config(name)
                || is_graph(name)
                || is_data(name)
                || graph.is_some_and(|graph| name.starts_with(graph))
        };
        self.0.keys().map(String::as_str).filter(of_use)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The files that a model folder uses, of all that there are to fetch, with their sizes. `said` is
    /// the text of its `model.toml`, if it has one.
    ///
    /// # Errors
    /// Why there is no graph among them, or a file is too large.
    pub fn wanted(
        &self,
        said: Option<&str>,
        choices: &Choices,
    ) -> Result<Vec<(&str, u64)>, String> {
        let draft = Draft::parse(Path::new(""), said.unwrap_or_default());
        let draft = draft.and_then(|draft| draft.choosing(choices));
        let draft = draft.map_err(|error| error.to_string())?;
        let graph = self.graph(draft.onnx_file.as_deref())?.name;
        let data = self.data_of(&graph);
        let is_wanted = |name: &str, size: u64| match name {
            name if draft.files.contains_key(name) => true,
            name if draft.speech_files().any(|file| file == name) => true,
            CARD => size <= CARD_LIMIT,
            name if DESCRIPTIONS.contains(&name) || is_module_config(name) => true,
            name => name == graph || data.contains(&name) || is_matrix(name),
        };
        let files = self.0.iter().map(|(name, size)| (name.as_str(), *size));
        let wanted: Vec<_> = files.filter(|(name, size)| is_wanted(name, *size)).collect();
        match wanted.iter().find(|(name, size)| *size > largest_file(name)) {
            Some((name, size)) => Err(format!(
                "{name}: has {size} bytes, more than the maximum of {}",
                largest_file(name)
            )),
            None => Ok(wanted),
        }
    }

    /// The graph that is asked for, or the one that serves best: the first by [`RANKS`] that is not too
    /// large with its data, then the first of all others by name.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn graph(&self, asked: Option<&str>) -> Result<Chosen, String> {
        let mut graphs: Vec<&str> = self.0.keys().map(String::as_str).collect();
        graphs.retain(|name| is_graph(name));
        graphs.sort_by_key(|name| (!self.fits(name), rank(name), name.matches('/').count(), *name));
        if let Some(asked) = asked {
            let is_there = self.has(asked);
            let chosen = Chosen { name: asked.to_owned(), reason: None };
            let others = format!("{asked} does not exist; {}", there_are(&graphs));
            return is_there.then_some(chosen).ok_or(others);
        }
        let Some((name, others)) = graphs.split_first() else { return Err(self.no_graph()) };
        if !self.fits(name) {
            let size = self.size_with_data(name);
            return Err(format!(
                "{name}: has {size} bytes with its data, more than the maximum of {FILE_LIMIT}"
            ));
        }
        let why = if rank(name) == 0 {
            "not quantized yet"
        } else if rank(name) < RANKS.len() {
            "the first of those that are known to work well"
        } else {
            "the first by its name"
        };
        let reason = format!(
            "chosen from {} graphs: {why}; --onnx-file selects another one of {}",
            graphs.len(),
            others.join(", ")
        );
        let reason = (!others.is_empty()).then_some(reason);
        Ok(Chosen { name: (*name).to_owned(), reason })
    }

    /// Files that hold weights of a graph: their names begin with its name, as exporters do it
    /// (`model.onnx_data`, `model.onnx.data`).
    pub(super) fn data_of(&self, graph: &str) -> Vec<&str> {
        let names = self.0.keys().map(String::as_str);
        let is_of = |name: &&str| {
            name.strip_prefix(graph)
                .is_some_and(|rest| rest.starts_with(['_', '.']) && !rest.contains('/'))
                && !name.ends_with(GRAPH_EXTENSION)
        };
        names.filter(is_of).collect()
    }

    fn size_with_data(&self, graph: &str) -> u64 {
        let size = |name: &str| self.0.get(name).copied().unwrap_or_default();
        self.data_of(graph)
            .into_iter()
            .fold(size(graph), |all, data| all.saturating_add(size(data)))
    }

    fn fits(&self, graph: &str) -> bool {
        self.size_with_data(graph) <= FILE_LIMIT
    }

    fn no_graph(&self) -> String {
        let weights = |name: &&String| {
            let ends = [".safetensors", ".bin", ".pt", ".h5", ".gguf"];
            ends.iter().any(|end| name.ends_with(end))
        };
        let what = "no ONNX graph: neither the folder nor onnx/ contains *.onnx";
        match self.0.keys().find(weights) {
            Some(weights) => {
                format!("{what}, only {weights}; export the model with `optimum-cli export onnx`")
            }
            None => what.to_owned(),
        }
    }
}

fn there_are(graphs: &[&str]) -> String {
    match graphs {
        [] => "the folder has no graphs".to_owned(),
        graphs => format!("there are {}", graphs.join(", ")),
    }
}

/// Size of a file, or of what a link leads to; of a link that leads nowhere none is known, but it is
/// there. `None` for everything else.
fn size(path: &Path) -> Option<u64> {
    match fs::metadata(path) {
        Ok(metadata) => metadata.is_file().then_some(metadata.len()),
        Err(_) => path.is_symlink().then_some(0),
    }
}

fn is_graph(name: &str) -> bool {
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    name.ends_with(GRAPH_EXTENSION) && (folder.is_empty() || folder == GRAPHS)
}

fn rank(graph: &str) -> usize {
    let name = graph.rsplit('/').next().unwrap_or(graph);
    let stem = name.strip_suffix(GRAPH_EXTENSION).unwrap_or(name);
    RANKS.iter().position(|known| *known == stem).unwrap_or(RANKS.len())
}

fn is_data(name: &str) -> bool {
    name.contains(".onnx_") || name.contains(".onnx.") || is_matrix(name)
}

/// The transitions of a CRF.
fn is_matrix(name: &str) -> bool {
    name.ends_with(".npy") && !name.contains('/')
}

/// `1_Pooling`, `2_Normalize` and so on.
fn is_module(name: &str) -> bool {
    let digits = name.trim_start_matches(|c: char| c.is_ascii_digit());
    digits.len() < name.len() && digits.starts_with('_')
}

fn is_module_config(name: &str) -> bool {
    name.split_once('/').is_some_and(|(module, file)| is_module(module) && file == CONFIG_FILE)
}
