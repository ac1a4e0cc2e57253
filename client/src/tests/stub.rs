//! A tiny HTTP server: one connection a request, each answered by a closure.

use crate::{Client, ClientBuilder};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Method and target: `GET /v1/me?x=1`.
    pub(super) line: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }
}

/// What to answer.
pub(super) enum Reply {
    Answer(u16, Vec<(&'static str, String)>, Value),
    /// The connection ends without an answer.
    Nothing,
}

pub(super) fn ok(body: Value) -> Reply {
    Reply::Answer(200, Vec::new(), body)
}

pub(super) fn problem(status: u16, code: &str) -> Reply {
    let body =
        json!({"type": format!("/problems/{code}"), "title": "No.", "status": status, "code": code, "request_id": "r"});
    Reply::Answer(status, Vec::new(), body)
}

#[derive(Clone)]
pub(super) struct Stub {
    pub(super) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    pauses: Arc<Mutex<Vec<Duration>>>,
}

impl Stub {
    /// A server whose closure gets the number of the request, from 0, and the request.
    pub(super) fn start(answer: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let stub = Stub { url, seen: Arc::default(), pauses: Arc::default() };
        let (seen, answer) = (stub.seen.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, answer) = (seen.clone(), answer.clone());
                std::thread::spawn(move || serve(stream, &seen, &*answer));
            }
        });
        stub
    }

    /// A client of this server whose pauses are noted and not waited.
    pub(super) fn client(&self) -> ClientBuilder {
        let mut builder = Client::builder(&self.url);
        let pauses = self.pauses.clone();
        builder.pause = Arc::new(move |time| {
            pauses.lock().unwrap().push(time);
            Box::pin(std::future::ready(()))
        });
        builder
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }

    pub(super) fn pauses(&self) -> Vec<Duration> {
        self.pauses.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<Seen>>, answer: &dyn Fn(usize, &Seen) -> Reply) {
    let Some(request) = read(&stream) else { return };
    let number = {
        let mut seen = seen.lock().unwrap();
        seen.push(request.clone());
        seen.len() - 1
    };
    let Reply::Answer(status, headers, body) = answer(number, &request) else { return };
    let body = if status == 204 || status == 304 { String::new() } else { body.to_string() };
    let mut head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Type: application/json\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if status != 204 && status != 304 {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    // A client that has gone away is a client that has gone away.
    let _ = stream.write_all(format!("{head}\r\n{body}").as_bytes());
}

fn read(stream: &TcpStream) -> Option<Seen> {
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
    Some(Seen { line, headers, body: String::from_utf8(body).ok()? })
}
