//! The sync protocol: pull (the change feed with its snapshot), push, and what a caller must know first.

mod build;
mod changes;
mod cursor;
mod info;
mod page;
mod parameters;
mod pull;
mod push;
mod push_body;
mod snapshot;
mod tail;
mod wait;

use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the routes of the sync protocol.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(info::get_sync_info).service(changes::pull_changes).service(push::push_changes);
}
