use std::path::PathBuf;

use clap::Args;
use pilotlight::{BundleManifest, Endpoint, Error, Inspection, inspect};
use pilotlight_bundle::VerifyingKey;

/// Maximum number of characters of a request or an answer that are printed.
const LONGEST_SHOWN: usize = 1000;

#[derive(Args)]
pub(crate) struct InspectArgs {
    /// Component to inspect
    file: PathBuf,
    /// File with a public key (PEM) to verify signatures with; can be repeated
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// Report in JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(options: &InspectArgs) -> anyhow::Result<()> {
    let path = &options.file;
    let io = |source| Error::Io { path: path.clone(), source };
    let component = std::fs::read(path).map_err(io)?;
    let keys = options.keys.iter().map(|path| VerifyingKey::read_file(path));
    let keys: Vec<_> = keys.collect::<Result<_, _>>()?;
    let inspection = inspect(&path.display().to_string(), &component, &keys)?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&inspection)?);
    } else {
        print(&inspection);
    }
    Ok(())
}

fn print(inspection: &Inspection) {
    let megabytes = |bytes: usize| format!("{:.2} MB", bytes as f64 / 1e6);
    println!("sha256     {}", inspection.sha256);
    println!("size       {}", megabytes(inspection.bytes));
    println!(
        "code       {} in {} functions",
        megabytes(inspection.code_bytes),
        inspection.functions
    );
    let span = megabytes(inspection.data_span as usize);
    println!("memory     {} spread over {span}", megabytes(inspection.data_bytes));
    match &inspection.seal {
        None => println!("sealed     no"),
        Some(seal) => {
            println!("sealed     {}", seal.sha256);
            for signature in &seal.signatures {
                let valid = match signature.valid {
                    Some(true) => "valid",
                    Some(false) => "INVALID: not made with this key",
                    None => "not verified: pass its public key with --key",
                };
                println!("signature  by {}, {valid}", signature.key);
            }
        }
    }
    match &inspection.manifest {
        None => println!("snapshot   no"),
        Some(manifest) => print_manifest(manifest),
    }
    for import in &inspection.imports {
        println!("import     {import}");
    }
    for export in &inspection.exports {
        println!("export     {export}");
    }
}

fn print_manifest(manifest: &BundleManifest) {
    println!("snapshot   of guest {}", manifest.guest);
    println!("built by   pilotlight {}, wasmtime {}", manifest.pilotlight, manifest.wasmtime);
    for key in ["model", "digest", "max_length", "license", "attribution", "origin"] {
        match &manifest.info[key] {
            serde_json::Value::Null => {}
            serde_json::Value::String(text) => println!("{key:10} {text}"),
            other => println!("{key:10} {other}"),
        }
    }
    println!("task       {}", manifest.task);
    for Endpoint { method, path, task } in &manifest.endpoints {
        println!("endpoint   {}", format!("{method} {path} {task}").trim_end());
    }
    if let Some(precision) = manifest.precision {
        println!("precision  {precision}");
    }
    if let Some(graph) = &manifest.graph {
        println!("graph      {} in {}, sha256 {}", graph.name, graph.precision, graph.sha256);
        match &graph.mixes_rows {
            Some(reason) => println!("batches    of one caller only: {reason}"),
            None => println!("batches    of up to {} rows", graph.rows),
        }
    }
    if let Some(agreement) = manifest.agreement {
        println!("agreement  with f32: {agreement}");
    }
    if let Some(labels) = manifest.info["labels"].as_array() {
        println!("labels     {}", labels.len());
    }
    for (name, digest) in &manifest.files {
        println!("file       {name}, sha256 {digest}");
    }
    if let Some(sample) = &manifest.sample {
        println!("sample     POST {} {}", sample.path, shortened(&sample.request));
        println!("answer     {}", shortened(&sample.answer));
    }
}

/// The beginning of a request or an answer; tensors are long.
fn shortened(value: &serde_json::Value) -> String {
    let mut text = value.to_string();
    if let Some((end, _)) = text.char_indices().nth(LONGEST_SHOWN) {
        text.truncate(end);
        text.push('…');
    }
    text
}
