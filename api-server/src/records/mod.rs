//! The record types: one slice a file. A slice says which columns its type has, its filters and sorts, and its
//! rules; `store/registry.rs` lists them.

mod evaluation_round;
mod evaluation_scheme;
mod member;
mod member_evaluation;
mod position;
mod reported_figure;
mod term;
mod unit;
mod unit_evaluation;
