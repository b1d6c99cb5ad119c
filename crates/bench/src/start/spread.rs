use crate::bootstrap::median;
use crate::report::{Spread, Start, StartSummary};

pub(super) fn summary(starts: &[Start]) -> StartSummary {
    let of = |figure: fn(&Start) -> Option<f64>| {
        spread(&starts.iter().filter_map(figure).collect::<Vec<f64>>())
    };
    StartSummary {
        total: of(|start| Some(start.total_ms)),
        process_start: of(|start| start.process_start_ms),
        component_load: of(|start| start.component_load_ms),
        instantiate: of(|start| start.instantiate_ms),
        first_inference: of(|start| start.first_inference_ms),
        rss: of(|start| start.memory.map(|memory| memory.rss_bytes as f64)),
        pss: of(|start| start.memory.map(|memory| memory.pss_bytes as f64)),
        private: of(|start| start.memory.map(|memory| memory.private_bytes as f64)),
    }
}

fn spread(values: &[f64]) -> Option<Spread> {
    Some(Spread {
        count: values.len(),
        median: median(values)?,
        min: values.iter().copied().reduce(f64::min)?,
        max: values.iter().copied().reduce(f64::max)?,
    })
}
