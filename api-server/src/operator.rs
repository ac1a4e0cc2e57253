//! What the local operator does with accounts from the command line: on the database directly, through the
//! same writer and audited as the operator's. A server that runs at the same time notices within a second.

use crate::auth::keys::MasterKey;
use crate::db::DbError;
use crate::server::Opened;
use crate::state::Shared;
use crate::store::accounts::{self, Account, Changes, NewAccount};
use crate::store::audit::{self, By};
use crate::store::grants::{self, Added, NewGrant};
use crate::store::keys;
use crate::store::scope::Narrowing;
use crate::store::tokens::{self, LONGEST, NewToken};
use crate::store::tree::ROOT;
use crate::store::writer::{WriteError, WriteTx};
use cell_records_types::accounts::{CallerKind, Role, SystemCode, Token, Username};
use cell_records_types::faults::{ROLES_CONFLICT, Report};
use cell_records_types::fields::Field;
use cell_records_types::text::clean;
use cell_records_types::{Reference, Timestamp};
use serde_json::json;
use std::pin::Pin;
use std::sync::Arc;
use uuid::Uuid;

/// The operator at work on a database.
pub struct Operator {
    shared: Arc<Shared>,
}

type OperatorResult<T> = Result<T, String>;
type OperatorWork<'a, T> = Pin<Box<dyn Future<Output = Result<OperatorResult<T>, DbError>> + 'a>>;

fn written(error: WriteError) -> String {
    match error {
        WriteError::Unavailable => "the database cannot be written to now: it is locked, full or read-only".into(),
        _ => "the database refused the write; the log says why".into(),
    }
}

fn checked<T: Field>(text: &str, what: &str) -> OperatorResult<String> {
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
    ) -> OperatorResult<T> {
        let read = async {
            let mut own = self.shared.database.open().await?;
            work(&mut own.db()).await
        };
        read.await.map_err(|error| format!("the database does not answer: {error}"))
    }

    async fn unit(&self, reference: Option<&str>) -> OperatorResult<Uuid> {
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
    pub async fn account(&self, kind: CallerKind, name: &str) -> OperatorResult<Account> {
        let found = self.read(async |db| accounts::by_name(db, kind.clone(), name).await).await?;
        found.ok_or_else(|| format!("there is no {kind} {name}"))
    }

    /// All users or systems, by name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(&self, kind: CallerKind) -> OperatorResult<Vec<Account>> {
        self.read(async |db| accounts::list(db, kind, &[ROOT], "", i64::MAX).await).await
    }

    /// An account's roles, with the units that they cover.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn roles(&self, account: &Account) -> OperatorResult<Vec<(Uuid, Role, Uuid)>> {
        let grants = self.read(async |db| grants::list(db, account.id).await).await?;
        Ok(grants.into_iter().map(|grant| (grant.id, grant.role, grant.unit)).collect())
    }

    async fn hash(&self, password: &str, username: &str, unit: Uuid) -> OperatorResult<String> {
        let password = clean(password, false).unwrap_or_default();
        let unit = self.read(async |db| accounts::unit_name(db, unit).await).await?.unwrap_or_default();
        let hasher = &self.shared.hasher;
        let slow = |_| "hashing the password took too long".to_owned();
        if !hasher.accepts(&password, username, &unit).await.map_err(slow)? {
            return Err("the password must have at least 12 characters and not be easy to guess".into());
        }
        hasher.hash(password.into_owned()).await.map_err(slow)
    }

    /// Work on an account as it is inside the write.
    async fn work<T: Send + 'static>(
        &self,
        account: Account,
        work: impl for<'a> FnOnce(&'a mut WriteTx<'_>, Account) -> OperatorWork<'a, T> + Send + 'static,
    ) -> OperatorResult<T> {
        let done = self.shared.writer.accounts(move |tx| {
            Box::pin(async move {
                match accounts::by_id(&mut tx.db(), account.kind, account.id).await? {
                    Some(account) => work(tx, account).await,
                    None => Ok(Err("the account is gone".into())),
                }
            })
        });
        done.await.map_err(written)?
    }

    /// Makes a user; `unit` defaults to the root.
    ///
    /// # Errors
    /// When a rule refuses it.
    pub async fn add_user(
        &self,
        name: &str,
        display_name: &str,
        password: &str,
        unit: Option<&str>,
    ) -> OperatorResult<()> {
        let name = checked::<Username>(name, "the username")?;
        let unit = self.unit(unit).await?;
        let new = NewAccount {
            kind: CallerKind::User,
            display_name: checked::<cell_records_types::Text<100>>(display_name, "the name")?,
            unit,
            password_hash: Some(self.hash(password, &name, unit).await?),
            name,
            contact: None,
            purpose: None,
        };
        let made = self.shared.writer.accounts(move |tx| {
            Box::pin(async move { Ok(accounts::insert(tx, &By::operator(), new).await?.is_some()) })
        });
        if made.await.map_err(written)? { Ok(()) } else { Err("the username is taken".into()) }
    }

    /// Registers a system and returns its code; `unit` defaults to the root, `code` to the one that the name makes.
    ///
    /// # Errors
    /// When a rule refuses it; also when the code is taken, for then the system may be registered already.
    pub async fn add_system(
        &self,
        name: &str,
        code: Option<&str>,
        contact: &str,
        purpose: &str,
        unit: Option<&str>,
    ) -> OperatorResult<String> {
        let display_name = checked::<cell_records_types::Text<100>>(name, "the name")?;
        let code = match code {
            Some(code) => checked::<SystemCode>(code, "the code")?,
            None => accounts::code_of(&display_name),
        };
        if code == self.shared.server_code {
            return Err(format!("the code {code} is this server's own: give another with --code"));
        }
        let taken = format!("the system {code} is registered already: to register another, give its code with --code");
        let new = NewAccount {
            kind: CallerKind::System,
            name: code,
            display_name,
            unit: self.unit(unit).await?,
            password_hash: None,
            contact: Some(checked::<cell_records_types::Text>(contact, "the contact")?),
            purpose: Some(checked::<cell_records_types::Text<500>>(purpose, "the purpose")?),
        };
        let made = self
            .shared
            .writer
            .accounts(move |tx| Box::pin(async move { accounts::insert(tx, &By::operator(), new).await }));
        made.await.map_err(written)?.map(|system| system.name).ok_or(taken)
    }

    /// Sets a user's password, which ends its sessions.
    ///
    /// # Errors
    /// When a rule refuses it.
    pub async fn set_password(&self, name: &str, password: &str) -> OperatorResult<()> {
        let account = self.account(CallerKind::User, name).await?;
        let password_hash = Some(self.hash(password, &account.name, account.unit).await?);
        let changes = Changes { password_hash, ..Changes::default() };
        self.work(account, |tx, mut account| {
            Box::pin(async move { accounts::change(tx, &By::operator(), &mut account, changes).await.map(Ok) })
        })
        .await
    }

    /// Disables an account, or enables it again. With `even_last` also the last user who administers the root
    /// permanently.
    ///
    /// # Errors
    /// When there is none, or when it is that last user.
    pub async fn set_disabled(
        &self,
        kind: CallerKind,
        name: &str,
        disabled: bool,
        even_last: bool,
    ) -> OperatorResult<()> {
        let account = self.account(kind, name).await?;
        let last = format!("{name} is the last user who administers the root: to disable it all the same, give --yes");
        let changes = Changes { disabled: Some(disabled), ..Changes::default() };
        self.work(account, move |tx, mut account| {
            Box::pin(async move {
                let now = tx.now;
                if disabled && !even_last && grants::is_last_administrator(&mut tx.db(), account.id, now).await? {
                    return Ok(Err(last));
                }
                accounts::change(tx, &By::operator(), &mut account, changes).await.map(Ok)
            })
        })
        .await
    }

    /// Gives an account a role over a unit, which defaults to the account's own, unless it holds it already.
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
    ) -> OperatorResult<Uuid> {
        let account = self.account(kind, name).await?;
        let unit = if unit.is_some() { self.unit(unit).await? } else { account.unit };
        let role = Role::from_code(role).ok_or_else(|| {
            let codes: Vec<&str> = Role::ALL.iter().map(|role| role.code()).collect();
            format!("the role must be one of {}", codes.join(", "))
        })?;
        if let Some(field) = fields.iter().find(|field| !grants::is_sensitive(field)) {
            return Err(format!("{field} is none of {}", grants::sensitive_fields().join(", ")));
        }
        let new = NewGrant { role, unit, from: None, until, fields };
        self.work(account, |tx, account| {
            Box::pin(async move {
                if !tx.tree.covers(account.unit, new.unit) {
                    return Ok(Err("the unit must be the account's own or below it".into()));
                }
                if new.until.is_some_and(|until| until <= tx.now) {
                    return Ok(Err("the end must lie in the future".into()));
                }
                Ok(match grants::add(tx, &By::operator(), &account, new).await? {
                    Added::New(grant) | Added::Held(grant) => Ok(grant.id),
                    Added::Conflict => Err(ROLES_CONFLICT.en.into()),
                })
            })
        })
        .await
    }

    /// Makes a new signing key, which takes over on every server within a second, and wraps all keys again: with
    /// another master key where one is given. The key that it replaces verifies for half an hour more. Returns the
    /// name of the new key.
    ///
    /// # Errors
    /// When the keys cannot be opened, or the database does not take the write.
    pub async fn rotate_keys(&self, new_master: Option<MasterKey>) -> OperatorResult<String> {
        let shared = self.shared.clone();
        let rotated = self.shared.writer.accounts(move |tx| {
            Box::pin(async move {
                let (now, stored) = (tx.now, keys::list(&mut tx.db()).await?);
                let rotation = match shared.keys.rotation(&stored, new_master.as_ref(), now) {
                    Ok(rotation) => rotation,
                    Err(why) => return Ok(Err(why)),
                };
                for id in &rotation.over {
                    keys::delete(&mut tx.db(), id).await?;
                }
                for key in &rotation.kept {
                    keys::rewrap(&mut tx.db(), key).await?;
                }
                keys::insert(&mut tx.db(), &rotation.new).await?;
                tx.rights_changed();
                let detail = json!({
                    "key": rotation.new.id, "removed": rotation.over, "new_master_key": new_master.is_some(),
                });
                audit::record(tx, &By::operator(), "keys_rotated", None, ROOT, detail).await?;
                Ok(Ok(rotation.new.id))
            })
        });
        rotated.await.map_err(written)?
    }

    /// Issues a system's token that ends after some days, 1 to 400, and returns its id and secret.
    ///
    /// # Errors
    /// When a rule refuses it.
    pub async fn issue_token(
        &self,
        code: &str,
        name: &str,
        days: u16,
        only: Vec<Uuid>,
    ) -> OperatorResult<(Uuid, String)> {
        let system = self.account(CallerKind::System, code).await?;
        let name = checked::<cell_records_types::Text<100>>(name, "the name")?;
        let lifetime = i64::from(days) * 86_400 * 1_000_000;
        if !(1..=LONGEST).contains(&lifetime) {
            return Err("a token lives 1 to 400 days".into());
        }
        let held = self.roles(&system).await?;
        if let Some(grant) = only.iter().find(|grant| !held.iter().any(|(id, ..)| id == *grant)) {
            return Err(format!("the system has no grant {grant}"));
        }
        self.work(system, move |tx, system| {
            Box::pin(async move {
                if system.disabled {
                    return Ok(Err("the system is disabled".into()));
                }
                let expires_at = Timestamp::from_micros(tx.now.micros() + lifetime);
                let narrowing = if only.is_empty() { Narrowing::All } else { Narrowing::Only(only) };
                let new = NewToken { name, expires_at, narrowing, replaces: None };
                let issued = tokens::issue(tx, &By::operator(), &system, new).await?;
                Ok(Ok((issued.id, issued.token)))
            })
        })
        .await
    }

    /// The tokens of a system, without their secrets.
    ///
    /// # Errors
    /// When there is no such system.
    pub async fn tokens(&self, code: &str) -> OperatorResult<Vec<Token>> {
        let system = self.account(CallerKind::System, code).await?;
        self.read(async |db| tokens::list(db, system.id).await).await
    }

    /// Revokes a token of a system.
    ///
    /// # Errors
    /// When there is none.
    pub async fn revoke_token(&self, code: &str, token: Uuid) -> OperatorResult<()> {
        let system = self.account(CallerKind::System, code).await?;
        let unknown = format!("{code} has no token {token}");
        self.work(system, move |tx, system| {
            Box::pin(async move {
                let revoked = tokens::revoke(tx, &By::operator(), &system, token).await?;
                Ok(if revoked { Ok(()) } else { Err(unknown) })
            })
        })
        .await
    }
}
