//! Plans that many threads run at once.

use std::sync::{Arc, Mutex, PoisonError};

use tract_core::internal::*;
use tract_core::plan::SimplePlan;

/// A plan, with the states of its runs: each run uses the memory of an earlier one.
#[derive(Debug)]
pub struct Plan {
    plan: Arc<SimplePlan<TypedFact, Box<dyn TypedOp>>>,
    /// States that no run uses.
    states: Mutex<Vec<TypedSimpleState>>,
}

impl Plan {
    /// Plans a model as it is.
    ///
    /// # Errors
    /// Those of tract.
    pub fn new(model: TypedModel) -> TractResult<Self> {
        Ok(Self { plan: SimplePlan::new(model)?, states: Mutex::default() })
    }

    /// Its model.
    pub fn model(&self) -> &TypedModel {
        self.plan.model()
    }

    /// The outputs for some inputs.
    ///
    /// # Errors
    /// Those of tract's operators.
    pub fn run(&self, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let free = || self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = free().pop();
        let mut state = match taken {
            Some(state) => state,
            None => self.plan.spawn()?,
        };
        // A state whose run failed is not used again.
        let outputs = state.run(inputs)?;
        free().push(state);
        Ok(outputs)
    }
}
