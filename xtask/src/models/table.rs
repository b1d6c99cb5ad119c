//! `tests/models.toml`: models, the packages that carry their files, and the digests of the files.

use std::fs;
use std::path::{Component, Path};

use anyhow::{Context as _, bail, ensure};
use toml::{Table, Value};

/// Models, their packages and the digests of their files.
pub(super) const TABLE: &str = "tests/models.toml";

/// A model folder as it is to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Model {
    pub(super) name: String,
    pub(super) sources: Vec<Source>,
}

/// A folder that files of a model are taken from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Source {
    /// `NAME==VERSION`; without one the folder is in the repository.
    pub(super) package: Option<String>,
    pub(super) folder: String,
    pub(super) files: Vec<File>,
}

/// A file by its path, and its SHA-256 in lower-case hexadecimal digits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) sha256: String,
}

/// Reads the table in `file`.
pub(super) fn read(file: &Path) -> anyhow::Result<Vec<Model>> {
    let name = || file.display().to_string();
    parse(&fs::read_to_string(file).with_context(name)?).with_context(name)
}

fn parse(text: &str) -> anyhow::Result<Vec<Model>> {
    let table: Table = text.parse()?;
    table.iter().map(|(name, value)| model(name, value).with_context(|| name.clone())).collect()
}

fn model(name: &str, value: &Value) -> anyhow::Result<Model> {
    check_path(name)?;
    let table = keys(value, &["license", "sources"])?;
    text(table, "license")?;
    let sources = table.get("sources").and_then(Value::as_array);
    let sources = sources.context("sources are missing")?.iter().map(source);
    Ok(Model { name: name.to_owned(), sources: sources.collect::<anyhow::Result<_>>()? })
}

fn source(value: &Value) -> anyhow::Result<Source> {
    let table = keys(value, &["package", "folder", "files"])?;
    let package = table.get("package").map(|_| text(table, "package")).transpose()?;
    let is_pinned = |package: &String| package.contains("==");
    ensure!(package.as_ref().is_none_or(is_pinned), "package {package:?} has no version");
    let folder = text(table, "folder")?;
    check_path(&folder)?;
    let files = table.get("files").and_then(Value::as_table).context("files are missing")?;
    let files = files.iter().map(|(path, _)| {
        check_path(path)?;
        let sha256 = text(files, path)?;
        let is_digit = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
        let is_digest = sha256.len() == 64 && sha256.bytes().all(is_digit);
        ensure!(is_digest, "{path}: {sha256:?} is not a SHA-256 of 64 lower-case digits");
        Ok(File { path: path.clone(), sha256 })
    });
    Ok(Source { package, folder, files: files.collect::<anyhow::Result<_>>()? })
}

/// A table that has no other keys than these.
fn keys<'a>(value: &'a Value, known: &[&str]) -> anyhow::Result<&'a Table> {
    let table = value.as_table().context("is not a table")?;
    match table.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => bail!("key {key:?} is none of {}", known.join(", ")),
        None => Ok(table),
    }
}

fn text(table: &Table, key: &str) -> anyhow::Result<String> {
    let text = table.get(key).and_then(Value::as_str);
    Ok(text.with_context(|| format!("{key} is missing or is not a string"))?.to_owned())
}

/// Refuses paths that lead out of a folder.
fn check_path(path: &str) -> anyhow::Result<()> {
    let mut parts = Path::new(path).components();
    let is_inside = !path.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)));
    ensure!(is_inside, "{path:?} is not a path inside a folder");
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::cargo::root;

    const DIGEST: &str = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6";

    fn with(source: &str) -> anyhow::Result<Vec<Model>> {
        parse(&format!("[tiny]\nlicense = 'MIT'\n[[tiny.sources]]\n{source}"))
    }

    #[test]
    fn the_table_of_the_repository_is_valid_and_its_own_files_have_their_digests() {
        let models = read(&root().join(TABLE)).unwrap();
        let names: Vec<&str> = models.iter().map(|model| &*model.name).collect();
        let expected = [
            "bge-small",
            "lac-zh",
            "magika",
            "minilm",
            "moonshine-tiny-en",
            "ocr-angle",
            "reranker",
            "silero-vad",
        ];
        assert_eq!(names, expected);
        let own = models.iter().flat_map(|model| &model.sources);
        for source in own.filter(|source| source.package.is_none()) {
            for file in &source.files {
                assert!(root().join(&source.folder).join(&file.path).is_file(), "{}", file.path);
            }
        }
    }

    #[test]
    fn a_source_is_a_package_or_a_folder_of_the_repository() {
        let file = File { path: "a/b.json".into(), sha256: DIGEST.into() };
        let package = Some("some==1.0".to_owned());
        let sources = vec![Source { package, folder: "data".into(), files: vec![file] }];
        let text = format!(
            "package = 'some==1.0'\nfolder = 'data'\nfiles = {{ 'a/b.json' = '{DIGEST}' }}"
        );
        assert_eq!(with(&text).unwrap(), [Model { name: "tiny".into(), sources }]);
        let own = format!("folder = 'tests'\nfiles = {{ 'b.json' = '{DIGEST}' }}");
        assert_eq!(with(&own).unwrap()[0].sources[0].package, None);
    }

    #[test]
    fn mistakes_are_named() {
        let cases = [
            ("folder = 'a'", "files are missing"),
            ("files = {}", "folder is missing"),
            ("folder = 'a'\nfiles = {}\nfile = 1", "key \"file\" is none of"),
            ("package = 'a'\nfolder = 'a'\nfiles = {}", "has no version"),
            ("folder = '../a'\nfiles = {}", "is not a path inside a folder"),
            ("folder = 'a'\nfiles = { '/a' = 'b' }", "\"/a\" is not a path inside a folder"),
            ("folder = 'a'\nfiles = { b = 'c' }", "is not a SHA-256"),
            ("folder = 'a'\nfiles = { b = 1 }", "b is missing or is not a string"),
        ];
        for (source, part) in cases {
            let error = format!("{:#}", with(source).unwrap_err());
            assert!(error.starts_with("tiny: ") && error.contains(part), "{error}");
        }
        assert!(parse("[tiny]\nlicense = 'MIT'").is_err());
        assert!(parse("tiny = 1").is_err());
    }
}
