//! The command line from its options to its files.

use clap::Parser;
use pilotlight_bench::report::LoadReport;
use pilotlight_bench::{Report, Verb, cli};

use crate::stub::{Reply, Stub};

#[derive(Parser)]
struct Lab {
    #[command(flatten)]
    options: cli::Options,
}

fn run(arguments: &[&str]) -> pilotlight_bench::Result<()> {
    cli::run(Lab::parse_from(["lab"].iter().chain(arguments)).options)
}

#[test]
fn cold_writes_json_and_a_picture() {
    let stub = Stub::start(|asked| async move {
        assert_eq!(asked.body, "{}");
        assert_eq!(asked.headers["x-a"], "b");
        Reply::ok()
    });
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (json, svg) = (file("report.json"), file("report.svg"));
    let target = format!("one={}", stub.url);
    let mut arguments = vec!["cold", "--target", &target, "--duration", "200ms", "--quiet"];
    arguments.extend(["--warm-up", "20ms", "--body", "{}", "--header", "X-A: b"]);
    arguments.extend(["--json", &json, "--svg", &svg]);
    run(&arguments).unwrap();
    let report: Report = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!((report.verb, report.targets[0].summary.requests), (Verb::Cold, 100));
    assert_eq!(report.targets[0].summary.errors.total(), 0);
    assert!(std::fs::read_to_string(&svg).unwrap().starts_with("<svg"));
}

#[test]
fn load_writes_a_step_for_each_rate() {
    let stub = Stub::start(|_| async { Reply::ok() });
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("load.json").display().to_string();
    let mut arguments = vec!["load", "--target", &stub.url, "--rates", "50,100", "--quiet"];
    arguments.extend(["--duration", "100ms", "--warm-up", "0s", "--json", &json]);
    run(&arguments).unwrap();
    let report: LoadReport = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    let requests = report.targets[0].steps.iter().map(|step| step.summary.requests);
    assert_eq!(requests.collect::<Vec<_>>(), [5, 10]);
}

#[test]
fn options_out_of_range_are_refused_before_anything_is_sent() {
    let stub = Stub::start(|_| async { Reply::ok() });
    let target = stub.url.as_str();
    for (arguments, part) in [
        (vec!["--target", target, "--rate", "0"], "--rate must be above 0"),
        (vec!["--target", target, "--concurrency", "0"], "--concurrency must be at least 1"),
        (vec!["--target", target, "--duration", "0s"], "--duration must be above 0"),
        (vec!["--target", target, "--target", target], "two targets are called"),
        (vec!["--target", target, "--svg", "/no/such/folder/x.svg"], "/no/such/folder"),
        (vec!["start", "--url", target, "--", "x"], "another server already listens"),
    ] {
        let message = run(&arguments).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(stub.state.requests(), 0);
}
