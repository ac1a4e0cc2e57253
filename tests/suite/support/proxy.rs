//! A way to a database that fails as machines and networks do: it can stop passing anything on, so that what is connected
//! stays connected and new connections are taken; and it can cut a connection at the very commit of a write.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The message of PostgreSQL's protocol that commits, and the one that says that it is done.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";
const COMMITTED: &[u8] = b"C\0\0\0\x0bCOMMIT\0";

/// Where the connection of a write is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The commit does not reach the database.
    BeforeTheCommit,
    /// It does, and the database's answer does not come back.
    BeforeItsAnswer,
}

/// The way, which is closed with this value.
pub struct Proxy {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    hung: watch::Sender<bool>,
    next: Arc<Mutex<Option<Next>>>,
}

/// The connection that is cut next: the one that commits after it has sent this.
struct Next {
    text: Vec<u8>,
    cut: Cut,
}

impl Proxy {
    /// A way to this host and port.
    pub async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (hung, watched) = watch::channel(false);
        let next = Arc::<Mutex<Option<Next>>>::default();
        let given = next.clone();
        tokio::spawn(async move {
            let mut ended = watched.clone();
            loop {
                let taken = tokio::select! {
                    taken = listener.accept() => taken,
                    _ = ended.wait_for(|_| false) => return,
                };
                let (target, hung, next) = (target.clone(), watched.clone(), given.clone());
                tokio::spawn(async move {
                    let Ok((mut client, _)) = taken else { return };
                    let Ok(mut server) = TcpStream::connect(target).await else { return };
                    let (from_client, to_client) = client.split();
                    let (from_server, to_server) = server.split();
                    let is_cut = AtomicBool::new(false);
                    // Where one direction ends, both are closed.
                    tokio::select! {
                        () = requests(from_client, to_server, hung.clone(), &next, &is_cut) => {}
                        () = answers(from_server, to_client, hung, &is_cut) => {}
                    }
                });
            }
        });
        Proxy { port, hung, next }
    }

    /// Passes nothing on any more, or continues where it stopped.
    pub fn hang(&self, hung: bool) {
        self.hung.send_replace(hung);
    }

    /// Cuts a connection at the commit of the next write in which this text is stored.
    pub fn cut_commit_of(&self, text: &str, cut: Cut) {
        *self.next.lock().unwrap() = Some(Next { text: text.into(), cut });
    }

    /// Whether it has cut what it was told to.
    pub fn has_cut(&self) -> bool {
        self.next.lock().unwrap().is_none()
    }
}

/// Where these bytes begin.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

async fn requests(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut hung: watch::Receiver<bool>,
    next: &Mutex<Option<Next>>,
    is_cut: &AtomicBool,
) {
    let mut buffer = vec![0; 64 * 1024];
    let mut stores_it = false;
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let mut bytes = &buffer[..read];
        stores_it |= next.lock().unwrap().as_ref().is_some_and(|next| find(bytes, &next.text).is_some());
        let commit = find(bytes, COMMIT).filter(|_| stores_it);
        let cut = commit.and_then(|commit| next.lock().unwrap().take().map(|next| (commit, next.cut)));
        match cut {
            Some((commit, Cut::BeforeTheCommit)) => bytes = &bytes[..commit],
            Some((_, Cut::BeforeItsAnswer)) => is_cut.store(true, Ordering::Release),
            None => {}
        }
        if hung.wait_for(|hung| !hung).await.is_err() || to.write_all(bytes).await.is_err() {
            return;
        }
        if matches!(cut, Some((_, Cut::BeforeTheCommit))) {
            return;
        }
    }
}

async fn answers(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mut hung: watch::Receiver<bool>, is_cut: &AtomicBool) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let bytes = &buffer[..read];
        let committed = find(bytes, COMMITTED).filter(|_| is_cut.load(Ordering::Acquire));
        let bytes = &bytes[..committed.unwrap_or(read)];
        if hung.wait_for(|hung| !hung).await.is_err() || to.write_all(bytes).await.is_err() || committed.is_some() {
            return;
        }
    }
}
