//! The floors that are servers themselves: the same framework with one worker and nothing around it. It answers a
//! text of a given size, rows serialised from memory, and rows as they are read from the database.

use crate::floors::Rows;
use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::{Context, Result};
use bytes::Bytes;
use cell_records_client::types::Member;
use cell_records_client::types::pages::Page;
use std::cell::RefCell;
use std::rc::Rc;

/// The argument that makes this program that server. After it: a file with the static answer, one with the list, and
/// the URL of the database.
pub const NAME: &str = "floor-server";

const JSON: &str = "application/json";

/// Serves until it is killed; says on standard output where.
pub fn serve(mut arguments: impl Iterator<Item = String>) -> Result<()> {
    let mut argument = || arguments.next().context("an argument is missing");
    let text = Bytes::from(std::fs::read(argument()?)?);
    let list = std::fs::read(argument()?)?;
    let page: Page<Member> = serde_json::from_slice(&list)?;
    let database = argument()?;
    let run = async move {
        let app = move || {
            let (text, page) = (text.clone(), Rc::new(page.clone()));
            let rows = Rc::new((database.clone(), RefCell::new(None)));
            App::new()
                .route("/static", web::get().to(move || std::future::ready(constant(&text))))
                .route("/list", web::get().to(move || std::future::ready(listed(&page))))
                .route("/rows", web::get().to(move || read(rows.clone())))
        };
        let server = HttpServer::new(app).workers(1).bind("127.0.0.1:0")?;
        for address in server.addrs() {
            println!("{address}");
        }
        server.run().await
    };
    actix_web::rt::System::new().block_on(run)?;
    Ok(())
}

fn constant(text: &Bytes) -> HttpResponse {
    HttpResponse::Ok().content_type(JSON).body(text.clone())
}

fn listed(page: &Page<Member>) -> HttpResponse {
    HttpResponse::Ok().json(page)
}

/// The next thousand rows; after the last an empty list, and then from the first again.
async fn read(state: Rc<(String, RefCell<Option<Rows>>)>) -> actix_web::Result<HttpResponse> {
    let (database, kept) = &*state;
    let failed = |error: anyhow::Error| actix_web::error::ErrorInternalServerError(format!("{error:#}"));
    let open = kept.borrow_mut().take();
    let mut rows = match open {
        Some(rows) => rows,
        None => Rows::open(database).await.map_err(failed)?,
    };
    let page = rows.page(1_000).await.map_err(failed)?;
    *kept.borrow_mut() = Some(rows);
    Ok(HttpResponse::Ok().content_type(JSON).body(page))
}
