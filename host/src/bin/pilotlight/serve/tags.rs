//! Tags in OCI registries that functions are loaded from. Each is polled in a task of its own, so that a
//! registry that does not answer delays nothing else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pilotlight::{Error, Host};
use pilotlight_files::FileCheck;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::blueprint::Blueprint;
use super::sources::Refused;
use crate::oci;

/// Moved tags that wait to be served.
const WAITING: usize = 1;

/// What tags named when they were last served, by function and reference: the reference with its digest.
/// Clones share it.
#[derive(Clone, Default)]
pub(super) struct Served(Arc<Mutex<BTreeMap<(String, String), String>>>);

/// Tags that are followed, until it is dropped.
pub(super) struct Tags {
    _polls: JoinSet<()>,
    moved: mpsc::Receiver<Moved>,
}

/// A tag that names something else than what was served.
pub(super) struct Moved {
    pub(super) function: String,
    /// The reference with its new digest.
    pub(super) source: String,
    /// Told whether it is served now.
    pub(super) outcome: oneshot::Sender<Result<(), String>>,
}

/// A tag and how often it is polled.
struct Tag {
    function: String,
    reference: String,
    interval: Duration,
}

impl Tags {
    /// Follows the tags of `functions`, which `host` has loaded.
    pub(super) fn follow(
        functions: &BTreeMap<String, Blueprint>,
        host: &Host,
        served: &Served,
    ) -> Self {
        let mut polls = JoinSet::new();
        let (news, moved) = mpsc::channel(WAITING);
        for (name, blueprint) in functions {
            let Some((reference, interval)) = blueprint.followed_tag() else { continue };
            let (function, reference) = (name.clone(), reference.to_owned());
            if let Ok(status) = host.function(name) {
                served.note_first(&function, &reference, status.current.source);
            }
            let tag = Tag { function, reference, interval };
            polls.spawn(poll(tag, served.clone(), news.clone()));
        }
        Self { _polls: polls, moved }
    }

    /// The next tag that has moved; `None` if none is followed.
    pub(super) async fn moved(&mut self) -> Option<Moved> {
        self.moved.recv().await
    }
}

impl Served {
    fn get(&self, tag: &Tag) -> Option<String> {
        self.lock().get(&(tag.function.clone(), tag.reference.clone())).cloned()
    }

    fn note(&self, tag: &Tag, source: String) {
        self.lock().insert((tag.function.clone(), tag.reference.clone()), source);
    }

    /// Notes what was loaded for a tag that was not followed before. What an operator has deployed since
    /// stays until the tag moves.
    fn note_first(&self, function: &str, reference: &str, source: String) {
        let key = (function.to_owned(), reference.to_owned());
        self.lock().entry(key).or_insert(source);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn poll(tag: Tag, served: Served, news: mpsc::Sender<Moved>) {
    let (function, mut outage) = (&tag.function, None);
    let mut refused: Option<(String, Refused)> = None;
    loop {
        tokio::time::sleep(tag.interval).await;
        let source = match resolve(&tag).await {
            Ok(source) => source,
            Err(error) => {
                let error = error.to_string();
                if outage.as_ref() != Some(&error) {
                    tracing::warn!(
                        function,
                        %error,
                        "the tag cannot be resolved; the present version stays in use"
                    );
                }
                outage = Some(error);
                continue;
            }
        };
        outage = None;
        let before = refused.take().filter(|(other, _)| *other == source);
        if served.get(&tag).as_ref() == Some(&source) {
            continue;
        }
        if before.as_ref().is_some_and(|(_, refused)| !refused.is_due(FileCheck::Periodic)) {
            refused = before;
            continue;
        }
        let Some(outcome) = serve(&tag, &source, &news).await else { return };
        match outcome {
            Ok(()) => served.note(&tag, source),
            Err(error) => {
                let mut again = before.map(|(_, refused)| refused);
                if Refused::again(&mut again, &error) {
                    tracing::warn!(function, %error, "the component that the tag names cannot be loaded; the present version stays in use");
                }
                refused = again.map(|refused| (source, refused));
            }
        }
    }
}

/// The reference with the digest that its tag names now.
async fn resolve(tag: &Tag) -> pilotlight::Result<String> {
    let reference = tag.reference.clone();
    let pinned = tokio::task::spawn_blocking(move || oci::pin(&reference)).await;
    pinned.map_err(Error::unfinished("resolving a tag"))?
}

/// Has `source` served; `None` if nobody serves any more.
async fn serve(tag: &Tag, source: &str, news: &mpsc::Sender<Moved>) -> Option<Result<(), String>> {
    let (outcome, told) = oneshot::channel();
    let (function, source) = (tag.function.clone(), source.to_owned());
    news.send(Moved { function, source, outcome }).await.ok()?;
    told.await.ok()
}
