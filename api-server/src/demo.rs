//! Loading the demo ward.

use crate::state::Shared;

/// Loads the demo unless it is there: `true` when it was loaded now.
///
/// # Errors
/// A sentence for the operator.
pub async fn load(_app: &Shared) -> Result<bool, String> {
    Err("this build has no demo".into())
}
