//! Components from OCI registries, pulled into the cache folder by their digests.

use std::fmt::Display;
use std::io::Write;

use pilotlight::{Cache, Entry, Error, GRAPH_EXTENSION, Result, Source};
use pilotlight_registry::{Blob, Digest, Found, Limits, Reference, Remote, Sources};
use serde::{Deserialize, Serialize};

/// What a manifest or an index leads to. The cache has it under the digest of that.
#[derive(Serialize, Deserialize)]
struct Pin {
    /// SHA-256 of the component.
    component: Digest,
    /// SHA-256 of its graph.
    graph: Option<Digest>,
}

/// The component that `reference` names, with its graph. What the cache does not contain is pulled first; a
/// registry is not asked for a digest that is in the cache. Blocks.
///
/// # Errors
/// [`Error::Fetch`].
pub(crate) fn fetch(reference: &str, cache: &Cache) -> Result<Source> {
    let reference = read(reference)?;
    if let Some(digest) = reference.digest()
        && let Some(source) = in_cache(&reference, digest, cache)
    {
        return Ok(source);
    }
    let mut remote = open(&reference)?;
    let found = match remote.find(&Limits::default()) {
        Ok(found) => found,
        Err(error) if error.is_outage() => {
            let Some(source) = last(&reference, cache) else {
                return Err(failed(&reference, &error));
            };
            tracing::warn!("{error}; using {source} from the cache");
            return Ok(source);
        }
        Err(error) => return Err(failed(&reference, &error)),
    };
    pull(&mut remote, (&reference, &found), cache)
}

/// `reference` with the digest that its tag names now. Blocks.
///
/// # Errors
/// [`Error::Fetch`].
pub(crate) fn pin(reference: &str) -> Result<String> {
    let reference = read(reference)?;
    let digest = open(&reference)?.digest().map_err(|error| failed(&reference, &error))?;
    Ok(reference.with_digest(digest).to_string())
}

fn read(reference: &str) -> Result<Reference> {
    reference.parse().map_err(|error: pilotlight_registry::Error| Error::Fetch(error.to_string()))
}

fn open(reference: &Reference) -> Result<Remote> {
    let credentials = Sources::from_environment().find(reference);
    let credentials = credentials.map_err(|error| failed(reference, &error))?;
    Ok(Remote::new(reference.clone(), credentials))
}

fn failed(reference: &Reference, error: &dyn Display) -> Error {
    let (name, error) = (reference.to_string(), error.to_string());
    Error::Fetch(if error.contains(&name) { error } else { format!("{name}: {error}") })
}

/// Pulls what was found, as far as the cache does not contain it.
fn pull(
    remote: &mut Remote,
    (reference, found): (&Reference, &Found),
    cache: &Cache,
) -> Result<Source> {
    let Found { named, component, graph, .. } = found;
    let failed = |error: &dyn Display| failed(reference, error);
    let file = component_name(component.digest);
    // Held until the source holds them, so that nothing is evicted meanwhile.
    let _component = match entry(cache, &file, component.digest) {
        Some(entry) => entry,
        None => {
            tracing::info!(%reference, bytes = component.size, "pulling the component");
            received(cache, &file, |to| remote.pull_component(found, to, &mut |_, _| {}))
                .map_err(|error| failed(&error))?
        }
    };
    let graph_entry = graph.map(|graph| pull_graph(remote, (component.digest, graph), cache));
    let _graph = graph_entry.transpose().map_err(|error| failed(&error))?;
    let pin = Pin { component: component.digest, graph: graph.map(|graph| graph.digest) };
    let pin = serde_json::to_vec(&pin).map_err(|error| failed(&error))?;
    let _pin = remember(cache, &pin_name(*named), &pin).map_err(|error| failed(&error))?;
    if reference.digest().is_none() {
        let digest = named.to_string();
        let kept = remember(cache, &tag_name(reference), digest.as_bytes());
        kept.map_err(|error| failed(&error))?;
    }
    in_cache(reference, *named, cache)
        .ok_or_else(|| failed(&"the cache folder was changed by another program; try again"))
}

/// A graph, beside its component.
fn pull_graph(
    remote: &mut Remote,
    (component, graph): (Digest, Blob),
    cache: &Cache,
) -> std::result::Result<Entry, Box<dyn std::error::Error>> {
    let file = graph_name(component);
    match entry(cache, &file, graph.digest) {
        Some(entry) => Ok(entry),
        None => {
            tracing::info!(bytes = graph.size, "pulling the graph");
            received(cache, &file, |to| remote.pull_graph(graph, to, &mut |_, _| {}))
        }
    }
}

/// Writes an entry, unless there is one with this content: who holds that would hold the former file.
fn remember(
    cache: &Cache,
    name: &str,
    content: &[u8],
) -> std::result::Result<Entry, pilotlight::BuildError> {
    match entry(cache, name, Digest::of(content)) {
        Some(entry) => Ok(entry),
        None => cache.put(name, content),
    }
}

/// Receives the entry called `name`: all of it or nothing.
fn received(
    cache: &Cache,
    name: &str,
    pull: impl FnOnce(&mut dyn Write) -> pilotlight_registry::Result<()>,
) -> std::result::Result<Entry, Box<dyn std::error::Error>> {
    let mut incoming = cache.receive()?;
    pull(&mut incoming)?;
    Ok(incoming.keep_as(name)?)
}

/// What a tag named when the registry was last asked.
fn last(reference: &Reference, cache: &Cache) -> Option<Source> {
    if reference.digest().is_some() {
        return None;
    }
    let known = cache.get(&tag_name(reference))?;
    let named = Digest::from_hex(&std::fs::read_to_string(&known.path).ok()?)?;
    in_cache(reference, named, cache)
}

/// The component that a manifest or an index leads to, if the cache contains all of it.
fn in_cache(reference: &Reference, named: Digest, cache: &Cache) -> Option<Source> {
    let pin = cache.get(&pin_name(named))?;
    let Pin { component: digest, graph } =
        serde_json::from_slice(&std::fs::read(&pin.path).ok()?).ok()?;
    let component = entry(cache, &component_name(digest), digest)?;
    let mut held = vec![pin];
    held.extend(cache.get(&tag_name(reference)));
    if let Some(graph) = graph {
        held.push(entry(cache, &graph_name(digest), graph)?);
    }
    let name = reference.with_digest(named).to_string();
    Some(Source::Fetched { name, component, held })
}

fn entry(cache: &Cache, name: &str, digest: Digest) -> Option<Entry> {
    cache.get(name).filter(|entry| entry.digest == digest)
}

fn component_name(component: Digest) -> String {
    format!("{component}.wasm")
}

/// The graph lies beside its component.
fn graph_name(component: Digest) -> String {
    format!("{component}.{GRAPH_EXTENSION}")
}

fn pin_name(named: Digest) -> String {
    format!("{named}.pin")
}

fn tag_name(reference: &Reference) -> String {
    format!("{}.tag", Digest::of(reference.to_string().as_bytes()))
}
