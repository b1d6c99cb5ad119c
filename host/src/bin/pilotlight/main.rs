#[tokio::main]
async fn main() {
    let a: Vec<String> = std::env::args().collect();
    let guest = std::fs::read(&a[1]).unwrap();
    let folder = pilotlight_model::ModelFolder::open(&a[2]).unwrap();
    let t = std::time::Instant::now();
    let s = tokio::task::spawn_blocking(move || pilotlight::snapshot::snapshot(&guest, &folder, &|s| eprintln!("{s}"))).await.unwrap();
    match s { Ok(s) => { eprintln!("{} {:?}", s.len(), t.elapsed()); std::fs::write(&a[3], s).unwrap() } Err(e) => eprintln!("{e}") }
}
