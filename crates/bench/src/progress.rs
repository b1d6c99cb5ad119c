/// A step of a measurement, told as it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// How many steps are done.
    pub done: usize,
    /// How many steps there are.
    pub total: usize,
    /// What is measured now.
    pub doing: String,
}

/// Told of each step as it begins.
pub type Progress<'a> = &'a dyn Fn(&Step);
