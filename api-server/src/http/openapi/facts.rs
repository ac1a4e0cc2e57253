//! What the rules of the document see of an operation: what it takes, who may call it, what it is about.

use super::parameters;
use crate::store::registry::{KINDS, Kind};
use utoipa::openapi::path::{HttpMethod, Operation, Parameter, ParameterIn};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Ref, RefOr, Required};

/// An operation, as the rules look at it.
pub struct Facts<'a> {
    /// Its method.
    pub method: HttpMethod,
    /// Its path under the root.
    pub path: &'a str,
    /// What it says of itself.
    pub operation: &'a Operation,
}

/// What everyone may call who sent a token.
const FOR_EVERYONE: [&str; 10] = [
    "/v1/me",
    "/v1/roles",
    "/v1/record_types",
    "/v1/code_lists",
    "/v1/rules",
    "/v1/work_items",
    "/v1/auth/token",
    "/v1/sync",
    "/v1/sync/changes",
    "/v1/sync/push",
];

/// Answers that show a secret.
const SECRETS: [&str; 2] = ["Tokens", "IssuedToken"];

impl Facts<'_> {
    /// Whether it is at this path.
    pub fn is(&self, path: &str) -> bool {
        self.path == path
    }

    /// Whether its answer needs the database.
    pub fn asks_the_database(&self) -> bool {
        self.path.starts_with("/v1/") || self.is("/readyz")
    }

    /// Whether it may change something.
    pub fn is_write(&self) -> bool {
        self.method != HttpMethod::Get
    }

    fn parameters(&self) -> impl Iterator<Item = &Parameter> {
        self.operation.parameters.iter().flatten().filter_map(parameters::resolved)
    }

    /// Whether it has a parameter at this place.
    pub fn has(&self, place: ParameterIn) -> bool {
        self.parameters().any(|one| one.parameter_in == place)
    }

    /// Whether it has a parameter of this name.
    pub fn takes(&self, name: &str) -> bool {
        self.parameters().any(|one| one.name == name)
    }

    /// Whether it has one that must be there.
    pub fn needs(&self, name: &str) -> bool {
        self.parameters().any(|one| one.name == name && one.required == Required::True)
    }

    /// Whether it takes a body.
    pub fn has_body(&self) -> bool {
        self.operation.request_body.is_some()
    }

    /// Whether it takes a body of JSON.
    pub fn has_json(&self) -> bool {
        let Some(RefOr::T(body)) = &self.operation.request_body else { return false };
        body.content.contains_key("application/json")
    }

    /// Whether its answer shows a secret.
    pub fn returns_a_secret(&self) -> bool {
        let content = self.operation.responses.responses.values().filter_map(|response| match response {
            RefOr::T(response) => response.content.get("application/json"),
            RefOr::Ref(_) => None,
        });
        let secrets = SECRETS.map(|name| RefOr::Ref(Ref::from_schema_name(name)));
        content.into_iter().any(|content| match content {
            RefOr::T(content) => content.schema.as_ref().is_some_and(|schema| secrets.contains(schema)),
            RefOr::Ref(_) => false,
        })
    }

    /// Whether it is sent with an access token.
    pub fn takes_a_token(&self) -> bool {
        let security = self.operation.security.as_ref();
        security.is_none_or(|all| all.iter().any(|one| *one != SecurityRequirement::default()))
    }

    /// Whether everyone may call it who sent a token.
    pub fn is_for_everyone(&self) -> bool {
        FOR_EVERYONE.contains(&self.path) || (self.kind().is_some() && !self.is_write())
    }

    /// The record type that it is about. Who sees a unit is a question of its own.
    pub fn kind(&self) -> Option<&'static Kind> {
        let collection = self.path.strip_prefix("/v1/").filter(|rest| !rest.ends_with("/grants"))?.split('/').next()?;
        KINDS.iter().find(|kind| kind.plural == collection)
    }

    /// Whether it writes a record.
    pub fn is_record_write(&self) -> bool {
        self.kind().is_some() && self.is_write()
    }

    /// Whether it lists records.
    pub fn is_record_list(&self) -> bool {
        self.kind().is_some() && !self.is_write() && !self.has(ParameterIn::Path)
    }
}
