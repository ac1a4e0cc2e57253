//! The load generator: requests over keep-alive connections, one after another on each, as fast as they are
//! answered. It speaks just enough HTTP/1.1 for that: a full client would cost more than the server it drives.

use crate::side::Work;
use anyhow::{Context, Result, bail, ensure};
use std::cell::Cell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One keep-alive connection.
pub struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, read: Vec::with_capacity(64 * 1024) })
    }

    /// Sends a request as it stands and returns the body of what comes back, which must be a success.
    pub async fn call(&mut self, request: &[u8]) -> Result<&[u8]> {
        self.stream.write_all(request).await?;
        self.read.clear();
        let (head, length) = loop {
            if let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = self.read.get(..end).unwrap_or_default();
                break (end + 4, length(head)?);
            }
            ensure!(self.stream.read_buf(&mut self.read).await? > 0, "the server hung up");
        };
        while self.read.len() < head + length {
            ensure!(self.stream.read_buf(&mut self.read).await? > 0, "the server hung up");
        }
        let body = self.read.get(head..head + length).unwrap_or_default();
        if !self.read.starts_with(b"HTTP/1.1 2") {
            bail!("answered: {}", String::from_utf8_lossy(&self.read));
        }
        Ok(body)
    }
}

/// The length that a head declares.
fn length(head: &[u8]) -> Result<usize> {
    const NAME: &[u8] = b"content-length:";
    let line = head
        .split(|byte| *byte == b'\n')
        .find(|line| line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)));
    let Some(value) = line.and_then(|line| line.get(NAME.len()..)) else { return Ok(0) };
    std::str::from_utf8(value)?.trim().parse().context("a length that is no number")
}

/// A request as it goes over the wire.
pub fn request(method: &str, path: &str, token: Option<&str>, body: Option<&str>) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
    if let Some(token) = token {
        text.push_str(&format!("authorization: Bearer {token}\r\n"));
    }
    if let Some(body) = body {
        text.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
    }
    if path.ends_with("/push") {
        text.push_str(&format!("idempotency-key: {}\r\n", uuid::Uuid::now_v7()));
    }
    text.push_str("\r\n");
    text.push_str(body.unwrap_or_default());
    text.into_bytes()
}

/// As many requests as are answered: `make` makes them, on this many connections, for so long.
pub async fn rate(
    address: SocketAddr,
    connections: usize,
    time: Duration,
    make: impl Fn() -> std::borrow::Cow<'static, [u8]>,
) -> Result<Work> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        let mut connection = Connection::open(address).await?;
        connection.call(&make()).await?;
        open.push(connection);
    }
    let begun = Instant::now();
    let end = begun + time;
    let answered = Cell::new(0u32);
    let drive = async |connection: &mut Connection| {
        while Instant::now() < end {
            connection.call(&make()).await?;
            answered.set(answered.get() + 1);
        }
        Ok::<(), anyhow::Error>(())
    };
    futures_util::future::try_join_all(open.iter_mut().map(drive)).await?;
    let mut work = Work::new(f64::from(answered.get()), begun);
    work.count += f64::from(u32::try_from(connections)?);
    Ok(work)
}
