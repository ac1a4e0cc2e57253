//! What the document begins with: what the service is, how to log in, its parts in the order in which to read them.

use super::{headers, parameters};
use crate::store::registry::KINDS;
use cell_records_types::pages::{Expanded, HistoryEntry, Page};
use utoipa::OpenApi;
use utoipa::openapi::Server;
use utoipa::openapi::security::{ClientCredentials, Flow, HttpAuthScheme, HttpBuilder, OAuth2, Scopes, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "cell-records",
        description = "The records of a Party committee of a ward and of its cells: read, written, pulled and pushed.\n\n\
            Everything under `/v1` except login, refresh and the exchange of tokens needs `Authorization: Bearer`: the access token \
            of a login, or the token of a registered system. What a caller may not see is treated as if it did not exist.\n\n\
            Every error is one `application/problem+json` body with a stable `code`, in Vietnamese where `Accept-Language` \
            prefers it; `Content-Language` says which. Each operation lists the errors that it can return; a method that a path does not have is \
            `405 method_not_allowed`.",
        contact(name = "The maintainers of cell-records"),
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    components(schemas(Page<HistoryEntry>, Expanded)),
    modifiers(&Shared),
    security(("bearer" = []), ("oauth2" = []))
)]
struct Base;

/// What the document begins with.
pub fn base() -> utoipa::openapi::OpenApi {
    Base::openapi()
}

/// What operations refer to.
struct Shared;

impl utoipa::Modify for Shared {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        api.servers = Some(vec![Server::new("/")]);
        let types =
            KINDS.iter().map(|kind| (kind.plural, format!("{} ({}).", kind.label_plural.en, kind.label_plural.vi)));
        let stated = |(name, text): &(&'static str, &str)| (*name, (*text).to_owned());
        let all = START.iter().map(stated).chain(types).chain(REST.iter().map(stated));
        api.tags = Some(all.map(|(name, text)| TagBuilder::new().name(name).description(Some(text)).build()).collect());
        let components = api.components.get_or_insert_default();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT, or crt_…").description(
            Some("The `access_token` of `POST /v1/auth/login`, or the `crt_…` token of a registered system."),
        );
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer.build()));
        let exchange = Flow::ClientCredentials(ClientCredentials::new("/v1/auth/token", Scopes::new()));
        let oauth2 = OAuth2::with_description(
            [exchange],
            "For registered systems: the client id is the system's code, the client secret its `crt_…` token.",
        );
        components.add_security_scheme("oauth2", SecurityScheme::OAuth2(oauth2));
        headers::add(components);
        parameters::add(components);
    }
}

/// The parts to begin with.
const START: [(&str, &str); 4] = [
    ("login", "Start here: `POST /v1/auth/login` returns an access token for all other calls."),
    ("me", "The caller: who it is, what it may do, its sessions, the table of rights."),
    (
        "types",
        "What there is: the record types with their fields, filters and rights, the lists of codes, and the numbers of regulations.",
    ),
    ("work", "What is due, or late, with the records that the caller reads."),
];

/// The parts that follow those of the record types.
const REST: [(&str, &str); 5] = [
    ("sync", "For programs that keep a copy: the change feed, and pushes of many records in one call."),
    ("users", "Administration of people: their accounts, grants and sessions."),
    ("systems", "Administration of registered systems: their accounts, grants and tokens."),
    ("audit", "What was done to accounts."),
    ("service", "The service itself: its health, its keys, this document."),
];
