//! Lists the members of a unit by a filter, and changes one: once upon the version that it has, once upon one that is
//! not current any more.

use cell_records_client::types::pages::ListQuery;
use cell_records_client::types::{Member, MemberFilter, MemberStatus, MemberUpdate};
use cell_records_client::{Client, Error};
use futures_util::TryStreamExt;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let server = std::env::var("CELL_RECORDS_SERVER").unwrap_or("http://127.0.0.1:8080".into());
    let token = std::env::var("CELL_RECORDS_TOKEN").unwrap_or_default();
    let client = Client::builder(&server).access_token(token.trim()).build()?;
    let members = client.records::<Member>();

    let filter = MemberFilter { status: vec![MemberStatus::Official], ..MemberFilter::default() };
    let query = ListQuery { unit: Some("ext:demo:cell-01".into()), limit: Some(100), ..filter.into() };
    let found: Vec<Member> = members.stream(query).try_collect().await?;
    for member in &found {
        println!("{} {}", member.id, member.full_name);
    }
    let Some(first) = found.first() else { return Ok(()) };

    let before = members.get(first.id).await?;
    let work = |text: &str| MemberUpdate { occupation_current: Some(Some(text.into())), ..MemberUpdate::default() };
    let after = members.update(first.id, &before.etag, &work("Cán bộ hưu trí")).await?;
    println!("version {} became {}", before.record.version, after.record.version);

    // Somebody has changed it since `before`: nothing is overwritten, and the current record comes with the refusal.
    match members.update(first.id, &before.etag, &work("Nghỉ hưu")).await {
        Ok(changed) => println!("version {}", changed.record.version),
        Err(error) => match error.current::<Member>() {
            Some(current) => println!("refused: it is version {} now", current.record.version),
            None => return Err(error),
        },
    }
    Ok(())
}
