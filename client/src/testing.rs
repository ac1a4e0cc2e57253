//! A server for tests: it answers as a closure says, and meets the faults that the test prescribes.
//!
//! ```
//! use cell_records_client::testing::{Fault, Reply, TestServer};
//! use serde_json::json;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), cell_records_client::Error> {
//! let server = TestServer::start(|_, _| Reply::json(json!({"items": []})));
//! server.fault(Fault::Lost);
//! server.fault(Fault::Reply(Reply::problem(503, "unavailable").header("Retry-After", "2")));
//!
//! server.client().access_token("crt_x").build()?.roles().await?;
//! assert_eq!(server.lines(), ["GET /v1/roles"; 3]);
//! assert_eq!(server.pauses().len(), 2);
//! # Ok(())
//! # }
//! ```
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test ends with a panic")]

use crate::{Client, ClientBuilder};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Request {
    /// Method and target: `GET /v1/me?x=1`.
    pub line: String,
    /// Its headers, with names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Its body; empty when there is none.
    pub body: String,
}

impl Request {
    /// A header; empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }
}

/// What to answer.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Value,
    cut: bool,
}

impl Reply {
    /// An answer of a status, with a JSON body; `204` and `304` send none.
    pub fn new(status: u16, body: Value) -> Self {
        Reply { status, headers: Vec::new(), body, cut: false }
    }

    /// `200` with a JSON body.
    pub fn json(body: Value) -> Self {
        Reply::new(200, body)
    }

    /// A problem of the service, with no more than its code.
    pub fn problem(status: u16, code: &str) -> Self {
        let kind = format!("/problems/{code}");
        Reply::new(status, json!({"type": kind, "title": "No.", "status": status, "code": code, "request_id": "r"}))
    }

    /// The connection ends without an answer.
    pub fn nothing() -> Self {
        Reply { cut: true, ..Reply::new(0, Value::Null) }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a member to the body, such as the `errors` of a problem.
    ///
    /// # Panics
    /// If the body is no object.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.body.as_object_mut().expect("an object").insert(name.to_owned(), value);
        self
    }
}

/// What happens to a request instead of its answer.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The connection ends before the request takes effect: the closure is not asked.
    Cut,
    /// The request takes effect (the closure is asked), and its answer is lost.
    Lost,
    /// This reply, without an effect.
    Reply(Reply),
    /// The answer comes after this time.
    Slow(Duration),
}

type Answer = dyn Fn(usize, &Request) -> Reply + Send + Sync;

/// A server on a free port of this machine, one connection a request. It ends with the process.
#[derive(Clone)]
pub struct TestServer {
    url: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    requests: Mutex<Vec<Request>>,
    faults: Mutex<VecDeque<Fault>>,
    pauses: Arc<Mutex<Vec<Duration>>>,
}

impl fmt::Debug for TestServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestServer").field("url", &self.url).finish_non_exhaustive()
    }
}

impl TestServer {
    /// Starts a server whose closure gets the number of the request, from 0, and the request.
    ///
    /// # Panics
    /// If no port is free.
    pub fn start(answer: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = TestServer { url, shared: Arc::default() };
        let (shared, answer): (_, Arc<Answer>) = (server.shared.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, answer) = (shared.clone(), answer.clone());
                std::thread::spawn(move || shared.serve(stream, &*answer));
            }
        });
        server
    }

    /// Its base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets the next request that no fault waits for meet this one: faults are met in the order in which they are given.
    pub fn fault(&self, fault: Fault) {
        self.shared.faults.lock().unwrap().push_back(fault);
    }

    /// A client of this server whose pauses are noted and not waited.
    pub fn client(&self) -> ClientBuilder {
        let pauses = self.shared.pauses.clone();
        let mut builder = Client::builder(&self.url);
        builder.clock.pause = Arc::new(move |time| {
            pauses.lock().unwrap().push(time);
            Box::pin(std::future::ready(()))
        });
        builder
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// Method and target of the requests so far.
    pub fn lines(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.line).collect()
    }

    /// The pauses that its clients have made so far.
    pub fn pauses(&self) -> Vec<Duration> {
        self.shared.pauses.lock().unwrap().clone()
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream, answer: &Answer) {
        let Some(request) = read(&stream) else { return };
        let number = {
            let mut requests = self.requests.lock().unwrap();
            requests.push(request.clone());
            requests.len() - 1
        };
        let fault = self.faults.lock().unwrap().pop_front();
        let reply = match fault {
            None => answer(number, &request),
            Some(Fault::Cut) => return,
            Some(Fault::Lost) => {
                answer(number, &request);
                return;
            }
            Some(Fault::Reply(reply)) => reply,
            Some(Fault::Slow(time)) => {
                std::thread::sleep(time);
                answer(number, &request)
            }
        };
        if !reply.cut {
            write(stream, &reply);
        }
    }
}

fn write(mut stream: TcpStream, reply: &Reply) {
    let bodiless = matches!(reply.status, 204 | 304);
    let body = if bodiless { String::new() } else { reply.body.to_string() };
    let mut head = format!("HTTP/1.1 {} X\r\nConnection: close\r\nContent-Type: application/json\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !bodiless {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    // A client that has gone away is a client that has gone away.
    let _ = stream.write_all(format!("{head}\r\n{body}").as_bytes());
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let line = first.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    Some(Request { line, headers, body: String::from_utf8(body).ok()? })
}
