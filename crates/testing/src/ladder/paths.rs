//! The paths to other modules in a file's text.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// What a crate's root exports, by name: the module that it comes from. A name that is a module, too,
/// means the module.
#[derive(Default)]
pub(super) struct Exports(HashMap<String, String>);

impl Exports {
    /// Reads `lib.rs`: `pub use module::Name`.
    pub(super) fn read(root: &Path) -> Self {
        let tokens = tokens(&fs::read_to_string(root).unwrap());
        let (mut exports, modules) = (HashMap::new(), children(&tokens));
        for (at, token) in tokens.iter().enumerate() {
            if is_word(token, "use") {
                let mut found = Vec::new();
                tree(&tokens[at + 1..], &mut Vec::new(), &mut found);
                for mut path in found {
                    if let Some(name) = path.pop()
                        && !path.is_empty()
                        && !modules.contains(&name)
                    {
                        exports.insert(name, path.join("/"));
                    }
                }
            }
        }
        Self(exports)
    }
}

/// The modules of the same crate that the paths in `text` lead to, as paths below `src`; the text
/// is that of the module `file`.
pub(super) fn uses(text: &str, file: &str, exports: &Exports) -> BTreeSet<String> {
    let module: Vec<String> = file.split('/').map(str::to_owned).collect();
    let (mut found, tokens) = (Vec::new(), tokens(text));
    Scope::of(module, &tokens).walk(&tokens, &mut found);
    let known = |path: Vec<String>| match exports.0.get(path.first()?) {
        Some(module) => Some(module.clone()),
        // A name that is defined in the root itself.
        None if path[0].starts_with(char::is_uppercase) => None,
        None => Some(path.join("/")),
    };
    found.into_iter().filter_map(known).collect()
}

fn tokens(text: &str) -> Vec<TokenTree> {
    let stream: TokenStream = text.parse().unwrap();
    stream.into_iter().collect()
}

/// Where a text stands: its module, and the children that it declares.
struct Scope {
    module: Vec<String>,
    children: Vec<String>,
}

impl Scope {
    fn of(module: Vec<String>, tokens: &[TokenTree]) -> Self {
        Self { module, children: children(tokens) }
    }

    /// The module that a path's first word names.
    fn base(&self, word: &str) -> Option<Vec<String>> {
        match word {
            "crate" => Some(Vec::new()),
            "self" => Some(self.module.clone()),
            "super" => Some(self.module[..self.module.len().saturating_sub(1)].to_vec()),
            child if self.children.iter().any(|name| name == child) => {
                Some([&self.module[..], &[child.to_owned()]].concat())
            }
            _ => None,
        }
    }

    /// Collects the paths in `tokens` that begin with `crate`, `self`, `super` or a child.
    fn walk(&self, tokens: &[TokenTree], found: &mut Vec<Vec<String>>) {
        let mut at = 0;
        while at < tokens.len() {
            let rest = &tokens[at..];
            if let Some((name, body)) = inline_module(rest) {
                let inner = Self::of([&self.module[..], &[name]].concat(), &body);
                inner.walk(&body, found);
                at += 3;
                continue;
            }
            // What a module exports of its children is not what it uses itself.
            if is_word(&rest[0], "pub") {
                let alone = if is_path_of_visibility(rest.get(1)) { 2 } else { 1 };
                at += export(rest).map_or(alone, |exported| {
                    if !self.children.contains(&exported.child) {
                        let path = &rest[exported.begin..exported.end];
                        self.walk(path, found);
                    }
                    exported.end
                });
                continue;
            }
            let goes_on = at >= 2 && is_path_separator(&tokens[at - 2..]);
            match &rest[0] {
                TokenTree::Group(group) => {
                    let inside: Vec<_> = group.stream().into_iter().collect();
                    self.walk(&inside, found);
                }
                TokenTree::Ident(word) if !goes_on && is_path_separator(&rest[1..]) => {
                    if let Some(mut base) = self.base(&word.to_string()) {
                        tree(&rest[3..], &mut base, found);
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }
}

/// The `(in path)` of a `pub(in path)`, which uses nothing.
fn is_path_of_visibility(token: Option<&TokenTree>) -> bool {
    let Some(TokenTree::Group(group)) = token else { return false };
    group.stream().into_iter().next().is_some_and(|first| is_word(&first, "in"))
}

/// `pub use child::…;`, with where the path begins and ends.
struct Export {
    child: String,
    begin: usize,
    end: usize,
}

fn export(tokens: &[TokenTree]) -> Option<Export> {
    let is_scope = matches!(tokens.get(1), Some(TokenTree::Group(_)));
    let begin = if is_scope { 3 } else { 2 };
    let TokenTree::Ident(child) = tokens.get(begin)? else { return None };
    if !is_word(&tokens[begin - 1], "use") {
        return None;
    }
    let end = begin + tokens[begin..].iter().position(|token| is_mark(token, ';'))?;
    Some(Export { child: child.to_string(), begin, end })
}

/// Collects what a path, or a tree of paths, leads to from `base`.
fn tree(tokens: &[TokenTree], base: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let Some(first) = tokens.first() else { return };
    match first {
        TokenTree::Ident(word) if word == "super" && is_path_separator(&tokens[1..]) => {
            base.pop();
            tree(&tokens[3..], base, found);
        }
        TokenTree::Ident(word) => {
            if word != "self" {
                base.push(word.to_string());
            }
            if is_path_separator(&tokens[1..]) {
                tree(&tokens[3..], base, found);
            } else {
                found.push(base.clone());
            }
        }
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
            let inside: Vec<_> = group.stream().into_iter().collect();
            for branch in inside.split(|token| is_mark(token, ',')) {
                tree(branch, &mut base.clone(), found);
            }
        }
        // `*`, or the arguments of a type.
        _ => found.push(base.clone()),
    }
}

/// The names in `mod name;`.
fn children(tokens: &[TokenTree]) -> Vec<String> {
    let declared = |three: &[TokenTree]| match three {
        [keyword, TokenTree::Ident(name), end] if is_word(keyword, "mod") && is_mark(end, ';') => {
            Some(name.to_string())
        }
        _ => None,
    };
    tokens.windows(3).filter_map(declared).collect()
}

/// `mod name { … }` at the beginning of `tokens`.
fn inline_module(tokens: &[TokenTree]) -> Option<(String, Vec<TokenTree>)> {
    match tokens {
        [keyword, TokenTree::Ident(name), TokenTree::Group(body), ..]
            if is_word(keyword, "mod") && body.delimiter() == Delimiter::Brace =>
        {
            Some((name.to_string(), body.stream().into_iter().collect()))
        }
        _ => None,
    }
}

fn is_path_separator(tokens: &[TokenTree]) -> bool {
    matches!(tokens, [first, second, ..] if is_mark(first, ':') && is_mark(second, ':'))
}

fn is_mark(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == word)
}
