//! The connections of the server. The framework bounds how long a request may take to arrive; here it is bounded how
//! long an answer may take to leave, so that clients which do not read cannot hold memory.

use actix_http::HttpService;
use actix_rt::net::{ActixStream, Ready};
use actix_server::GracefulShutdownSignal;
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, ServiceResponse};
use actix_web::http::KeepAlive;
use std::future::{Future, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// How long a client may take to send a request head.
const REQUEST_HEAD: Duration = Duration::from_secs(10);
/// How long an idle connection stays open: longer than proxies and clients keep one, of which 60 s is usual. Who sends a
/// request on a connection that is closed at that moment cannot know whether it arrived, and may not repeat a write.
const IDLE: Duration = Duration::from_secs(75);
/// How long a client that got its response before it sent all of its body may go on sending: what it sends is read and
/// dropped. A connection that is closed with something unread is reset, and the client may lose the answer.
const REST_OF_BODY: Duration = Duration::from_secs(5);
/// How long a client may take fewer bytes of an answer than `LEAST_TAKEN`.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// See [`ANSWER_TIMEOUT`]. So an answer to a slow client continues, and a byte now and then does not hold one up.
const LEAST_TAKEN: usize = 16 * 1024;

/// The service of one worker: an application, behind connections that are cut when their answers are not taken within
/// `answer_timeout`.
pub fn service<A, S, B>(
    app: A,
    answer_timeout: Duration,
    ending: GracefulShutdownSignal,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = actix_http::error::DispatchError, InitError = ()>
where
    A: IntoServiceFactory<S, actix_http::Request>,
    S: ServiceFactory<
            actix_http::Request,
            Config = AppConfig,
            Response = ServiceResponse<B>,
            Error = actix_web::Error,
            InitError = (),
        > + 'static,
    B: MessageBody + 'static,
{
    let app = app.into_factory().map_err(|error: actix_web::Error| error.error_response());
    let http = HttpService::build()
        .keep_alive(KeepAlive::Timeout(IDLE))
        .client_request_timeout(REQUEST_HEAD)
        .client_disconnect_timeout(REST_OF_BODY)
        .graceful_shutdown_signal(move || {
            let ending = ending.clone();
            async move { ending.notified().await }
        })
        .h1(map_config(app, |()| AppConfig::default()));
    fn_service(move |stream: TcpStream| {
        let peer: Option<SocketAddr> = stream.peer_addr().ok();
        // A long body leaves in several writes: without this, the last would wait for the client to confirm the others. It
        // fails on a connection that has ended, which is seen when it is read.
        let _ = stream.set_nodelay(true);
        ready(Ok((Connection { stream, answer_timeout, waiting: None }, peer)))
    })
    .and_then(http)
}

/// A connection whose client must take what it is sent.
struct Connection {
    stream: TcpStream,
    answer_timeout: Duration,
    /// Since the client did not take all at once.
    waiting: Option<UnsentAnswer>,
}

struct UnsentAnswer {
    end: Pin<Box<Sleep>>,
    taken: usize,
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        match &written {
            Poll::Ready(Ok(count)) => {
                if let Some(waiting) = &mut self.waiting {
                    waiting.taken += count;
                    if waiting.taken >= LEAST_TAKEN {
                        self.waiting = None;
                    }
                }
                written
            }
            Poll::Ready(Err(_)) => written,
            Poll::Pending => {
                let limit = self.answer_timeout;
                let waiting =
                    self.waiting.get_or_insert_with(|| UnsentAnswer { end: Box::pin(sleep(limit)), taken: 0 });
                if waiting.end.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                let peer = self.stream.peer_addr().map_or_else(|_| "unknown".to_owned(), |peer| peer.ip().to_string());
                tracing::info!(%peer, "a connection is cut: its answer was not taken within {} s", limit.as_secs_f32());
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }

    /// Called when everything was written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.waiting = None;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl ActixStream for Connection {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_read_ready(&self.stream, cx)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_write_ready(&self.stream, cx)
    }
}
