//! Tiny models of many families, which answer as the pipelines of `transformers` do wherever they are computed.

mod on_wasmtime;
mod precisions;
mod served;

use std::path::Path;

use pilotlight_testing::pipelines::{Case, cases};
use pilotlight_tests::Server;

/// The cases of a folder as it is, without those in which the pipeline leaves out the end of a text.
fn cases_of(folder: &Path) -> Vec<Case> {
    let as_it_is = |case: &Case| case.files.is_empty() && !case.is_cut_short();
    cases(folder).into_iter().filter(as_it_is).collect()
}

/// Where the answer of a server differs, if it does.
fn difference(server: &Server, case: &Case) -> Option<String> {
    let answer = server.post(&case.path(), case.body().to_string());
    let difference = case.difference(answer.status, &answer.text)?;
    Some(format!("{}: {difference}", case.task))
}

fn name_of(folder: &Path) -> String {
    folder.file_name().unwrap().to_string_lossy().into_owned()
}
