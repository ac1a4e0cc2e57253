//! Keeps a copy of a ward's units and members, and follows the server: the loop of `docs/SYNC.md`.

use cell_records_client::sync::{Filter, SqliteStore, SyncSession};
use cell_records_client::{Client, Error};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let server = std::env::var("CELL_RECORDS_SERVER").unwrap_or("http://127.0.0.1:8080".into());
    let token = std::env::var("CELL_RECORDS_TOKEN").unwrap_or_default();
    let client = Client::builder(&server).access_token(token.trim()).build()?;
    let store = SqliteStore::open("copy.sqlite".as_ref())?;
    let filter = Filter { types: vec!["unit".into(), "member".into()], units: vec!["ext:demo:ward".into()] };
    let mut session = SyncSession::new(client, store).with_filter(filter);

    // What waits in the outbox; after a crash the same bytes go out under the same key.
    let pushed = session.push().await?;
    println!("{} accepted, {} conflicts, {} invalid", pushed.accepted, pushed.conflicts, pushed.invalid);

    // From the cursor to the present. The first time, and after a 410, that is a snapshot with its sweep.
    let pulled = session.pull_until_current(|page| println!("{} changes", page.changes)).await?;
    println!("{} stored, {} removed, {} swept", pulled.stored, pulled.removed, pulled.swept);

    // And on, by long polls, until something happens that waiting does not cure.
    match session.watch(|page| println!("{} changes", page.changes)).await? {}
}
