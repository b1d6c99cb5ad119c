//! Models from Hugging Face's Hub, fetched into the cache folder.

use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};
use pilotlight::{Cache, Choices};
use pilotlight_registry::{Fetched, Hub, HubModel};

/// Folder for models in the cache folder.
const FOLDER: &str = "hub";

/// Fetches the files of `ORG/NAME[@REVISION]` that the cache folder does not contain yet; returns
/// the model's folder. Blocks.
pub(crate) fn fetch(
    model: &str,
    choices: &Choices,
    cache_dir: Option<PathBuf>,
) -> anyhow::Result<PathBuf> {
    let model: HubModel = model.parse()?;
    let cache_dir =
        cache_dir.or_else(|| std::env::var_os("PILOTLIGHT_CACHE_DIR").map(PathBuf::from));
    let folder = Cache::open(cache_dir)?.folder().join(FOLDER);
    let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes} of {total_bytes}");
    let bar =
        ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let mut progress = |file: &str, done: u64, total: u64| {
        if bar.message() != file {
            bar.set_message(file.to_owned());
        }
        bar.set_length(total);
        bar.set_position(done);
    };
    let fetched = Hub::from_environment()?.fetch(&model, choices, &folder, &mut progress);
    bar.finish_and_clear();
    let Fetched { folder, commit, outdated } = fetched?;
    if let Some(reason) = outdated {
        tracing::warn!("{reason}; using the commit in the cache");
    }
    tracing::info!(%model, commit, folder = %folder.display(), "the model is in the cache");
    Ok(folder)
}
