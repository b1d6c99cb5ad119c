//! From text to configuration: file, then environment, then variables, then flags.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pilotlight_router::{Route, Target, VersionName};

use crate::diagnostic::{Diagnostic, Diagnostics, Fault, Kind, RouteCheck};
use crate::key::Key;
use crate::location::{Lines, Origin};
use crate::source_map::SourceMap;
use crate::tree::{self, Node};
use crate::types::Config;
use crate::{deserialize, overlay, overrides, schema, schema_check, valid_part, validation};

/// Sources of a configuration besides its text.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Name of the text in diagnostics: its file name.
    pub name: String,
    /// Folder in which relative paths of the text start; those of variables and flags start in the
    /// working directory.
    pub folder: PathBuf,
    /// Which of its environments is meant.
    pub environment: Option<String>,
    /// Environment variables, in any order; those that do not belong to a configuration are passed
    /// over.
    pub variables: Vec<(String, String)>,
    /// `KEY=VALUE`, the last words.
    pub flags: Vec<String>,
    /// Check of the routes by the router.
    pub routes: Option<RouteCheck>,
}

/// A configuration, and where each of its keys was set.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The configuration.
    pub config: Config,
    /// For errors that are found while it is used.
    pub source_map: SourceMap,
}

impl Sources {
    /// A file, and what the process's environment says: PILOTLIGHT_ENV which environment is
    /// meant, other variables which keys are overridden.
    pub fn of(file: &Path) -> Self {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
        Self {
            name: file.display().to_string(),
            folder: file.parent().map(Path::to_owned).unwrap_or_default(),
            environment: std::env::var_os("PILOTLIGHT_ENV")
                .map(text)
                .filter(|name| !name.is_empty()),
            // Others may hold passwords.
            variables: variables.filter(|(name, _)| overrides::is_ours(name)).collect(),
            ..Self::default()
        }
    }
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// Every error, each with its location.
    pub fn parse(text: &str, sources: &Sources) -> Result<Self, Diagnostics> {
        parse(text, sources).map(|parsed| parsed.config)
    }
}

/// Reads a configuration and keeps where its keys were set.
///
/// # Errors
/// Every error, each with its location.
pub fn parse(text: &str, sources: &Sources) -> Result<Parsed, Diagnostics> {
    let file = File::read(text);
    let (tree, faults) = file.layered(sources, sources.environment.as_deref());
    match file.config(tree, faults, sources) {
        (_, faults) if !faults.is_empty() => Err(file.diagnostics(faults, sources)),
        (Some(parsed), _) => Ok(parsed),
        (None, _) => Err(Diagnostics(Vec::new())),
    }
}

/// Looks for errors in every environment of the text, or in the one that `sources` names.
///
/// # Errors
/// Every error, each with its location.
pub fn check(text: &str, sources: &Sources) -> Result<(), Diagnostics> {
    let file = File::read(text);
    let names = file.environments.as_ref().and_then(Node::as_table).into_iter().flatten();
    let mut all = vec![sources.environment.as_deref()];
    if sources.environment.is_none() {
        all.extend(names.map(|(name, _)| Some(name.as_str())));
    }
    let mut found = Vec::new();
    for environment in all {
        let (tree, faults) = file.layered(sources, environment);
        found.extend(file.config(tree, faults, sources).1);
    }
    if found.is_empty() { Ok(()) } else { Err(file.diagnostics(found, sources)) }
}

/// A text, read once.
struct File<'a> {
    lines: Lines<'a>,
    base: Node,
    environments: Option<Node>,
    faults: Vec<Fault>,
    /// Lines that are no TOML: what seems to be said there was not said so.
    broken: BTreeSet<usize>,
}

impl<'a> File<'a> {
    fn read(text: &'a str) -> Self {
        let (mut base, mut faults) = tree::read(text);
        let lines = Lines::of(text);
        let broken = faults.iter().filter_map(|fault| fault.origin.line(&lines)).collect();
        let env = Key::default().name("env");
        let of_the_base = |fault: &Fault| fault.kind == Kind::Missing && !fault.key.is_in(&env);
        faults.extend(
            schema_check::check(&schema::FILE, &base).into_iter().filter(|f| !of_the_base(f)),
        );
        let environments = base.as_table_mut().and_then(|table| table.remove("env"));
        Self { lines, base, environments: environments.map(|entry| entry.node), faults, broken }
    }

    /// The base with all that is put over it.
    fn layered(&self, sources: &Sources, environment: Option<&str>) -> (Node, Vec<Fault>) {
        let mut tree = self.base.clone();
        let mut faults = self.faults.clone();
        if let Some(name) = environment {
            match self.environments.as_ref().and_then(|all| all.get(name)) {
                Some(over) => faults.extend(overlay::environment(&mut tree, over.clone(), name)),
                None => faults.push(self.no_environment(name)),
            }
        }
        faults.extend(overrides::apply(
            &mut tree,
            &schema::CONFIG,
            &sources.variables,
            &sources.flags,
        ));
        (tree, faults)
    }

    fn no_environment(&self, name: &str) -> Fault {
        let names = self.environments.as_ref().and_then(Node::as_table).into_iter().flatten();
        let names: Vec<_> = names.map(|(name, _)| format!("`{name}`")).collect();
        let there =
            if names.is_empty() { "it has no environments".to_owned() } else { names.join(", ") };
        Fault {
            kind: Kind::Syntax,
            origin: Origin::Override("--env".to_owned()),
            key: Key::default(),
            message: format!("the configuration has no environment `{name}`: {there}"),
        }
    }

    /// The configuration, if there is one to be had, and all that is wrong with it.
    fn config(
        &self,
        tree: Node,
        mut faults: Vec<Fault>,
        sources: &Sources,
    ) -> (Option<Parsed>, Vec<Fault>) {
        faults.extend(schema_check::check(&schema::CONFIG, &tree));
        if !self.broken.is_empty() {
            let as_written = |fault: &Fault| match fault.origin.line(&self.lines) {
                Some(line) if fault.kind != Kind::Syntax => {
                    fault.kind != Kind::Missing && !self.broken.contains(&line)
                }
                _ => true,
            };
            faults.retain(as_written);
            return (None, faults);
        }
        let (pruned, blind) = valid_part::without(&schema::CONFIG, &tree, &faults);
        let mut config = match deserialize::from_tree::<Config>(&pruned) {
            Ok(config) => config,
            Err(fault) => {
                faults.push(fault);
                return (None, faults);
            }
        };
        let names = validation::Names {
            functions: names(&tree, "functions"),
            auth: names(&tree, "auth"),
            deidentify: names(&tree, "deidentify"),
            tree: &tree,
        };
        let mut findings = validation::check(&config, &names);
        let of_the_router = sources.routes.map_or_else(Vec::new, |routes| routes(&config.routes));
        let known: BTreeSet<Key> = findings.iter().map(|finding| finding.key.clone()).collect();
        findings.extend(
            validation::from_router(of_the_router).filter(|finding| !known.contains(&finding.key)),
        );
        let source_map = SourceMap::new(self.lines.text, &sources.name, tree);
        let unsure = |key: &Key| blind.iter().any(|blind| key.is_in(blind));
        findings.retain(|finding| !unsure(&finding.key) && !finding.because.iter().any(unsure));
        faults.extend(findings.into_iter().map(|finding| Fault {
            kind: Kind::Bad,
            origin: source_map.origin(&finding.key).clone(),
            key: finding.key,
            message: finding.message,
        }));
        finish(&mut config, &source_map, &sources.folder);
        (Some(Parsed { config, source_map }), faults)
    }

    fn diagnostics(&self, mut faults: Vec<Fault>, sources: &Sources) -> Diagnostics {
        faults.sort_by(|a, b| a.origin.cmp(&b.origin));
        let mut said = BTreeSet::new();
        faults.retain(|fault| said.insert((fault.origin.clone(), fault.message.clone())));
        let diagnostic = |fault: Fault| Diagnostic {
            file: sources.name.clone(),
            location: fault.origin.location(&self.lines),
            key: fault.key.to_string(),
            message: fault.message,
        };
        Diagnostics(faults.into_iter().map(diagnostic).collect())
    }
}

/// The names of what is in a table, also of what has errors.
fn names<'a>(tree: &'a Node, table: &str) -> Vec<&'a str> {
    let entries = tree.get(table).and_then(Node::as_table).into_iter().flatten();
    entries.map(|(name, _)| name.as_str()).collect()
}

/// Fills in what goes without saying.
fn finish(config: &mut Config, source_map: &SourceMap, folder: &Path) {
    for (key, path) in config.paths_mut() {
        let written = matches!(source_map.origin(&key), Origin::Text(_));
        if written {
            *path = folder.join(&*path);
        }
    }
    if config.routes.is_empty() {
        let only = || config.functions.keys().next().filter(|_| config.functions.len() == 1);
        let function =
            config.functions.get_key_value("default").map(|(name, _)| name).or_else(only);
        let target =
            |name: &String| Target { function: name.clone(), version: VersionName::Current };
        config.routes.extend(function.map(|name| Route::to(target(name))));
    }
}
