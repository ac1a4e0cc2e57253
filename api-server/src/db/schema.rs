//! Tables that are queried with diesel's typed builder: the clock and the accounts. Record tables are
//! known to the engine by name (`store/registry.rs`).

#![expect(missing_docs, reason = "the macro makes items that cannot be documented")]

use super::types::{Guid, Instant};

diesel::table! {
    use diesel::sql_types::*;
    use super::{Guid, Instant};
    accounts (id) {
        id -> Guid, kind -> Text, name -> Text, display_name -> Text, unit_id -> Guid, disabled -> BigInt,
        password_hash -> Nullable<Text>, contact -> Nullable<Text>, purpose -> Nullable<Text>, created_at -> Instant,
        version -> BigInt,
    }
}
diesel::table! {
    use diesel::sql_types::*;
    use super::{Guid, Instant};
    grants (id) {
        id -> Guid, account_id -> Guid, role -> Text, unit_id -> Guid, from_at -> Instant,
        until_at -> Nullable<Instant>, fields -> Text,
    }
}
diesel::table! {
    use diesel::sql_types::*;
    use super::{Guid, Instant};
    tokens (id) {
        id -> Guid, account_id -> Guid, name -> Text, prefix -> Text, digest -> Text, created_at -> Instant,
        expires_at -> Instant, last_used_at -> Nullable<Instant>, revoked_at -> Nullable<Instant>, grants -> Nullable<Text>,
    }
}
diesel::table! {
    use diesel::sql_types::*;
    use super::{Guid, Instant};
    sessions (id) {
        id -> Guid, account_id -> Guid, created_at -> Instant, expires_at -> Instant, ended_at -> Nullable<Instant>,
    }
}
diesel::table! {
    use diesel::sql_types::*;
    use super::{Guid, Instant};
    refresh_tokens (digest) { digest -> Text, session_id -> Guid, used_at -> Nullable<Instant>, uses -> BigInt, }
}
diesel::table! {
    use diesel::sql_types::*;
    use super::Instant;
    keys (id) { id -> Text, kind -> Text, material -> Text, created_at -> Instant, }
}
diesel::table! {
    use diesel::sql_types::*;
    use super::{Guid, Instant};
    audit_events (seq) {
        seq -> BigInt, at -> Instant, action -> Text, actor -> Nullable<Guid>, operator -> BigInt, subject -> Nullable<Guid>,
        unit_id -> Guid, address -> Nullable<Text>, request_id -> Nullable<Text>, detail -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(accounts, grants, tokens, sessions, refresh_tokens);
