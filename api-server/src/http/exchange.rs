//! Systems that exchange their access token for one which gateways can verify: `/v1/auth/token`.

use super::body::FormBody;
use super::login::{sign, tokens_response};
use super::params::Params;
use super::{client, idempotency};
use crate::auth::keys::LIFETIME;
use crate::error::{self, ApiError, ApiResult};
use crate::phrases;
use crate::state::App;
use crate::store::audit::{self, By};
use crate::store::callers::{TokenKey, by_token};
use crate::store::secrets;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Query;
use actix_web::{HttpRequest, HttpResponse, post};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cell_records_types::accounts::{CallerKind, TokenExchange, Tokens};
use serde_json::json;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the route of this file.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(exchange_token);
}

/// Exchanges a system's access token for a JWT of 15 minutes (OAuth 2.0 client credentials).
///
/// The client id is the system's code, the client secret its `crt_…` token: in the form, by HTTP Basic, or the token
/// alone as Bearer. Each exchange is in the audit log. Gateways verify the JWT with the keys of `/.well-known/jwks.json`.
#[utoipa::path(
    tag = "login", security((), ("bearer" = [])),
    request_body(content = TokenExchange, content_type = "application/x-www-form-urlencoded", example = json!({"grant_type": "client_credentials", "client_id": "tinh-nghe-an", "client_secret": "crt_…"})),
    responses((status = 200, description = "Exchanged", body = Tokens, example = json!({"access_token": "eyJ…", "token_type": "Bearer", "expires_in": 900})))
)]
#[post("/v1/auth/token")]
async fn exchange_token(app: App, request: HttpRequest, body: Result<FormBody, ApiError>) -> ApiResult<HttpResponse> {
    idempotency::refuse(&request)?;
    Params::of(&request)?.end()?;
    let form = TokenForm::read(&body?)?;
    let refused = || ApiError::new(&error::UNAUTHENTICATED).with("error", "invalid_client");
    let (code, secret) = form.credentials(&request).ok_or_else(refused)?;
    if !secrets::is_well_formed(&secret, secrets::ACCESS) {
        return Err(refused());
    }
    let view = app.view().await?;
    let now = view.now;
    let digest = secrets::digest(secret.as_bytes());
    let found = app.reads.single(async |db| by_token(db, TokenKey::Digest(&digest), now).await).await?;
    let system = found.filter(|system| code.is_none_or(|code| code == system.name)).ok_or_else(refused)?;
    app.tokens.used(system.session, now);
    let by = By { actor: Some(system.account), ..client::by(&request, None) };
    let written = app.writer.accounts(move |tx| {
        Box::pin(async move {
            audit::record(tx, &by, "token_exchanged", Some(system.session), system.unit, json!({})).await
        })
    });
    written.await?;
    let access_token = sign(&app, system.account, system.session, CallerKind::System, &view).await?;
    let left = (system.expires.micros() - now.micros()) / 1_000_000;
    Ok(tokens_response().json(Tokens {
        access_token,
        token_type: "Bearer".into(),
        expires_in: LIFETIME.min(left),
        refresh_token: None,
    }))
}

/// What a client sends to `/v1/auth/token`.
struct TokenForm(Vec<(String, String)>);

impl TokenForm {
    fn read(FormBody(body): &FormBody) -> ApiResult<TokenForm> {
        let text = std::str::from_utf8(body).map_err(|_| ApiError::new(&error::BAD_REQUEST))?;
        let form = Query::<Vec<(String, String)>>::from_query(text).map_err(|_| ApiError::new(&error::BAD_REQUEST))?;
        let form = TokenForm(form.into_inner());
        if form.get("grant_type") != Some("client_credentials") {
            return Err(ApiError::new(&error::BAD_REQUEST)
                .detail(&phrases::GRANT_TYPE)
                .with("error", "unsupported_grant_type"));
        }
        Ok(form)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }

    /// The system's code, where it is named, and its token.
    fn credentials(&self, request: &HttpRequest) -> Option<(Option<String>, String)> {
        let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        match header.and_then(|header| header.split_once(' ')) {
            Some((scheme, secret)) if scheme.eq_ignore_ascii_case("bearer") => Some((None, secret.trim().to_owned())),
            Some((scheme, secret)) if scheme.eq_ignore_ascii_case("basic") => {
                let plain = String::from_utf8(BASE64_STANDARD.decode(secret.trim()).ok()?).ok()?;
                plain.split_once(':').map(|(code, secret)| (Some(code.to_owned()), secret.to_owned()))
            }
            Some(_) => None,
            None => Some((Some(self.get("client_id")?.to_owned()), self.get("client_secret")?.to_owned())),
        }
    }
}
