use std::path::Path;

use super::listing::{CARD, MODULES, SENTENCE_CONFIG, SENTENCE_TRANSFORMERS, TOKENIZER_CONFIG};
use super::sentence::{self, Limits, Module, Settings};
use crate::files::{inside, largest_file, read_regular, read_start};
use crate::{CONFIG_FILE, ModelConfig, ModelError, Pooling, json};

/// How much of a model card is read; its head stands first.
const CARD_HEAD: u64 = 256 << 10;
/// Licenses by the names that Hugging Face's model cards have for them.
const LICENSES: [(&str, &str); 14] = [
    ("apache-2.0", "Apache-2.0"),
    ("mit", "MIT"),
    ("bsd", "BSD-3-Clause"),
    ("bsd-2-clause", "BSD-2-Clause"),
    ("bsd-3-clause", "BSD-3-Clause"),
    ("cc0-1.0", "CC0-1.0"),
    ("cc-by-4.0", "CC-BY-4.0"),
    ("cc-by-sa-4.0", "CC-BY-SA-4.0"),
    ("cc-by-nc-4.0", "CC-BY-NC-4.0"),
    ("gpl-3.0", "GPL-3.0-only"),
    ("lgpl-3.0", "LGPL-3.0-only"),
    ("agpl-3.0", "AGPL-3.0-only"),
    ("mpl-2.0", "MPL-2.0"),
    ("unlicense", "Unlicense"),
];

/// What the files around a graph say of a model.
#[derive(Debug, Default)]
pub(super) struct Descriptions {
    pub(super) config: Option<ModelConfig>,
    /// `model_max_length` of `tokenizer_config.json`.
    pub(super) tokenizer_length: Option<u64>,
    pub(super) modules: Option<Vec<Module>>,
    pub(super) pooling: Option<Result<Pooling, ModelError>>,
    /// Whether the tokens of prompts are pooled, too.
    pub(super) includes_prompt: bool,
    pub(super) settings: Settings,
    pub(super) sentence: Limits,
    pub(super) license: Option<String>,
    /// Names of the files that were read.
    pub(super) read: Vec<String>,
}

/// The modules that are applied here; `Dropout` does nothing but in training.
const APPLIED: [&str; 4] = ["Transformer", "Pooling", "Normalize", "Dropout"];

impl Descriptions {
    /// Reads those of a folder.
    ///
    /// # Errors
    /// [`ModelError`] naming the file and the mistake.
    pub(super) fn read(folder: &Path) -> Result<Self, ModelError> {
        let mut reader = Reader { folder, read: Vec::new() };
        let config = reader.parsed(CONFIG_FILE, ModelConfig::parse)?;
        let length = |bytes: &[u8]| -> Result<Option<u64>, String> {
            Ok(json::parse(bytes)?["model_max_length"].as_u64())
        };
        let tokenizer_length = reader.parsed(TOKENIZER_CONFIG, length)?.flatten();
        let modules = reader.parsed(MODULES, sentence::modules)?;
        let (pooling, includes_prompt) = reader.pooling(modules.as_deref())?.unzip();
        Ok(Self {
            config,
            tokenizer_length,
            pooling,
            includes_prompt: includes_prompt.unwrap_or(true),
            settings: reader.parsed(SENTENCE_TRANSFORMERS, sentence::settings)?.unwrap_or_default(),
            sentence: reader.parsed(SENTENCE_CONFIG, sentence::limits)?.unwrap_or_default(),
            license: reader.license(),
            modules,
            read: reader.read,
        })
    }

    /// Reads only the model card of a folder, for a model that has nothing to do with text.
    pub(super) fn of_card(folder: &Path) -> Self {
        Self { license: Reader { folder, read: Vec::new() }.license(), ..Self::default() }
    }

    /// Whether the vectors of texts are scaled to length 1.
    pub(super) fn normalizes(&self) -> bool {
        self.modules.iter().flatten().any(|module| module.kind == "Normalize")
    }

    /// A module that changes vectors and that only a graph made of all modules has in it.
    pub(super) fn foreign_module(&self) -> Option<&str> {
        let mut kinds = self.modules.iter().flatten().map(|module| module.kind.as_str());
        kinds.find(|kind| !APPLIED.contains(kind))
    }
}

/// The pooling of a module, or why it is none that is known, and whether prompts are pooled.
type PoolingModule = (Result<Pooling, ModelError>, bool);

struct Reader<'a> {
    folder: &'a Path,
    read: Vec<String>,
}

impl Reader<'_> {
    fn has(&self, name: &str) -> bool {
        self.folder.join(name).symlink_metadata().is_ok()
    }

    /// What `parse` makes of a file, if it is there.
    fn parsed<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&[u8]) -> Result<T, String>,
    ) -> Result<Option<T>, ModelError> {
        if !self.has(name) {
            return Ok(None);
        }
        let path = self.folder.join(name);
        let bytes = read_regular((self.folder, &path), largest_file(name))?;
        self.read.push(name.to_owned());
        let parsed = parse(&bytes).map_err(|reason| ModelError::Unfit { path, reason })?;
        Ok(Some(parsed))
    }

    /// The pooling of the module that `modules.json` names, or of `1_Pooling`. That it is one which is
    /// not supported matters only where it is needed.
    fn pooling(&mut self, modules: Option<&[Module]>) -> Result<Option<PoolingModule>, ModelError> {
        let named = modules.into_iter().flatten().find(|module| module.kind == "Pooling");
        let module = named.map_or("1_Pooling", |module| module.path.as_str());
        let config = inside(&format!("{module}/{CONFIG_FILE}"))?;
        if named.is_some() && !self.has(&config) {
            let reason = format!("names a Pooling module, but there is no {config}");
            return Err(ModelError::Unfit { path: self.folder.join(MODULES), reason });
        }
        let path = self.folder.join(&config);
        let unfit = |reason| ModelError::Unfit { path, reason };
        let parse = |bytes: &[u8]| Ok((sentence::pooling(bytes), sentence::includes_prompt(bytes)));
        let pooling = self.parsed(&config, parse)?;
        Ok(pooling.map(|(pooling, includes_prompt)| (pooling.map_err(unfit), includes_prompt)))
    }

    /// The license that the head of the model card names.
    fn license(&self) -> Option<String> {
        if !self.has(CARD) {
            return None;
        }
        let path = self.folder.join(CARD);
        let card = read_start((self.folder, &path), CARD_HEAD).ok()?;
        license_of(&String::from_utf8_lossy(&card))
    }
}

/// The value of `license` in the YAML that a model card begins with, if it is a license that SPDX has a
/// name for.
fn license_of(card: &str) -> Option<String> {
    let head = card.strip_prefix("---")?.lines().skip(1);
    let mut keys = head.take_while(|line| !line.starts_with("---"));
    let name = keys.find_map(|line| line.strip_prefix("license:"))?.trim().trim_matches('"');
    let known = LICENSES.iter().find(|(known, _)| *known == name);
    known.map(|(_, license)| (*license).to_owned())
}
