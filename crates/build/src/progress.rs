use std::fmt;

/// A step of building or loading a function that can take seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// The files of the model are compared with their digests.
    Verify,
    /// The graph is brought to the precision asked for.
    Convert,
    /// The graph is loaded into the backend.
    LoadGraph,
    /// The guest loads and optimizes the model.
    Initialize,
    /// The guest's memory is written back into the component.
    Snapshot,
    /// Labels are compared with those of f32.
    Compare,
    /// The component is written to its place.
    Write,
    /// The component is compiled to machine code.
    Compile,
    /// The version's instances are made, and its sample is answered.
    SmokeTest,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Verify => "checking the model's digests",
            Self::Convert => "converting the graph",
            Self::LoadGraph => "loading the graph",
            Self::Initialize => "loading the model in the sandbox",
            Self::Snapshot => "taking the snapshot",
            Self::Compare => "comparing answers with f32",
            Self::Write => "writing the component",
            Self::Compile => "compiling to machine code",
            Self::SmokeTest => "running the smoke test",
        })
    }
}

/// Told of each stage as it begins.
pub type Progress<'a> = &'a (dyn Fn(Stage) + Send + Sync);
