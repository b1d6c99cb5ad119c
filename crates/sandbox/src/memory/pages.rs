/// Rounds up to whole pages.
pub(super) fn round_up(bytes: usize) -> usize {
    bytes.next_multiple_of(rustix::param::page_size())
}
