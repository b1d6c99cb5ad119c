//! What the Hub says of a revision of a model.

use pilotlight_model::{Digest, Listing};
use serde::{Deserialize, Serialize};

use super::model::is_commit;

/// A repository with more files is not that of one model.
const MOST_FILES: usize = 10_000;

/// A commit and its files, as they are kept in the cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Info {
    pub(super) commit: String,
    pub(super) files: Vec<RemoteFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RemoteFile {
    pub(super) name: String,
    /// In bytes; some mirrors do not say it.
    pub(super) size: Option<u64>,
    /// Known of files in large-file storage.
    pub(super) sha256: Option<Digest>,
}

#[derive(Deserialize)]
struct Answer {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: Option<String>,
    size: Option<u64>,
}

impl Info {
    /// Reads the answer of `/api/models/REPOSITORY/revision/REVISION?blobs=true`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn parse(answer: &[u8]) -> Result<Self, String> {
        let answer: Answer = serde_json::from_slice(answer)
            .map_err(|error| format!("the response is not that of a Hugging Face Hub: {error}"))?;
        if !is_commit(&answer.sha) {
            return Err("the response contains no commit".to_owned());
        }
        if answer.siblings.len() > MOST_FILES {
            let count = answer.siblings.len();
            return Err(format!(
                "the model has {count} files, more than the maximum of {MOST_FILES}"
            ));
        }
        let file = |Sibling { rfilename, size, lfs }: Sibling| RemoteFile {
            name: rfilename,
            size: lfs.as_ref().and_then(|lfs| lfs.size).or(size),
            sha256: lfs.and_then(|lfs| Digest::from_hex(&lfs.sha256?)),
        };
        let files = answer.siblings.into_iter().map(file).collect();
        Ok(Self { commit: answer.sha, files })
    }

    pub(super) fn listing(&self) -> Listing {
        let files = self.files.iter();
        files.map(|file| (file.name.clone(), file.size.unwrap_or_default())).collect()
    }

    pub(super) fn file(&self, name: &str) -> Option<&RemoteFile> {
        self.files.iter().find(|file| file.name == name)
    }
}
