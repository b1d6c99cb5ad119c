use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// The next request arrives.
    Arrival,
    /// A node has answered the request that arrived at this time.
    Answer { node: usize, arrived: f64 },
    /// A node has started.
    Ready { node: usize },
    /// The autoscaler decides.
    Decision,
}

/// Something that happens at a time.
#[derive(Debug, Clone, Copy)]
struct Event {
    at: f64,
    /// Position among all events, so that those at the same time keep their order.
    number: u64,
    kind: Kind,
}

/// Future events.
#[derive(Default)]
pub(super) struct Events {
    heap: BinaryHeap<Event>,
    count: u64,
}

impl Events {
    pub(super) fn push(&mut self, at: f64, kind: Kind) {
        self.heap.push(Event { at, number: self.count, kind });
        self.count += 1;
    }

    /// The time and kind of the next event.
    pub(super) fn pop(&mut self) -> Option<(f64, Kind)> {
        self.heap.pop().map(|event| (event.at, event.kind))
    }
}

/// The largest event is the earliest one, because the heap returns its largest element.
impl Ord for Event {
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.total_cmp(&self.at).then(other.number.cmp(&self.number))
    }
}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Event {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_then_in_the_order_in_which_they_were_added() {
        let mut events = Events::default();
        events.push(2.0, Kind::Decision);
        events.push(1.0, Kind::Ready { node: 1 });
        events.push(1.0, Kind::Ready { node: 2 });
        let ordered: Vec<_> = std::iter::from_fn(|| events.pop()).collect();
        let [first, second] = [1, 2].map(|node| (1.0, Kind::Ready { node }));
        assert_eq!(ordered, [first, second, (2.0, Kind::Decision)]);
    }
}
