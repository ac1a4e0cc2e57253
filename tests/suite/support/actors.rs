//! Who acts in a test: people and systems with the grants that they need.

use super::database::Engine;
use super::server::{PASSWORD, Server};
use cell_records_client::Client;
use cell_records_client::types::accounts::{GrantCreate, Role, User, UserCreate};
use cell_records_client::types::{Ref, Unit};
use cell_records_server::operator::Operator;
use cell_records_server::server::Opened;

/// A day in microseconds.
pub const DAY: i64 = 86_400_000_000;

impl Server {
    /// Puts the uses of refresh tokens this many seconds further back.
    pub fn refreshed_earlier(&self, seconds: u32) {
        let earlier = match self.engine {
            Engine::Sqlite => format!("used_at - {seconds} * 1000000"),
            Engine::Postgres => format!("used_at - interval '{seconds} seconds'"),
        };
        self.database.sql(&[format!("UPDATE refresh_tokens SET used_at = {earlier}")]);
    }

    /// The local operator, while the server runs.
    pub fn operator(&self) -> Operator {
        Operator::new(Opened { shared: self.running.shared.clone(), admin_password: None, migrations: 0 })
    }

    /// Who has not logged in.
    pub fn anonymous(&self) -> Client {
        self.client().build().unwrap()
    }

    /// The first administrator.
    pub fn admin(&self) -> Client {
        self.client().login("admin", PASSWORD).build().unwrap()
    }

    /// A system with grants, at the root.
    pub async fn system(&self, code: &str, grants: &[(Role, Ref<Unit>)]) -> Client {
        self.peer(code, grants).await.client
    }

    /// A person with grants, at the root.
    pub async fn user(&self, name: &str, grants: &[(Role, Ref<Unit>)]) -> (User, Client) {
        let admin = self.admin();
        let new =
            UserCreate { username: name.into(), display_name: name.into(), password: PASSWORD.into(), unit_id: None };
        let user = admin.users().create(&new).await.unwrap().record;
        for (role, unit) in grants {
            admin.users().create_grant(user.id, &grant(role.clone(), unit.clone())).await.unwrap();
        }
        (user, self.client().login(name, PASSWORD).build().unwrap())
    }
}

/// A grant without an end.
pub fn grant(role: Role, unit: Ref<Unit>) -> GrantCreate {
    GrantCreate { role, unit_id: unit, from: None, until: None, fields: None }
}

/// A unit of the demo, by its external id.
pub fn demo(value: &str) -> Ref<Unit> {
    Ref::external("demo", value)
}
