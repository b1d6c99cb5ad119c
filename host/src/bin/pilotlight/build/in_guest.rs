//! Components that compute in the sandbox.

use std::sync::Arc;

use pilotlight::{
    AccuracyCheck, Agreement, Cache, Error, Guest, Host, Placement, Precision, Source, Stage,
    agreement, snapshot,
};
use pilotlight_model::ModelFolder;

use super::built::{Built, accuracy_check, in_integers};
use super::options::BuildArgs;
use crate::stages::Stages;

/// Builds in the requested precision, or in the smallest one whose answers agree with those of f32.
pub(super) async fn build(
    options: &BuildArgs,
    guest: Guest,
    folder: ModelFolder,
    cache: &Cache,
    stages: &Arc<Stages>,
) -> anyhow::Result<Built> {
    let in_precision = async |precision| -> anyhow::Result<Vec<u8>> {
        let (guest, stages) = (guest.clone(), Arc::clone(stages));
        let (folder, cache) = (folder.clone(), cache.clone());
        let building = tokio::task::spawn_blocking(move || {
            let placement = Placement::Guest(precision);
            snapshot(&guest, &folder, placement, &cache, &|stage| stages.begin(stage))
        });
        Ok(building.await.map_err(Error::unfinished("building the component"))??)
    };
    let chosen = options.host.chosen_precision();
    let candidates = match chosen {
        Some(precision) => vec![precision],
        // Only products of encoders are computed in integers.
        None if !folder.manifest().task.reads_text() => vec![Precision::F32],
        None => in_integers(&folder)?,
    };
    if candidates == [Precision::F32] {
        return Ok(Built::in_guest(in_precision(Precision::F32).await?, None));
    }
    let reference = in_precision(Precision::F32).await?;
    let check = accuracy_check(&reference)?;
    for candidate in candidates {
        let component = in_precision(candidate).await?;
        let components = [&reference[..], &component];
        let agreement = compare_components(options, components, &check, cache, stages).await?;
        if chosen.is_some() || agreement.share >= check.threshold {
            return Ok(Built::in_guest(component, Some(agreement)));
        }
    }
    Ok(Built::in_guest(reference, None))
}

/// Compares the answers of the second component with those of the first.
async fn compare_components(
    options: &BuildArgs,
    components: [&[u8]; 2],
    check: &AccuracyCheck,
    cache: &Cache,
    stages: &Arc<Stages>,
) -> anyhow::Result<Agreement> {
    let folder = tempfile::tempdir()?;
    stages.begin(Stage::Compare);
    let mut hosts = Vec::new();
    for (number, component) in components.into_iter().enumerate() {
        let file = folder.path().join(format!("{number}.wasm"));
        std::fs::write(&file, component)?;
        let source = Source::Component(file);
        hosts.push(Host::load(source, Default::default(), cache.clone(), |_| {}).await?);
    }
    Ok(agreement(check, [&hosts[0], &hosts[1]], &options.corpus()?).await?)
}
