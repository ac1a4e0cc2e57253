//! Whether few units have so many records that their lists must be bounded.

use crate::db::{Db, DbError, Guid, Id, Sql, Verbs};
use crate::on;
use crate::store::filter::in_units;
use crate::store::registry::Kind;
use crate::store::scope::Units;
use quick_cache::sync::Cache;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Few units with more records than these are listed like many: what a filter or a sort reads of all of them is bounded.
pub const FEW_RECORDS: i64 = 10_000;
/// For so long a look holds: units do not grow much past the bound meanwhile.
const HOLDS_FOR: Duration = Duration::from_secs(60);
/// So many looks are kept.
const KEPT: usize = 1_000;

/// What was looked up of units' sizes. A look reads as many entries of an index as there are records, up to the bound:
/// more than most pages do.
pub struct Sizes(Cache<(usize, Vec<Uuid>), (Instant, bool)>);

impl Default for Sizes {
    fn default() -> Self {
        Sizes(Cache::new(KEPT))
    }
}

impl Sizes {
    /// Whether units have more than [`FEW_RECORDS`] records of a type in all, as it was within the last minute.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn are_large(&self, db: &mut Db<'_>, kind: &'static Kind, units: &[Uuid]) -> Result<bool, DbError> {
        let key = (kind.order, units.to_vec());
        if let Some((since, large)) = self.0.get(&key)
            && since.elapsed() < HOLDS_FOR
        {
            return Ok(large);
        }
        let since = Instant::now();
        let mut sql = Sql::<Guid>::new(format!("SELECT t.id FROM {} AS t WHERE deleted_at IS NULL", kind.plural));
        in_units(&mut sql, "t.unit_id", &Units::Few(units.to_vec()));
        sql.push(format!(" LIMIT 1 OFFSET {FEW_RECORDS}"));
        let beyond: Option<Id> = on!(db, c => sql.first_row(c))?;
        self.0.insert(key, (since, beyond.is_some()));
        Ok(beyond.is_some())
    }
}
