//! Lists of references in parameters: UUIDs and external ids, comma separated.

use crate::error::ApiResult;
use crate::phrases;
use crate::state::App;
use crate::store::load::find_external;
use crate::store::registry::Kind;
use cell_records_types::Reference;
use cell_records_types::phrases::Words;
use std::collections::HashMap;
use uuid::Uuid;

/// References as a parameter holds them, at most so many.
///
/// # Errors
/// What the parameter must be.
pub fn list(text: &str, most: usize) -> Result<Vec<Reference>, Words> {
    let wrong = || phrases::REFERENCES.with(most);
    let parsed = text.split(',').map(|one| match one.parse() {
        Ok(Reference::Item(_)) | Err(()) => Err(wrong()),
        Ok(reference) => Ok(reference),
    });
    let found = parsed.take(most + 1).collect::<Result<Vec<Reference>, Words>>()?;
    if found.len() > most { Err(wrong()) } else { Ok(found) }
}

/// The id that each reference to a record of a type means, whether the caller sees the record or not; nothing for an
/// external id that no record has.
///
/// # Errors
/// When the database fails.
pub async fn ids(app: &App, kind: &'static Kind, references: &[Reference]) -> ApiResult<Vec<Option<Uuid>>> {
    let key = |reference: &Reference| match reference {
        Reference::External { system, value } => Some((system.clone(), kind.name, value.clone())),
        Reference::Id(_) | Reference::Item(_) => None,
    };
    let keys: Vec<_> = references.iter().filter_map(key).collect();
    let held: HashMap<_, Uuid> = match keys.is_empty() {
        true => HashMap::new(),
        false => app.reads.single(async |db| find_external(db, &keys).await).await?.into_iter().collect(),
    };
    let id = |reference: &Reference| match reference {
        Reference::Id(id) => Some(*id),
        other => key(other).and_then(|key| held.get(&key).copied()),
    };
    Ok(references.iter().map(id).collect())
}
