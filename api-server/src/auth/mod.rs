//! Who asks, and what they may do.

pub mod caller;
pub mod jwt;
pub mod keys;
pub mod passwords;
pub mod policy;
pub mod proxies;
pub mod seal;
pub mod sessions;
pub mod throttle;
pub mod tokens;
