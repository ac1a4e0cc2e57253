//! Pages for people: what this service is, and what an error means and what to do about it. Each has both languages.

use super::files::StaticFile;
use crate::error::advice::{ADVICE, Advice};
use crate::error::{ApiError, ApiResult, NOT_FOUND};
use actix_web::web::{self, Path};
use actix_web::{HttpRequest, HttpResponse};
use std::collections::HashMap;
use std::sync::LazyLock;
use utoipa_actix_web::service_config::ServiceConfig;

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// The guides: their paths, titles in both languages, and texts.
#[rustfmt::skip]
const GUIDES: [(&str, &str, &str, &str); 2] = [
    ("frontends", "Guide for front ends", "Hướng dẫn cho ứng dụng giao diện (tiếng Anh)", include_str!("../../../docs/FRONTENDS.md")),
    ("sync", "Guide for programs that keep a copy", "Hướng dẫn cho hệ thống đồng bộ (tiếng Anh)", include_str!("../../../docs/SYNC.md")),
];

static FRONT: LazyLock<StaticFile> = LazyLock::new(|| {
    let guide = |(name, en, vi, _): &(&str, &str, &str, &str)| {
        format!("<li><a href=\"/guides/{name}\">{vi} <i>– {en}</i></a></li>")
    };
    let guides: String = GUIDES.iter().map(guide).collect();
    let body = format!(
        "<h1>cell-records {version}</h1>\
         <p>Hồ sơ của đảng bộ và các chi bộ: đọc, ghi và đồng bộ qua HTTP.</p>\
         <p><i>The records of a Party committee and of its cells: read, written and synchronised over HTTP.</i></p>\
         <ul><li><a href=\"/docs/\">Tài liệu API <i>– API documentation</i></a></li>{guides}\
         <li><a href=\"/openapi.json\">OpenAPI</a></li>\
         <li><a href=\"/problems\">Các mã lỗi <i>– Errors</i></a></li>\
         <li><a href=\"/readyz\">Tình trạng dịch vụ <i>– Health</i></a></li></ul>",
        version = env!("CARGO_PKG_VERSION"),
    );
    page("cell-records", &body)
});

static PROBLEMS: LazyLock<StaticFile> = LazyLock::new(|| {
    let line = |Advice { code, .. }: &Advice| {
        format!(
            "<tr><td>{}</td><td><a href=\"/problems/{}\"><code>{}</code></a></td><td>{}<br><i>{}</i></td></tr>",
            code.status, code.code, code.code, code.vi, code.en
        )
    };
    let lines: String = ADVICE.iter().map(line).collect();
    page("cell-records: lỗi – errors", &format!("<h1>Các mã lỗi <i>– Errors</i></h1><table>{lines}</table>"))
});

static PROBLEM: LazyLock<HashMap<&str, StaticFile>> = LazyLock::new(|| {
    let problem = |Advice { code, en, vi }: &Advice| {
        let body = format!(
            "<h1><code>{}</code> ({})</h1>\
             <h2>{}</h2><p>{}</p>\
             <h2 lang=\"en\"><i>{}</i></h2><p lang=\"en\"><i>{}</i></p>\
             <p><a href=\"/problems\">Các mã lỗi khác <i>– Other errors</i></a></p>",
            code.code,
            code.status,
            code.vi,
            with_code(vi),
            code.en,
            with_code(en),
        );
        (code.code, page(&format!("cell-records: {}", code.code), &body))
    };
    ADVICE.iter().map(problem).collect()
});

static GUIDE: LazyLock<HashMap<&str, StaticFile>> = LazyLock::new(|| {
    GUIDES.iter().map(|(name, .., text)| (*name, StaticFile::page(TEXT, linked(text), &[]))).collect()
});

/// A guide whose links to other files lead to the guides of this server, or nowhere.
fn linked(text: &str) -> String {
    let mut parts = text.split("](");
    let mut linked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let target = part.split([')', '#']).next().unwrap_or_default();
        let guide = GUIDES.iter().find(|(name, ..)| target.eq_ignore_ascii_case(&format!("{name}.md")));
        match guide {
            Some((name, ..)) => {
                linked.push_str(&format!("](/guides/{name}{}", part.strip_prefix(target).unwrap_or_default()))
            }
            None if target.is_empty() || target.starts_with("http") => linked.push_str(&format!("]({part}")),
            None => linked.push_str(&format!("]{}", part.split_once(')').map_or("", |(_, rest)| rest))),
        }
    }
    linked
}

const STYLE: &str = "body{font:1rem/1.5 system-ui;max-width:50rem;margin:2rem auto;padding:0 1rem}i{color:#555}\
                     td{padding:.2rem .6rem;vertical-align:top}";

/// A page. What is put into it is written by the program.
fn page(title: &str, body: &str) -> StaticFile {
    let text = format!(
        "<!doctype html><html lang=\"vi\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <style>{STYLE}</style></head><body>{body}</body></html>"
    );
    StaticFile::page(HTML, text, &[STYLE])
}

/// A text with what stands between backticks as code.
fn with_code(text: &str) -> String {
    let part = |(index, part): (usize, &str)| if index % 2 == 1 { format!("<code>{part}</code>") } else { part.into() };
    text.split('`').enumerate().map(part).collect()
}

/// Registers the routes of this file. They are no part of the document: what they answer is for people.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.map(|config| {
        config
            .service(web::resource("/").route(web::get().to(front)))
            .service(web::redirect("/favicon.ico", "/docs/favicon-32x32.png"))
            .service(web::redirect("/problems/", "/problems"))
            .service(web::redirect("/guides", "/"))
            .service(web::resource("/problems").route(web::get().to(problems)))
            .service(web::resource("/problems/{code}").route(web::get().to(problem)))
            .service(web::resource("/guides/{name}").route(web::get().to(guide)))
    });
}

async fn front(request: HttpRequest) -> ApiResult<HttpResponse> {
    FRONT.answer(&request).await
}

async fn problems(request: HttpRequest) -> ApiResult<HttpResponse> {
    PROBLEMS.answer(&request).await
}

async fn problem(request: HttpRequest, code: Path<String>) -> ApiResult<HttpResponse> {
    named(&PROBLEM, &code, &request).await
}

async fn guide(request: HttpRequest, name: Path<String>) -> ApiResult<HttpResponse> {
    named(&GUIDE, &name, &request).await
}

async fn named(files: &HashMap<&str, StaticFile>, name: &str, request: &HttpRequest) -> ApiResult<HttpResponse> {
    files.get(name).ok_or_else(|| ApiError::new(&NOT_FOUND))?.answer(request).await
}
