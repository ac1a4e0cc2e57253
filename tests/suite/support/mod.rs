//! What every test uses: servers on a database of their own, actors instead of tokens.

pub mod actors;
pub mod breaks;
pub mod cluster;
pub mod copies;
pub mod database;
pub mod documented;
pub mod http;
pub mod items;
pub mod next_year;
pub mod oracle;
pub mod peers;
pub mod process;
pub mod proxy;
pub mod server;
pub mod ward;

pub use database::Engine;
pub use server::{Data, Server};

/// Writes each test once and runs it on both engines, on a server and a database of its own.
///
/// `empty` is a server after its first start; `demo` is one with the demo ward.
macro_rules! on_both_engines {
    ($(async fn $name:ident($server:ident: $data:ident) $body:block)*) => {$(
        mod $name {
            #[allow(unused_imports, reason = "not every test needs all of its file's imports")]
            use super::*;

            async fn run($server: &$crate::support::Server) $body

            #[test]
            fn sqlite() {
                $crate::support::server::run($crate::support::Engine::Sqlite, $crate::support::Data::$data, async |server| run(server).await);
            }

            #[test]
            fn postgres() {
                $crate::support::server::run($crate::support::Engine::Postgres, $crate::support::Data::$data, async |server| run(server).await);
            }
        }
    )*};
}
pub(crate) use on_both_engines;
