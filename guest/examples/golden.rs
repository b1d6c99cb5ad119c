use pilotlight_guest::compute::*;
fn main() {
    let f = std::fs::read(std::env::args().nth(1).unwrap()).unwrap();
    let c = TractCompute::load(f.into()).unwrap();
    println!("labels {} vocab {:?}", c.labels(), c.vocabulary());
    let cfg: serde_json::Value = serde_json::from_slice(&std::fs::read("/work/main/models/pii-ner/config.json").unwrap()).unwrap();
    let (mut bad, mut n) = (0, 0);
    let t0 = std::time::Instant::now(); let mut toks = 0;
    for l in std::fs::read_to_string("/work/shared/golden/pii_ner.jsonl").unwrap().lines() {
        let v: serde_json::Value = serde_json::from_str(l).unwrap();
        let ids: Vec<i64> = v["ids"].as_array().unwrap().iter().map(|x| x.as_i64().unwrap()).collect();
        let s = Sequence { type_ids: vec![0; ids.len()], ids };
        let o = c.logits(&s).unwrap();
        toks += s.ids.len();
        for (r, w) in o.rows().zip(v["labels"].as_array().unwrap()) {
            let a = r.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
            n += 1; if cfg["id2label"][a.to_string()] != *w { bad += 1 }
        }
    }
    println!("{n} tokens, {bad} differ, {:?} for {toks}", t0.elapsed());
}
