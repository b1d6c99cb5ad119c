//! What a model is called and where it comes from, by where its folder lies.

use std::path::Path;

use crate::files::cache_entry;

const UNNAMED: &str = "model";
const LONGEST: usize = 64;
/// Digits of a Git commit.
const COMMIT: usize = 40;

/// The name of the model in `folder`: that of the repository in a Hugging Face cache, or that of the
/// folder, as far as manifests can hold it.
pub(super) fn of_folder(folder: &Path) -> String {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let folder = folder.canonicalize().unwrap_or(folder);
    let cached = repository(&folder).map(|(_, name, _)| name);
    let own = || folder.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    plain(&cached.or_else(own).unwrap_or_default())
}

/// `hf:ORGANIZATION/NAME@COMMIT` for a folder in a Hugging Face cache.
pub(super) fn origin(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let (organization, name, commit) = repository(&folder)?;
    let organization = organization.map(|it| it + "/").unwrap_or_default();
    Some(format!("hf:{organization}{name}@{commit}"))
}

/// Organization, name and commit of `…/models--ORGANIZATION--NAME/snapshots/COMMIT`, or of a folder
/// in it.
fn repository(folder: &Path) -> Option<(Option<String>, String, String)> {
    let entry = cache_entry(folder)?;
    let repository = entry.file_name()?.to_str()?.strip_prefix("models--")?;
    let commit = folder.strip_prefix(entry).ok()?.iter().nth(1)?.to_str()?;
    let is_commit = commit.len() == COMMIT && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (organization, name) = match repository.split_once("--") {
        Some((organization, name)) => (Some(organization.to_owned()), name),
        None => (None, repository),
    };
    is_commit.then(|| (organization, name.to_owned(), commit.to_owned()))
}

fn plain(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.';
    let letters = name.chars().map(|c| c.to_ascii_lowercase());
    let letters: String = letters.map(|c| if allowed(c) { c } else { '-' }).take(LONGEST).collect();
    let name = letters.trim_matches(['-', '.']);
    if name.is_empty() { UNNAMED.to_owned() } else { name.to_owned() }
}
