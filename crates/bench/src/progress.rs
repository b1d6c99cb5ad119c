/// A step of a measurement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The number of completed steps.
    pub done: usize,
    /// The number of all steps.
    pub total: usize,
    /// What is measured now.
    pub doing: String,
}

/// Called at the beginning of each step.
pub type Progress<'a> = &'a dyn Fn(&Step);
