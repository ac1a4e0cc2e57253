//! The engine of records: one way in (the writer), one way out (a scope).

pub mod accounts;
pub mod audit;
pub mod callers;
mod cut;
pub mod decide;
pub mod filter;
pub mod flush;
pub mod grants;
pub mod history;
pub mod items;
pub mod keys;
pub mod list;
pub mod live;
pub mod load;
pub mod log_ranges;
pub mod policy;
pub mod record;
pub mod registry;
pub mod reindex;
pub mod rules;
pub mod scope;
pub mod secrets;
pub mod sessions;
pub mod tokens;
pub mod type_set;
pub mod write_set;
pub mod writer;
