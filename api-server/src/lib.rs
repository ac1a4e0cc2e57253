//! The cell-records service.

pub mod auth;
pub mod db;
mod records;
pub mod store;
