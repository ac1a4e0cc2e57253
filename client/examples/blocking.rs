//! Calls from a program without `async`: a runtime of its own thread waits for each call.

use cell_records_client::types::{Ref, Unit};
use cell_records_client::{Client, Error};

fn main() -> Result<(), Error> {
    let server = std::env::var("CELL_RECORDS_SERVER").unwrap_or("http://127.0.0.1:8080".into());
    let token = std::env::var("CELL_RECORDS_TOKEN").unwrap_or_default();
    let client = Client::builder(&server).access_token(token.trim()).build()?;

    // One runtime for the life of the program: connections and sessions belong to it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|cause| Error::Refused(format!("no runtime: {cause}")))?;

    let me = runtime.block_on(client.get_me())?;
    let ward = runtime.block_on(client.records::<Unit>().get(Ref::external("demo", "ward")))?;
    println!("{} sees {}", me.display_name, ward.record.name);
    Ok(())
}
