//! Against a real Prometheus, which `cargo xtask test` puts in place.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use pilotlight_telemetry::Metrics;
use pilotlight_testing::paths::deploy;
use pilotlight_testing::programs::{PROMETHEUS, PROMTOOL};
use pilotlight_testing::telemetry::{answered, full};
use serde_json::Value;
use tempfile::TempDir;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// Answers every request with the metrics, in the format that is asked for, and tells which
/// content type that was once it has been sent.
fn serve(metrics: Metrics) -> (SocketAddr, Receiver<&'static str>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            if answer(stream.unwrap(), &metrics, &tell).is_none() {
                return;
            }
        }
    });
    (address, told)
}

fn answer(mut stream: TcpStream, metrics: &Metrics, tell: &Sender<&'static str>) -> Option<()> {
    let lines = BufReader::new(&stream).lines().map(Result::unwrap);
    let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    let accept = head.iter().find_map(|line| line.strip_prefix("Accept: ")).unwrap_or_default();
    let (content_type, body) = metrics.render(accept);
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n"
    );
    // Prometheus may be ending.
    stream.write_all(&[head, body].concat().into_bytes()).ok()?;
    tell.send(content_type).ok()
}

/// A Prometheus on a free port that scrapes one address; ended when dropped.
struct Prometheus {
    child: Child,
    address: String,
    agent: ureq::Agent,
    _folder: TempDir,
}

impl Prometheus {
    fn start(scraped: SocketAddr) -> Option<Self> {
        let program = PROMETHEUS.find()?;
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("prometheus.yml");
        let alerts = deploy("prometheus/alerts.yml");
        let text = format!(
            "global: {{scrape_interval: 100ms}}\nrule_files: ['{}']\nscrape_configs:\n\
             - {{job_name: pilotlight, static_configs: [{{targets: ['{scraped}']}}]}}\n",
            alerts.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new(program);
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
        command.args(["--web.listen-address=127.0.0.1:0", "--log.level=info"]);
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let listening = log.find(|line| line.contains("msg=\"Listening on\""));
        let line = listening.unwrap_or_else(|| panic!("prometheus ended"));
        let address = line.split("address=").nth(1).unwrap().trim().to_owned();
        // It must not wait for somebody to read what it says.
        std::thread::spawn(move || log.for_each(drop));
        let agent = ureq::Agent::config_builder().proxy(None).build().into();
        Some(Self { child, address, agent, _folder: folder })
    }

    /// The results of a query, at this moment.
    fn query(&self, query: &str) -> Vec<Value> {
        let url = format!("http://{}/api/v1/query", self.address);
        let mut response = self.agent.get(url).query("query", query).call().unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["status"], "success", "{answer}");
        answer["data"]["result"].as_array().unwrap().clone()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn prometheus_finds_every_series() {
    let (metrics, handle) = full();
    (0..99).for_each(|_| handle.record(&answered(20)));
    let (address, scraped) = serve(metrics.clone());
    let Some(prometheus) = Prometheus::start(address) else { return };
    // What a scrape has brought can be asked for when the next one comes.
    let content_types: Vec<_> = (0..3).map(|_| scraped.recv_timeout(PATIENCE).unwrap()).collect();
    assert!(content_types.iter().all(|one| one.starts_with("application/openmetrics-text")));

    let text = metrics.render("text/plain").1;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let series = line.rsplit_once(' ').unwrap().0;
        // With its name, job and instance; a query also finds series with more labels.
        let labels = series.matches("=\"").count() + 3;
        let found = prometheus.query(series);
        let same = found.iter().filter(|one| one["metric"].as_object().unwrap().len() == labels);
        assert_eq!(same.count(), 1, "{series}");
    }
    let value = |query: &str| {
        let found = prometheus.query(query);
        let [one] = &found[..] else { panic!("{query}: {found:?}") };
        one["value"][1].as_str().unwrap().parse::<f64>().unwrap()
    };
    assert_eq!(value("up{job=\"pilotlight\"}"), 1.0);
    assert_eq!(value("pilotlight_requests_total{function=\"pii\",code=\"200\"}"), 100.0);
    let duration = "pilotlight_request_duration_seconds_bucket{function=\"pii\"}";
    let median = value(&format!("histogram_quantile(0.5, {duration})"));
    assert!((0.01..=0.025).contains(&median), "{median}");
}

#[test]
fn promtool_has_nothing_against_the_text() {
    let Some(promtool) = PROMTOOL.find() else { return };
    let (metrics, _handle) = full();
    let mut command = Command::new(promtool);
    command.args(["check", "metrics"]).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let text = metrics.render("text/plain").1;
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success() && said.is_empty(), "{said}");
}
