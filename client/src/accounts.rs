//! Users and systems, their grants, tokens and sessions; logging in and out; the caller itself.

use crate::client::Client;
use crate::error::{Error, Result};
use crate::records::{Tagged, pages};
use crate::transport::Call;
use bytes::Bytes;
use cell_records_types::accounts::{
    Grant, GrantCreate, IssuedToken, Login, Me, PasswordChange, RefreshToken, Rotation, Session, System, SystemCreate,
    SystemUpdate, Token, TokenCreate, Tokens, UnitGrant, User, UserCreate, UserUpdate,
};
use cell_records_types::pages::Page;
use cell_records_types::{Ref, Unit};
use futures_util::Stream;
use reqwest::{Url, header};
use serde::{Serialize, de::DeserializeOwned};
use std::marker::PhantomData;
use uuid::Uuid;

/// Which part of a list to return.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paging {
    /// Items a page; the server's default when absent.
    pub limit: Option<u32>,
    /// The former page's `next_cursor`; the first page when absent.
    pub cursor: Option<String>,
}

impl Paging {
    pub(crate) fn mark(&self, call: Call) -> Call {
        call.parameter("limit", self.limit).parameter("cursor", self.cursor.as_deref())
    }
}

/// The two kinds of accounts: [`User`] and [`System`].
pub trait Account: DeserializeOwned + Send + 'static {
    /// Last part of the collection's path.
    const PLURAL: &'static str;
    /// What a create takes.
    type Create: Serialize + Send + Sync;
    /// What an update takes.
    type Update: Serialize + Send + Sync;
}

impl Account for User {
    const PLURAL: &'static str = "users";
    type Create = UserCreate;
    type Update = UserUpdate;
}

impl Account for System {
    const PLURAL: &'static str = "systems";
    type Create = SystemCreate;
    type Update = SystemUpdate;
}

/// The accounts of one kind, as an administrator sees them.
pub struct Accounts<T> {
    client: Client,
    kind: PhantomData<fn() -> T>,
}

impl<T: Account> Accounts<T> {
    /// A page of the accounts.
    pub async fn list(&self, paging: &Paging) -> Result<Page<T>> {
        self.client.fetch(paging.mark(Call::get(&["v1", T::PLURAL]))).await
    }

    /// All accounts, page by page.
    pub fn stream(&self) -> impl Stream<Item = Result<T>> + Send + use<T> {
        let client = self.client.clone();
        pages(move |cursor| {
            let (client, paging) = (client.clone(), Paging { limit: None, cursor });
            async move { client.fetch(paging.mark(Call::get(&["v1", T::PLURAL]))).await }
        })
    }

    /// Makes an account.
    ///
    /// # Errors
    /// `409 not_unique`, with the fault `name_taken` or `system_exists`, when the username or code is taken; `422 invalid`.
    pub async fn create(&self, new: &T::Create) -> Result<Tagged<T>> {
        self.tagged(Call::keyed_post(&["v1", T::PLURAL], None)?.json(new)?).await
    }

    /// One account.
    pub async fn get(&self, id: Uuid) -> Result<Tagged<T>> {
        self.tagged(Call::get(&["v1", T::PLURAL, &id.to_string()])).await
    }

    /// Changes an account; `disabled: true` ends its sessions and tokens within a second.
    ///
    /// # Errors
    /// `412 stale_version` with the current account when it has another version than that of `etag`.
    pub async fn update(&self, id: Uuid, etag: &str, patch: &T::Update) -> Result<Tagged<T>> {
        let call = Call::patch(&["v1", T::PLURAL, &id.to_string()]).header(header::IF_MATCH, etag)?;
        self.tagged(call.json(patch)?).await
    }

    /// A page of an account's grants.
    pub async fn list_grants(&self, id: Uuid, paging: &Paging) -> Result<Page<Grant>> {
        self.client.fetch(paging.mark(Call::get(&["v1", T::PLURAL, &id.to_string(), "grants"]))).await
    }

    /// Gives a role over a unit and all below it. A grant that the account holds already is returned as it is.
    pub async fn create_grant(&self, id: Uuid, grant: &GrantCreate) -> Result<Tagged<Grant>> {
        let call = Call::keyed_post(&["v1", T::PLURAL, &id.to_string(), "grants"], None)?;
        self.tagged(call.json(grant)?).await
    }

    /// One grant of an account.
    pub async fn get_grant(&self, id: Uuid, grant: Uuid) -> Result<Tagged<Grant>> {
        self.tagged(Call::get(&["v1", T::PLURAL, &id.to_string(), "grants", &grant.to_string()])).await
    }

    /// Removes a grant. It never changes, so the `etag` may as well be `*`.
    pub async fn delete_grant(&self, id: Uuid, grant: Uuid, etag: &str) -> Result<()> {
        let call = Call::delete(&["v1", T::PLURAL, &id.to_string(), "grants", &grant.to_string()]);
        self.client.send(call.header(header::IF_MATCH, etag)?).await.map(drop)
    }

    async fn tagged<A: DeserializeOwned>(&self, call: Call) -> Result<Tagged<A>> {
        Tagged::of(&self.client.send(call).await?, false)
    }
}

impl Accounts<User> {
    /// A page of a user's sessions.
    pub async fn list_sessions(&self, id: Uuid, paging: &Paging) -> Result<Page<Session>> {
        self.client.fetch(paging.mark(Call::get(&["v1", "users", &id.to_string(), "sessions"]))).await
    }

    /// Ends a user's session.
    pub async fn delete_session(&self, id: Uuid, session: Uuid) -> Result<()> {
        let call = Call::delete(&["v1", "users", &id.to_string(), "sessions", &session.to_string()]);
        self.client.send(call).await.map(drop)
    }

    /// Ends all sessions of a user.
    pub async fn delete_sessions(&self, id: Uuid) -> Result<()> {
        self.client.send(Call::delete(&["v1", "users", &id.to_string(), "sessions"])).await.map(drop)
    }
}

impl Accounts<System> {
    /// A page of a system's tokens, without their secrets.
    pub async fn list_tokens(&self, id: Uuid, paging: &Paging) -> Result<Page<Token>> {
        self.client.fetch(paging.mark(Call::get(&["v1", "systems", &id.to_string(), "tokens"]))).await
    }

    /// Issues a token; its secret is in this answer only. Not repeated after a lost answer: list the tokens then,
    /// and revoke the one that nobody knows.
    pub async fn create_token(&self, id: Uuid, token: &TokenCreate) -> Result<IssuedToken> {
        let call = Call::plain_post(&["v1", "systems", &id.to_string(), "tokens"]);
        self.client.fetch(call.json(token)?).await
    }

    /// Revokes a token.
    pub async fn delete_token(&self, id: Uuid, token: Uuid) -> Result<()> {
        let call = Call::delete(&["v1", "systems", &id.to_string(), "tokens", &token.to_string()]);
        self.client.send(call).await.map(drop)
    }

    /// Gives a token's successor; the old secret works on for the overlap. Not repeated after a lost answer.
    pub async fn rotate_token(&self, id: Uuid, token: Uuid, rotation: &Rotation) -> Result<IssuedToken> {
        let call = Call::plain_post(&["v1", "systems", &id.to_string(), "tokens", &token.to_string(), "rotate"]);
        self.client.fetch(call.json(rotation)?).await
    }
}

impl Client {
    /// The users.
    pub fn users(&self) -> Accounts<User> {
        Accounts { client: self.clone(), kind: PhantomData }
    }

    /// The systems.
    pub fn systems(&self) -> Accounts<System> {
        Accounts { client: self.clone(), kind: PhantomData }
    }

    /// Logs a person in and hands the tokens out. A client set up with
    /// [`login`](crate::ClientBuilder::login) does this by itself.
    ///
    /// # Errors
    /// `401 login_failed`; `429 too_many_attempts`.
    pub async fn login(&self, login: &Login) -> Result<Tokens> {
        self.without_account(Call::plain_post(&["v1", "auth", "login"]).json(login)?).await
    }

    /// Spends a refresh token for new tokens. Within 30 seconds of its first use it works three more times; a later use
    /// ends the session.
    ///
    /// # Errors
    /// `401 refresh_failed`.
    pub async fn refresh_session(&self, token: &RefreshToken) -> Result<Tokens> {
        self.without_account(Call::plain_post(&["v1", "auth", "refresh"]).json(token)?).await
    }

    /// Ends the session that a refresh token belongs to.
    pub async fn logout(&self, token: &RefreshToken) -> Result<()> {
        let call = Call::plain_post(&["v1", "auth", "logout"]).json(token)?;
        self.inner.attempts(&call, None).await.map(drop)
    }

    /// Ends the session that this client holds, if it holds one. With a password, the next call opens another.
    pub async fn end(&self) -> Result<()> {
        match self.inner.credentials.end().await {
            Some(refresh) => self.logout(&RefreshToken::new(refresh)).await,
            None => Ok(()),
        }
    }

    /// Exchanges this client's system token for a 15-minute JWT, which gateways can verify by themselves
    /// (OAuth 2 client credentials).
    pub async fn exchange_token(&self) -> Result<Tokens> {
        self.fetch(token_request(&[])?).await
    }

    /// The same with the token given in the form, as OAuth 2 libraries do: `client_id` is the system's code.
    pub async fn exchange_client_secret(&self, client_id: &str, client_secret: &str) -> Result<Tokens> {
        self.without_account(token_request(&[("client_id", client_id), ("client_secret", client_secret)])?).await
    }

    /// Who the caller is, with the grants that hold now.
    pub async fn get_me(&self) -> Result<Me> {
        self.fetch(Call::get(&["v1", "me"])).await
    }

    /// A page of who sees a unit: the grants that cover it, for its office and its lead.
    pub async fn list_unit_grants(&self, unit: &Ref<Unit>, paging: &Paging) -> Result<Page<UnitGrant>> {
        self.fetch(paging.mark(Call::get(&["v1", "units", &unit.to_string(), "grants"]))).await
    }

    /// Changes the caller's own password; ends its other sessions.
    pub async fn update_my_password(&self, change: &PasswordChange) -> Result<()> {
        self.send(Call::put(&["v1", "me", "password"]).json(change)?).await.map(drop)
    }

    /// A page of the caller's own sessions.
    pub async fn list_my_sessions(&self, paging: &Paging) -> Result<Page<Session>> {
        self.fetch(paging.mark(Call::get(&["v1", "me", "sessions"]))).await
    }

    /// Ends one of the caller's own sessions.
    pub async fn delete_my_session(&self, session: Uuid) -> Result<()> {
        self.send(Call::delete(&["v1", "me", "sessions", &session.to_string()])).await.map(drop)
    }

    /// Ends all of the caller's sessions, this one too.
    pub async fn delete_my_sessions(&self) -> Result<()> {
        self.send(Call::delete(&["v1", "me", "sessions"])).await.map(drop)
    }

    async fn without_account(&self, call: Call) -> Result<Tokens> {
        self.inner.attempts(&call, None).await?.json()
    }
}

/// A form, as RFC 6749 asks for.
fn token_request(more: &[(&str, &str)]) -> Result<Call> {
    let fields = [("grant_type", "client_credentials")].iter().chain(more);
    // The query of a URL is encoded exactly as a form is.
    let form = Url::parse_with_params("http://form", fields).map_err(|cause| Error::Refused(cause.to_string()))?;
    let body = Bytes::from(form.query().unwrap_or_default().to_owned());
    let call = Call::plain_post(&["v1", "auth", "token"]).body(body, "application/x-www-form-urlencoded");
    call.header(header::CACHE_CONTROL, "no-store")
}
