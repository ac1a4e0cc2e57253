//! A way to a database that can stop passing anything on, as a machine or a network does that hangs: what is connected
//! stays connected, and new connections are taken.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The way, which is closed with this value.
pub struct Proxy {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    hung: watch::Sender<bool>,
}

impl Proxy {
    /// A way to this host and port.
    pub async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (hung, watched) = watch::channel(false);
        tokio::spawn(async move {
            let mut ended = watched.clone();
            loop {
                let taken = tokio::select! {
                    taken = listener.accept() => taken,
                    _ = ended.wait_for(|_| false) => return,
                };
                let (target, watched) = (target.clone(), watched.clone());
                tokio::spawn(async move {
                    let Ok((client, _)) = taken else { return };
                    let Ok(server) = TcpStream::connect(target).await else { return };
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    tokio::spawn(pass(from_client, to_server, watched.clone()));
                    pass(from_server, to_client, watched).await;
                });
            }
        });
        Proxy { port, hung }
    }

    /// Passes nothing on any more, or goes on where it stopped.
    pub fn hang(&self, hung: bool) {
        self.hung.send_replace(hung);
    }
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut hung: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else { return };
        if hung.wait_for(|hung| !hung).await.is_err() || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
