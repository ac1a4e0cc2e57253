//! The suite: real servers, driven over HTTP through the client, each test on both engines.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod support;

mod account_versions;
mod accounts;
mod admissions;
mod audit;
mod awards;
mod bad_input;
mod breaking;
mod cadre_plans;
mod cellsync;
mod cellsync_match;
mod client_examples;
mod concurrency;
mod confidence_votes;
mod connections;
mod cookies;
mod courses;
mod crash;
mod cursors;
mod demo_figures;
mod discipline;
mod edge;
mod enrolments;
mod evaluations;
mod every_type;
mod examples;
mod exemptions;
mod first_bodies;
mod first_match;
mod front;
mod history;
mod idempotency;
mod identities;
mod internal_faults;
mod jwt;
mod limits;
mod lists;
mod logs;
mod lost_commits;
mod members;
mod metadata;
mod model;
mod moved_rights;
mod moves;
mod next_year;
mod openapi;
mod operator;
mod outages;
mod packages;
mod pages;
mod pledges;
mod privacy_of_types;
mod protection_reviews;
mod pull;
mod push;
mod push_refusals;
mod readable_fields;
mod reads;
mod records;
mod refused_by_the_database;
mod regulations;
mod reindex;
mod replace;
mod residence_links;
mod rights;
mod role_models;
mod rules;
mod scope_changes;
mod servers;
mod sessions;
mod starts;
mod states;
mod tasks;
mod tls;
mod tokens;
mod transfers;
mod units;
mod vietnamese;
mod waiting_pulls;
mod work;
mod writer;
mod year_of_a_ward;
