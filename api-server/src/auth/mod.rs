//! Who asks, and what they may do.

pub mod caller;
pub mod jwt;
pub mod keys;
pub mod passwords;
pub mod proxies;
pub mod seal;
pub mod throttle;
pub mod token_cache;
