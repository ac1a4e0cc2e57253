//! Systems that sync, with what the client hides: their tokens and the server's raw answers.

use super::actors::{DAY, grant};
use super::server::Server;
use cell_records_client::Client;
use cell_records_client::sync::{CopyStore, SyncSession};
use cell_records_client::types::accounts::{GrantCreate, IssuedToken, Role, System, SystemCreate, TokenCreate};
use cell_records_client::types::sync::{PushAnswer, PushBatch, PushItem};
use cell_records_client::types::{Ref, Timestamp, Unit};
use reqwest::header::HeaderMap;
use serde_json::Value;
use uuid::Uuid;

/// A system with a token.
pub struct Peer {
    /// Its account.
    pub system: System,
    /// Calls in its name.
    pub client: Client,
    /// Its token.
    pub token: IssuedToken,
    /// Its grants, in the order in which they were asked for.
    pub grants: Vec<Uuid>,
    url: String,
    http: reqwest::Client,
}

/// An answer as it came.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body: JSON, or `null`.
    pub body: Value,
}

impl Reply {
    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The problem's code.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

impl Server {
    /// A system with grants, at the root.
    pub async fn peer(&self, code: &str, grants: &[(Role, Ref<Unit>)]) -> Peer {
        let admin = self.admin();
        let new = SystemCreate {
            name: code.into(),
            contact: "tests".into(),
            purpose: "tests".into(),
            code: Some(code.into()),
            unit_id: None,
        };
        let system = admin.systems().create(&new).await.unwrap().record;
        let expires_at = Timestamp::from_micros(Timestamp::now().micros() + 90 * DAY);
        let new = TokenCreate { expires_at: Some(expires_at), ..TokenCreate::new("test") };
        let token = admin.systems().create_token(system.id, &new).await.unwrap();
        let client = self.client().access_token(&token.token).build().unwrap();
        let http = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
        let mut peer = Peer { system, client, token, grants: Vec::new(), url: self.url.clone(), http };
        for (role, unit) in grants {
            let id = self.grant(&peer, grant(role.clone(), unit.clone())).await;
            peer.grants.push(id);
        }
        peer
    }

    /// Gives a system another grant.
    pub async fn grant(&self, peer: &Peer, new: GrantCreate) -> Uuid {
        self.admin().systems().create_grant(peer.system.id, &new).await.unwrap().record.id
    }

    /// Takes a grant of a system away.
    pub async fn ungrant(&self, peer: &Peer, grant: Uuid) {
        self.admin().systems().delete_grant(peer.system.id, grant, "*").await.unwrap();
    }
}

impl Peer {
    /// Calls another server with the same token.
    pub fn at(&self, server: &Server) -> Client {
        server.client().access_token(&self.token.token).build().unwrap()
    }

    /// Keeps a copy in a store.
    pub fn session<S: CopyStore>(&self, store: S) -> SyncSession<S> {
        SyncSession::new(self.client.clone(), store)
    }

    /// A read, with headers.
    pub async fn get(&self, path: &str, headers: &[(&'static str, &str)]) -> Reply {
        let request = self.http.get(format!("{}{path}", self.url));
        self.send(request, headers).await
    }

    /// A push as it is.
    pub async fn push_raw(&self, key: Option<&str>, body: impl Into<reqwest::Body>) -> Reply {
        let request = self.http.post(format!("{}/v1/sync/push", self.url)).body(body);
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        self.send(request, &headers).await
    }

    async fn send(&self, mut request: reqwest::RequestBuilder, headers: &[(&'static str, &str)]) -> Reply {
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.bearer_auth(&self.token.token).send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default();
        Reply { status, headers, body }
    }

    /// A push under a new key.
    pub async fn push(&self, items: Vec<PushItem>) -> PushAnswer {
        self.push_batch(&PushBatch::new(items)).await
    }

    /// A push of which every item must stand.
    pub async fn write(&self, items: Vec<PushItem>) -> PushAnswer {
        let answer = self.push(items).await;
        let refused = answer.items.iter().find(|item| !item.status.is_success());
        assert!(refused.is_none(), "{refused:?}");
        answer
    }

    /// A whole batch under a new key.
    pub async fn push_batch(&self, batch: &PushBatch) -> PushAnswer {
        self.client.push(batch, &Uuid::new_v4().to_string()).await.unwrap()
    }
}
