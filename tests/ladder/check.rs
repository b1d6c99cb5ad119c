// Included by the ladder test of each crate.

use std::path::Path;

/// Compares the `use crate::…` lines of every file in `manifest_dir/src` with `ladder`, lowest
/// rung first. A file belongs to the longest module name that its path starts with.
fn check_ladder(manifest_dir: &str, ladder: &[&[&str]]) {
    let source = Path::new(manifest_dir).join("src");
    let rung = |module: &str| {
        ladder.iter().position(|rung| rung.contains(&module)).unwrap_or_else(|| {
            panic!("module {module} is not on the ladder; give it a place")
        })
    };
    let mut files = 0;
    let mut folders = vec![source.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let relative = path.strip_prefix(&source).unwrap().with_extension("");
            let file = relative.to_str().unwrap().trim_end_matches("/mod");
            if file == "lib" || file.starts_with("bin/") || path.extension() != Some("rs".as_ref()) {
                continue;
            }
            let module = ladder
                .iter()
                .flat_map(|rung| rung.iter().copied())
                .filter(|module| {
                    file.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                })
                .max_by_key(|module| module.len())
                .unwrap_or_else(|| panic!("{file} is not on the ladder; give it a place"));
            files += 1;
            for used in used_modules(&std::fs::read_to_string(&path).unwrap()) {
                let inside = module == used || module.starts_with(&format!("{used}/"));
                assert!(
                    inside || rung(&used) < rung(module),
                    "{file} uses crate::{used}, which does not stand below it"
                );
            }
        }
    }
    assert!(files > 0, "no files in {}", source.display());
}

/// First path segments after `crate::` in a file's imports and paths.
fn used_modules(text: &str) -> Vec<String> {
    text.lines()
        .map(str::trim_start)
        .filter(|line| !line.starts_with("//"))
        .flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
        .filter(|name: &String| name.starts_with(|c: char| c.is_lowercase()))
        .collect()
}
