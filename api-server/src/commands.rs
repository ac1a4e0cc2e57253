//! The commands of the local operator on accounts: what they take and what they print.

use cell_records_server::auth::keys::MasterKey;
use cell_records_server::operator::Operator;
use cell_records_server::store::accounts::Account;
use cell_records_server::store::secrets;
use cell_records_types::Timestamp;
use cell_records_types::accounts::{CallerKind, Token};
use clap::Subcommand;
use std::fmt::Display;
use std::io::{ErrorKind, Write};
use uuid::Uuid;

/// Prints a line, or several. Who reads only the beginning closes the pipe: that is no failure.
pub fn print(line: impl Display) -> Result<(), String> {
    match writeln!(std::io::stdout(), "{line}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(format!("cannot print: {error}")),
        _ => Ok(()),
    }
}

/// What the operator does with users.
#[derive(Subcommand)]
pub enum UserCommand {
    /// Make a user. Without --password-stdin its password is made, and shown once.
    Add {
        /// Login name.
        username: String,
        /// Name shown to others; default: the login name.
        #[arg(long)]
        display_name: Option<String>,
        /// Unit of the account: a UUID or ext:SYSTEM:VALUE; default: the root.
        #[arg(long)]
        unit: Option<String>,
        /// Read the password from standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// List the users with their grants.
    List,
    /// Disable a user, or enable it again.
    Disable {
        /// Login name.
        username: String,
        /// Enable it again.
        #[arg(long)]
        undo: bool,
        /// Disable it even if nobody is left who administers the root.
        #[arg(long)]
        yes: bool,
    },
    /// Set a user's password. Without --password-stdin it is made, and shown once.
    Password {
        /// Login name.
        username: String,
        /// Read the password from standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Give a user a role over a unit and all below it.
    Grant(GrantArguments),
}

/// What the operator does with systems.
#[derive(Subcommand)]
pub enum SystemCommand {
    /// Register a system.
    Add {
        /// Name of the system.
        name: String,
        /// Its code, which never changes; default: made from the name.
        #[arg(long)]
        code: Option<String>,
        /// Contact for questions about it.
        #[arg(long)]
        contact: String,
        /// What it exchanges data for.
        #[arg(long)]
        purpose: String,
        /// Unit of the account: a UUID or ext:SYSTEM:VALUE; default: the root.
        #[arg(long)]
        unit: Option<String>,
    },
    /// List the systems with their grants.
    List,
    /// Disable a system, or enable it again; its tokens are revoked permanently.
    Disable {
        /// Its code.
        code: String,
        /// Enable it again.
        #[arg(long)]
        undo: bool,
    },
    /// Give a system a role over a unit and all below it.
    Grant(GrantArguments),
}

/// What `grant` takes.
#[derive(clap::Args)]
pub struct GrantArguments {
    /// Login name, or the system's code.
    name: String,
    /// The role's code, such as exchange_peer.
    #[arg(long)]
    role: String,
    /// The unit: a UUID or ext:SYSTEM:VALUE; default: the account's own.
    #[arg(long)]
    unit: Option<String>,
    /// When it ends, as 2014-12-31T17:00:00Z; default: never.
    #[arg(long, value_parser = timestamp)]
    until: Option<Timestamp>,
    /// A sensitive field that it adds, such as member.personal_id; may be repeated.
    #[arg(long = "field", value_name = "TYPE.FIELD")]
    fields: Vec<String>,
}

fn timestamp(text: &str) -> Result<Timestamp, &'static str> {
    text.parse().map_err(|()| "must be an RFC 3339 timestamp")
}

/// What the operator does with tokens.
#[derive(Subcommand)]
pub enum TokenCommand {
    /// Issue a token and show its secret, this once.
    Issue {
        /// The system's code.
        code: String,
        /// What the token is for.
        #[arg(long)]
        name: String,
        /// Days that it lives, 1 to 400.
        #[arg(long, default_value_t = 365)]
        days: u16,
        /// A grant that it is narrowed to, by id; may be repeated; default: all.
        #[arg(long = "grant", value_name = "ID")]
        grants: Vec<Uuid>,
    },
    /// Revoke a token.
    Revoke {
        /// The system's code.
        code: String,
        /// The token's id, as `token list CODE` shows it first.
        #[arg(value_name = "TOKEN_ID", value_parser = token_id)]
        token: Uuid,
    },
    /// List a system's tokens, without their secrets.
    List {
        /// The system's code.
        code: String,
    },
}

fn token_id(text: &str) -> Result<Uuid, &'static str> {
    text.parse().map_err(|_| "must be the token's id, a UUID, which `cell-records token list CODE` shows first")
}

/// What the operator does with the keys of the database.
#[derive(Subcommand)]
pub enum KeysCommand {
    /// Make a new signing key and wrap all keys again. The key that it replaces verifies for half an hour more.
    Rotate {
        /// Read a new master key from standard input, in base64, and wrap the keys with it.
        #[arg(long)]
        new_master_key_stdin: bool,
    },
}

/// A password for a user.
struct Password {
    text: String,
    /// Whether it was made here, so that nobody knows it yet.
    is_new: bool,
}

impl Password {
    /// The one on standard input, or a new one.
    fn take(from_stdin: bool) -> Result<Self, String> {
        if from_stdin {
            let mut text = String::new();
            std::io::stdin().read_line(&mut text).map_err(|_| "the password could not be read")?;
            return Ok(Password { text, is_new: false });
        }
        let text = secrets::password().map_err(|_| "the machine has no random numbers")?;
        Ok(Password { text, is_new: true })
    }

    /// Shows it, once it is the user's.
    fn show(self) -> Result<(), String> {
        if self.is_new { print(format_args!("password: {}", self.text)) } else { Ok(()) }
    }
}

/// Does it.
///
/// # Errors
/// A sentence for the operator.
pub async fn user(operator: &Operator, command: UserCommand) -> Result<(), String> {
    match command {
        UserCommand::Add { username, display_name, unit, password_stdin } => {
            let password = Password::take(password_stdin)?;
            let display_name = display_name.unwrap_or_else(|| username.clone());
            operator.add_user(&username, &display_name, &password.text, unit.as_deref()).await?;
            password.show()
        }
        UserCommand::List => list(operator, CallerKind::User).await,
        UserCommand::Disable { username, undo, yes } => {
            operator.set_disabled(CallerKind::User, &username, !undo, yes).await
        }
        UserCommand::Password { username, password_stdin } => {
            let password = Password::take(password_stdin)?;
            operator.set_password(&username, &password.text).await?;
            password.show()
        }
        UserCommand::Grant(grant) => give(operator, CallerKind::User, grant).await,
    }
}

/// Does it.
///
/// # Errors
/// A sentence for the operator.
pub async fn system(operator: &Operator, command: SystemCommand) -> Result<(), String> {
    match command {
        SystemCommand::Add { name, code, contact, purpose, unit } => {
            let code = operator.add_system(&name, code.as_deref(), &contact, &purpose, unit.as_deref()).await?;
            print(code)
        }
        SystemCommand::List => list(operator, CallerKind::System).await,
        SystemCommand::Disable { code, undo } => operator.set_disabled(CallerKind::System, &code, !undo, false).await,
        SystemCommand::Grant(grant) => give(operator, CallerKind::System, grant).await,
    }
}

async fn give(operator: &Operator, kind: CallerKind, grant: GrantArguments) -> Result<(), String> {
    let GrantArguments { name, role, unit, until, fields } = grant;
    print(operator.grant(kind, &name, &role, unit.as_deref(), until, fields).await?)
}

async fn list(operator: &Operator, kind: CallerKind) -> Result<(), String> {
    for account in operator.list(kind).await? {
        let state = if account.disabled { "disabled" } else { "enabled" };
        let Account { name, id, unit, display_name, .. } = &account;
        print(format_args!("{name}  {id}  {state}  unit {unit}  {display_name}"))?;
        for (id, role, unit) in operator.roles(&account).await? {
            print(format_args!("    {role} over {unit}  grant {id}"))?;
        }
    }
    Ok(())
}

/// Does it.
///
/// # Errors
/// A sentence for the operator.
pub async fn token(operator: &Operator, command: TokenCommand) -> Result<(), String> {
    match command {
        TokenCommand::Issue { code, name, days, grants } => {
            let (id, secret) = operator.issue_token(&code, &name, days, grants).await?;
            print(format_args!("{id}  {secret}"))?;
        }
        TokenCommand::Revoke { code, token } => operator.revoke_token(&code, token).await?,
        TokenCommand::List { code } => {
            for token in operator.tokens(&code).await? {
                let revoked = token.revoked_at.map(|at| format!("  revoked {at}")).unwrap_or_default();
                let Token { id, prefix, expires_at, name, .. } = &token;
                print(format_args!("{id}  {prefix}…  until {expires_at}{revoked}  {name}"))?;
            }
        }
    }
    Ok(())
}

/// Does it.
///
/// # Errors
/// A sentence for the operator.
pub async fn keys(operator: &Operator, command: KeysCommand) -> Result<(), String> {
    let KeysCommand::Rotate { new_master_key_stdin } = command;
    let new_master = if new_master_key_stdin {
        let mut text = String::new();
        std::io::stdin().read_line(&mut text).map_err(|_| "the master key could not be read")?;
        Some(MasterKey::parse(&text)?)
    } else {
        None
    };
    print(format_args!("signing key {}", operator.rotate_keys(new_master).await?))
}
