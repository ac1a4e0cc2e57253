//! The users of the demo: one for each way of looking at the ward, so that a newcomer sees its members in `/docs`.
//! `admin` sees none of them: who administers accounts reads no personal data.

use super::units::{cell, ward};
use crate::state::Shared;
use crate::store::accounts::{self, NewAccount};
use crate::store::audit::By;
use crate::store::grants::{self, NewGrant};
use crate::store::secrets;
use cell_records_types::accounts::{CallerKind, Role};
use uuid::Uuid;

/// A user that was made just now, with the password that nobody else knows.
pub struct DemoUser {
    /// Its name at the login.
    pub username: &'static str,
    /// Its password.
    pub password: String,
    /// What it may do.
    pub role: Role,
    /// Its unit, by its external id.
    pub unit: &'static str,
}

/// Makes the users that are not there yet. Returns those.
///
/// # Errors
/// A sentence for the operator.
pub async fn make(shared: &Shared) -> Result<Vec<DemoUser>, String> {
    let users: [(&str, &str, Role, Uuid, &str); 4] = [
        ("van-phong", "Văn phòng Đảng ủy", Role::CommitteeOffice, ward(), "ext:demo:ward"),
        ("lanh-dao", "Thường trực Đảng ủy", Role::CommitteeLead, ward(), "ext:demo:ward"),
        ("bi-thu-khoi-1", "Bí thư Chi bộ khối 1", Role::CellSecretary, cell(1), "ext:demo:cell-01"),
        ("trang-tin", "Trang thông tin", Role::FrontendReader, ward(), "ext:demo:ward"),
    ];
    let mut made = Vec::new();
    for (username, display_name, role, unit, unit_name) in users {
        let password = secrets::password().map_err(|_| "the machine has no random numbers".to_owned())?;
        if add(shared, username, display_name, role.clone(), unit, &password).await? {
            made.push(DemoUser { username, password, role, unit: unit_name });
        }
    }
    Ok(made)
}

/// Makes a user with one grant. Returns whether it did: `false` when the name is taken.
async fn add(
    shared: &Shared,
    username: &'static str,
    display_name: &'static str,
    role: Role,
    unit: Uuid,
    password: &str,
) -> Result<bool, String> {
    let failed = |error: &dyn std::fmt::Debug| format!("the demo's user {username} could not be made: {error:?}");
    let known = async {
        let mut own = shared.database.open().await?;
        accounts::by_name(&mut own.db(), CallerKind::User, username).await
    };
    if known.await.map_err(|error| failed(&error))?.is_some() {
        return Ok(false);
    }
    let hash = shared.hasher.hash(password.to_owned()).await.map_err(|error| failed(&error))?;
    let account = NewAccount {
        kind: CallerKind::User,
        name: username.into(),
        display_name: display_name.into(),
        unit,
        password_hash: Some(hash),
        contact: None,
        purpose: None,
    };
    let inserted = shared.writer.accounts(move |tx| {
        Box::pin(async move {
            let by = By::operator();
            // Nothing when another server was quicker.
            let Some(account) = accounts::insert(tx, &by, account).await? else { return Ok(false) };
            grants::add(tx, &by, &account, NewGrant::of(role, unit)).await?;
            Ok(true)
        })
    });
    inserted.await.map_err(|error| failed(&error))
}
