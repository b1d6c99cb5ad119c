/// The sample rate that models read, in Hz.
pub const RATE: u32 = 16_000;
/// Lowest sample rate of audio that is read, in Hz.
pub const MIN_RATE: u32 = 8_000;
/// Highest sample rate of audio that is read, in Hz.
pub const MAX_RATE: u32 = 48_000;
