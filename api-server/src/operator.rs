//! What the local operator does with accounts from the command line: on the database directly, through the
//! same writer and audited as the operator's. Where a server runs beside it, that one notices within a second.

use crate::auth::passwords;
use crate::http::grants::{is_sensitive, sensitive_fields};
use crate::http::systems;
use crate::server::Opened;
use crate::state::Shared;
use crate::store::accounts::{self, Account, Changes, NewAccount};
use crate::store::audit::By;
use crate::store::grants::{self, NewGrant};
use crate::store::scope::ROOT;
use crate::store::tokens::{self, LONGEST, NewToken};
use crate::store::writer::WriteError;
use cell_records_types::accounts::{CallerKind, Role, SystemCode, Token, Username};
use cell_records_types::faults::Report;
use cell_records_types::fields::Field;
use cell_records_types::text::clean;
use cell_records_types::{Reference, Timestamp};
use std::sync::Arc;
use uuid::Uuid;

/// The operator at work on a database.
pub struct Operator {
    shared: Arc<Shared>,
}

type Outcome<T> = Result<T, String>;

fn written(error: WriteError) -> String {
    match error {
        WriteError::Unavailable => "the database cannot be written to now: it is locked, full or read-only".into(),
        _ => "the database refused the write; the log says why".into(),
    }
}

fn checked<T: Field>(text: &str, what: &str) -> Outcome<String> {
    let (mut value, mut report) = (text.into(), Report::default());
    T::check(&mut value, &mut report);
    match report.faults.first() {
        Some(fault) => Err(format!("{what}: {}", fault.message(false))),
        None => Ok(value.as_str().unwrap_or_default().to_owned()),
    }
}

impl Operator {
    /// On an opened database.
    pub fn new(opened: Opened) -> Self {
        Operator { shared: opened.shared }
    }

    async fn read<T>(
        &self,
        work: impl AsyncFnOnce(&mut crate::db::Db<'_>) -> Result<T, crate::db::DbError>,
    ) -> Outcome<T> {
        let read = async {
            let mut own = self.shared.database.open().await?;
            work(&mut own.db()).await
        };
        read.await.map_err(|error| format!("the database does not answer: {error}"))
    }

    async fn unit(&self, reference: Option<&str>) -> Outcome<Uuid> {
        let Some(text) = reference else { return Ok(ROOT) };
        let reference: Reference =
            text.parse().map_err(|()| "the unit must be a UUID or ext:<system>:<value>".to_owned())?;
        let found = self.read(async |db| accounts::unit_of(db, &reference).await).await?;
        found.ok_or_else(|| format!("there is no unit {text}"))
    }

    /// An account by its name.
    ///
    /// # Errors
    /// When there is none.
    pub async fn account(&self, kind: CallerKind, name: &str) -> Outcome<Account> {
        let found = self.read(async |db| accounts::by_name(db, kind.clone(), name).await).await?;
        found.ok_or_else(|| format!("there is no {kind} {name}"))
    }

    /// All users or systems, by name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(&self, kind: CallerKind) -> Outcome<Vec<Account>> {
        self.read(async |db| accounts::list(db, kind, &[ROOT], "", i64::MAX).await).await
    }

    /// An account's roles, with the units that they cover.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn roles(&self, account: &Account) -> Outcome<Vec<(Uuid, Role, Uuid)>> {
        let grants = self.read(async |db| grants::list(db, account.id).await).await?;
        Ok(grants.into_iter().map(|grant| (grant.id, grant.role, grant.unit)).collect())
    }

    async fn hash(&self, password: &str, username: &str) -> Outcome<String> {
        let password = clean(password, false).unwrap_or_default();
        if !passwords::is_acceptable(&password, username) {
            return Err("the password must have at least 12 characters and not be a common one".into());
        }
        self.shared.hasher.hash(password).await.map_err(|_| "hashing the password took too long".into())
    }

    /// Makes a user; `unit` defaults to the root.
    ///
    /// # Errors
    /// When a rule refuses it.
    pub async fn add_user(&self, name: &str, display_name: &str, password: &str, unit: Option<&str>) -> Outcome<()> {
        let name = checked::<Username>(name, "the username")?;
        let new = NewAccount {
            kind: CallerKind::User,
            display_name: checked::<cell_records_types::Text<100>>(display_name, "the name")?,
            unit: self.unit(unit).await?,
            password_hash: Some(self.hash(password, &name).await?),
            name,
            contact: None,
            purpose: None,
        };
        let made = self.shared.writer.accounts(move |tx| {
            Box::pin(async move { Ok(accounts::insert(tx, &By::operator(), new).await?.is_some()) })
        });
        if made.await.map_err(written)? { Ok(()) } else { Err("the username is taken".into()) }
    }

    /// Registers a system and answers its code; `unit` defaults to the root.
    ///
    /// # Errors
    /// When a rule refuses it.
    pub async fn add_system(
        &self,
        name: &str,
        code: Option<&str>,
        contact: &str,
        purpose: &str,
        unit: Option<&str>,
    ) -> Outcome<String> {
        let code = code.map(|code| checked::<SystemCode>(code, "the code")).transpose()?.unwrap_or_default();
        let server_code = self.shared.server_code.clone();
        if code == server_code {
            return Err("the code is this server's own".into());
        }
        let new = NewAccount {
            kind: CallerKind::System,
            name: code,
            display_name: checked::<cell_records_types::Text<100>>(name, "the name")?,
            unit: self.unit(unit).await?,
            password_hash: None,
            contact: Some(checked::<cell_records_types::Text>(contact, "the contact")?),
            purpose: Some(checked::<cell_records_types::Text<500>>(purpose, "the purpose")?),
        };
        let made = self.shared.writer.accounts(move |tx| {
            Box::pin(async move { systems::register(tx, &By::operator(), new, &server_code).await })
        });
        made.await.map_err(written)?.map(|system| system.name).ok_or_else(|| "the code is taken".into())
    }

    /// Sets a user's password, which ends its sessions.
    ///
    /// # Errors
    /// When a rule refuses it.
    pub async fn set_password(&self, name: &str, password: &str) -> Outcome<()> {
        let account = self.account(CallerKind::User, name).await?;
        let password_hash = Some(self.hash(password, &account.name).await?);
        self.change(account, Changes { password_hash, ..Changes::default() }).await
    }

    /// Shuts an account out, or lets it in again.
    ///
    /// # Errors
    /// When there is none.
    pub async fn set_disabled(&self, kind: CallerKind, name: &str, disabled: bool) -> Outcome<()> {
        let account = self.account(kind, name).await?;
        self.change(account, Changes { disabled: Some(disabled), ..Changes::default() }).await
    }

    async fn change(&self, mut account: Account, changes: Changes) -> Outcome<()> {
        let changed = self.shared.writer.accounts(move |tx| {
            Box::pin(async move { accounts::change(tx, &By::operator(), &mut account, changes).await })
        });
        changed.await.map_err(written)
    }

    /// Gives an account a role over a unit, which defaults to the account's own.
    ///
    /// # Errors
    /// When a rule refuses it.
    pub async fn grant(
        &self,
        kind: CallerKind,
        name: &str,
        role: &str,
        unit: Option<&str>,
        until: Option<Timestamp>,
        fields: Vec<String>,
    ) -> Outcome<Uuid> {
        let account = self.account(kind, name).await?;
        let unit = if unit.is_some() { self.unit(unit).await? } else { account.unit };
        let role = Role::from_code(role).ok_or_else(|| {
            let codes: Vec<&str> = Role::ALL.iter().map(|role| role.code()).collect();
            format!("the role must be one of {}", codes.join(", "))
        })?;
        if let Some(field) = fields.iter().find(|field| !is_sensitive(field)) {
            return Err(format!("{field} is none of {}", sensitive_fields().join(", ")));
        }
        let new = NewGrant { role, unit, from: None, until, fields };
        let given = self.shared.writer.accounts(move |tx| {
            Box::pin(async move {
                let above = crate::store::live::read_tree(&mut tx.db()).await?;
                if !above.covers(account.unit, new.unit) || new.until.is_some_and(|until| until <= tx.now) {
                    return Ok(None);
                }
                grants::add(tx, &By::operator(), &account, new).await.map(Some)
            })
        });
        let grant = given.await.map_err(written)?;
        grant.map(|grant| grant.id).ok_or_else(|| {
            "the unit must stand at or below the account's own, and the end must lie in the future".into()
        })
    }

    /// Issues a system's token that ends after some days, 1 to 400, and answers its id and secret.
    ///
    /// # Errors
    /// When a rule refuses it.
    pub async fn issue_token(&self, code: &str, name: &str, days: u16, only: Vec<Uuid>) -> Outcome<(Uuid, String)> {
        let system = self.account(CallerKind::System, code).await?;
        let name = checked::<cell_records_types::Text<100>>(name, "the name")?;
        let life = i64::from(days) * 86_400 * 1_000_000;
        if !(1..=LONGEST).contains(&life) {
            return Err("a token lives 1 to 400 days".into());
        }
        if system.disabled {
            return Err("the system is disabled".into());
        }
        let held = self.roles(&system).await?;
        if let Some(grant) = only.iter().find(|grant| !held.iter().any(|(id, ..)| id == *grant)) {
            return Err(format!("the system has no grant {grant}"));
        }
        let issued = self.shared.writer.accounts(move |tx| {
            Box::pin(async move {
                let expires_at = Timestamp::from_micros(tx.now.micros() + life);
                let new = NewToken { name, expires_at, grants: only };
                tokens::issue(tx, &By::operator(), &system, new, "token_issued").await
            })
        });
        issued.await.map(|issued| (issued.id, issued.token)).map_err(written)
    }

    /// The tokens of a system, without their secrets.
    ///
    /// # Errors
    /// When there is no such system.
    pub async fn tokens(&self, code: &str) -> Outcome<Vec<Token>> {
        let system = self.account(CallerKind::System, code).await?;
        self.read(async |db| tokens::list(db, system.id).await).await
    }

    /// Revokes a token of a system.
    ///
    /// # Errors
    /// When there is none.
    pub async fn revoke_token(&self, code: &str, token: Uuid) -> Outcome<()> {
        let system = self.account(CallerKind::System, code).await?;
        let revoked = self
            .shared
            .writer
            .accounts(move |tx| Box::pin(async move { tokens::revoke(tx, &By::operator(), &system, token).await }));
        if revoked.await.map_err(written)? { Ok(()) } else { Err(format!("{code} has no token {token}")) }
    }
}
