//! Files that do not change while the server runs: compressed once, at their first use, and sent piece by piece, so
//! that a client which does not read holds a piece and not a file.

use crate::error::{ApiError, ApiResult, NOT_ACCEPTABLE};
use crate::http::etag;
use crate::phrases;
use actix_web::body::{BodySize, MessageBody};
use actix_web::http::header::{
    AcceptEncoding, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, Encoding, Header, REFERRER_POLICY, VARY,
};
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use aws_lc_rs::digest;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::convert::Infallible;
use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::OnceCell;

/// Bytes that a connection holds of a body at a time, besides the body itself.
const PIECE: usize = 64 * 1024;
/// What a file is sent as: gzip, for every browser and tool takes it, or as it is.
static CODINGS: [Encoding; 2] = [Encoding::gzip(), Encoding::identity()];

/// A file.
pub struct StaticFile {
    content_type: String,
    tag: String,
    /// Of a page: what a browser may load for it.
    policy: Option<String>,
    plain: Bytes,
    gzip: OnceCell<Bytes>,
}

impl StaticFile {
    /// A file of this type.
    pub fn new(content_type: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        let plain = bytes.into();
        let tag = etag::of_bytes(&plain);
        StaticFile { content_type: content_type.into(), tag, policy: None, plain, gzip: OnceCell::new() }
    }

    /// A page for browsers: it may load files of this server only, and no other page may show it in a frame. Of styles that
    /// are no files it may have these, named by their SHA-256 hashes.
    pub fn page(content_type: impl Into<String>, bytes: impl Into<Bytes>, styles: &[&str]) -> Self {
        let hash = |style: &&str| BASE64_STANDARD.encode(digest::digest(&digest::SHA256, style.as_bytes()));
        let styles: String = styles.iter().map(|style| format!(" 'sha256-{}'", hash(style))).collect();
        let policy = format!(
            "default-src 'self'; style-src 'self'{styles}; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
             form-action 'self'; frame-ancestors 'none'"
        );
        StaticFile { policy: Some(policy), ..StaticFile::new(content_type, bytes) }
    }

    /// Its content.
    pub fn bytes(&self) -> &[u8] {
        &self.plain
    }

    /// The answer to a request for it: `304` to who has it already.
    ///
    /// # Errors
    /// `406` when the caller takes neither gzip nor the file as it is.
    pub async fn answer(&self, request: &HttpRequest) -> ApiResult<HttpResponse> {
        if etag::is_known(request, &self.tag) {
            return Ok(HttpResponse::NotModified().insert_header((ETAG, self.tag.as_str())).finish());
        }
        let accepted = AcceptEncoding::parse(request)
            .map_err(|_| ApiError::header("accept-encoding", &phrases::HEADER_UNREADABLE))?;
        let coding = accepted.negotiate(CODINGS.iter()).ok_or_else(|| ApiError::new(&NOT_ACCEPTABLE))?;
        let gzip = if coding == Encoding::gzip() { self.gzip().await } else { None };
        // That it is `identity` is said too, or the answer would be compressed again for each request.
        let (coding, bytes) = gzip.map_or_else(|| ("identity", self.plain.clone()), |gzip| ("gzip", gzip));
        let mut response = HttpResponse::Ok();
        if let Some(policy) = &self.policy {
            response.insert_header((CONTENT_SECURITY_POLICY, policy.as_str()));
            response.insert_header((REFERRER_POLICY, "same-origin"));
        }
        Ok(response
            .content_type(self.content_type.as_str())
            .insert_header((CONTENT_ENCODING, coding))
            .insert_header((ETAG, self.tag.as_str()))
            .insert_header((VARY, "accept-encoding"))
            .body(Pieces(bytes)))
    }

    /// The file as gzip; nothing when the server ends before it is made.
    async fn gzip(&self) -> Option<Bytes> {
        let make = || async {
            let plain = self.plain.clone();
            let packed = web::block(move || {
                let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 3), Compression::default());
                encoder.write_all(&plain)?;
                encoder.finish()
            });
            packed.await.map_err(drop)?.map(Bytes::from).map_err(drop)
        };
        self.gzip.get_or_try_init(make).await.ok().cloned()
    }
}

/// A body that is handed over piece by piece: the framework copies what it is handed.
pub struct Pieces(pub Bytes);

impl MessageBody for Pieces {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.0.len() as u64)
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        if self.0.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.0.len().min(PIECE);
        Poll::Ready(Some(Ok(self.0.split_to(length))))
    }
}
