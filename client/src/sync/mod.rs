//! A local copy.
