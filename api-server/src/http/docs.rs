//! The page that shows the OpenAPI document: Swagger UI, under `/docs/`.

use super::files::StaticFile;
use crate::error::{ApiError, ApiResult, NOT_FOUND};
use actix_web::web::{self, Bytes, Path};
use actix_web::{HttpRequest, HttpResponse};
use std::borrow::Cow;
use std::sync::{Arc, LazyLock};
use utoipa_actix_web::service_config::ServiceConfig;
use utoipa_swagger_ui::Config;

/// The files that the page loads, itself first.
const NAMES: [&str; 8] = [
    "index.html",
    "index.css",
    "swagger-ui.css",
    "swagger-ui-bundle.js",
    "swagger-ui-standalone-preset.js",
    "swagger-initializer.js",
    "favicon-16x16.png",
    "favicon-32x32.png",
];

/// The style that is in Swagger UI's logo.
const LOGO: &str = ".logo_small_svg__cls-2{fill:#fff}.logo_small_svg__cls-3{fill:#85ea2d}";

static FILES: LazyLock<Vec<(&str, StaticFile)>> = LazyLock::new(|| {
    // The tags in their order, closed; a token that was given stays for a reload. Nobody else is asked about the document.
    let config = Config::from("/openapi.json").persist_authorization(true).doc_expansion("none").validator_url("none");
    let config = Arc::new(config);
    let file = |name| {
        let found = utoipa_swagger_ui::serve(name, config.clone()).ok().flatten()?;
        let bytes = match found.bytes {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => Bytes::from(bytes),
        };
        let is_page = name == NAMES[0];
        let file = match is_page {
            true => StaticFile::page(found.content_type, titled(&bytes), &[LOGO]),
            false => StaticFile::new(found.content_type, bytes),
        };
        Some((name, file))
    };
    NAMES.into_iter().filter_map(file).collect()
});

/// The page under its own title.
fn titled(page: &[u8]) -> Bytes {
    String::from_utf8_lossy(page).replacen("<title>Swagger UI<", "<title>cell-records API<", 1).into()
}

/// Registers the routes of this file. They are no part of the document: what they answer is for browsers.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.map(|config| {
        config
            .service(web::redirect("/docs", "/docs/"))
            .service(web::resource("/docs/{file:.*}").route(web::get().to(file)))
    });
}

async fn file(request: HttpRequest, name: Path<String>) -> ApiResult<HttpResponse> {
    let name = if name.is_empty() { "index.html" } else { name.as_str() };
    let found = FILES.iter().find(|(one, _)| *one == name);
    let (_, file) = found.ok_or_else(|| ApiError::new(&NOT_FOUND))?;
    file.answer(&request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_is_there() {
        assert_eq!(FILES.len(), NAMES.len());
    }
}
