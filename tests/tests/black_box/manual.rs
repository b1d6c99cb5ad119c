//! Shell completions and manual pages: they have what `--help` has.

use std::fs;
use std::path::Path;
use std::process::Command;

use pilotlight_tests::{outcome, pilotlight};
use tempfile::TempDir;

use crate::manifests::options;

/// Prints what Bash completes the last argument to, with the script that is its first argument.
const COMPLETE: &str = r#"
source "$1" && shift || exit 1
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_pilotlight "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"#;

fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The names of the commands below a command, by its help.
fn commands_below(words: &[&str]) -> Vec<String> {
    let help = printed(pilotlight(words).arg("--help"));
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    // Continued descriptions are indented further.
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let is_command = |name: &&str| !name.is_empty() && *name != "help";
    names.filter(is_command).map(str::to_owned).collect()
}

/// All commands of the program, each as the words that call it, the program alone first.
fn commands() -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut next = 0;
    while let Some(words) = commands.get(next).cloned() {
        let called: Vec<&str> = words.iter().map(String::as_str).collect();
        let below = commands_below(&called).into_iter();
        commands.extend(below.map(|name| [&words[..], &[name]].concat()));
        next += 1;
    }
    commands
}

/// The completions of a shell, in a file.
fn script(folder: &TempDir, shell: &str) -> (String, String) {
    let script = printed(&mut pilotlight(&["completions", shell]));
    let path = folder.path().join(shell).to_str().unwrap().to_owned();
    fs::write(&path, &script).unwrap();
    (path, script)
}

/// What Bash offers after the words, for `start`.
fn completed(script: &str, words: &[&str], start: &str) -> Vec<String> {
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", COMPLETE, "bash", script, "pilotlight"]).args(words).arg(start);
    printed(&mut bash).lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_every_command_and_every_option() {
    let folder = tempfile::tempdir().unwrap();
    let (script, _) = script(&folder, "bash");
    let all = commands();
    for known in ["serve", "api-key", "completions", "man"] {
        assert!(all.iter().any(|words| words[..] == [known]), "{known} is not in {all:?}");
    }
    for words in &all {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let expected: Vec<String> = options(&words).into_keys().collect();
        let mut offered = completed(&script, &words, "--");
        offered.sort();
        assert_eq!(offered, expected, "{words:?}");
        let offered = completed(&script, &words, "");
        for name in commands_below(&words) {
            assert!(offered.contains(&name), "{words:?} {name}: {offered:?}");
        }
    }
}

#[test]
fn zsh_and_fish_complete_every_option() {
    let folder = tempfile::tempdir().unwrap();
    for (shell, dashes) in [("zsh", "--"), ("fish", "-l ")] {
        let (_, script) = script(&folder, shell);
        for words in commands() {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            for option in options(&words).into_keys() {
                let option = option.replace("--", dashes);
                assert!(script.contains(&option), "{shell}: {words:?} {option}");
            }
        }
    }
}

#[test]
fn each_command_has_a_manual_page_with_every_option() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("share/man1");
    let (code, error) = outcome(&mut pilotlight(&["man", pages.to_str().unwrap()]));
    assert_eq!(code, 0, "{error}");
    let all = commands();
    for words in &all {
        let page = page(&pages, words);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        for option in options(&words).into_keys() {
            assert!(page.contains(&option), "{words:?} {option}: {page}");
        }
    }
    // Commands that are not for users have none.
    assert_eq!(fs::read_dir(&pages).unwrap().count(), all.len());
}

/// The manual page of a command, with dashes as readers see them.
fn page(folder: &Path, words: &[String]) -> String {
    let name = [&["pilotlight".to_owned()][..], words].concat().join("-");
    let path = folder.join(format!("{name}.1"));
    let page = fs::read_to_string(&path);
    page.unwrap_or_else(|error| panic!("{}: {error}", path.display())).replace("\\-", "-")
}

#[test]
fn unknown_shells_and_folders_that_cannot_be_created_are_refused() {
    let (code, error) = outcome(&mut pilotlight(&["completions", "command.com"]));
    assert!(code == 2 && error.contains("possible values: bash"), "{code} {error}");
    let file = tempfile::NamedTempFile::new().unwrap();
    let below = file.path().join("pages");
    let (code, error) = outcome(&mut pilotlight(&["man", below.to_str().unwrap()]));
    let told = format!("cannot write manual pages to {}", below.display());
    assert!(code == 1 && error.contains(&told), "{code} {error}");
}
