//! The database as the rest of the program sees it: one value over two engines, and the ways to run a query on it.

pub mod connect;
pub mod engine;
pub mod file;
pub mod find;
pub mod migrate;
pub mod reads;
pub mod rows;
pub mod schema;
pub mod sql;
pub mod texts;
pub mod types;
mod write;

use diesel::result::QueryResult;
use diesel::sqlite::SqliteConnection;
use diesel_async::AsyncPgConnection;
use std::time::Duration;

pub use connect::{Database, Url};
pub use find::Find;
pub use rows::{Cell, Column, Rows, Write};
pub use sql::Sql;
pub use types::{At, Guid, Id, Instant, Type, Value};

/// What database work fails with. Its text is for the operator's log only.
pub type DbError = diesel::result::Error;

/// A connection of either engine. SQLite runs inline on the calling thread; PostgreSQL is awaited.
pub enum Db<'a> {
    /// The embedded engine.
    Lite(&'a mut SqliteConnection),
    /// A PostgreSQL connection, perhaps shared with others (then pipelined).
    Pg(&'a AsyncPgConnection),
}

/// Runs one typed query on whichever engine it is: `on!(db, c => query.all(c))`.
#[macro_export]
macro_rules! on {
    ($db:expr, $c:ident => $query:expr) => {
        match $db {
            $crate::db::Db::Lite($c) => {
                let $c: &mut diesel::sqlite::SqliteConnection = $c;
                $query.await
            }
            $crate::db::Db::Pg($c) => {
                let $c = &mut &**$c;
                $query.await
            }
        }
    };
}

/// Looks up keys: one statement on PostgreSQL, one prepared statement key by key on SQLite.
/// `find!(db, SqlRow, find, rows)` returns the rows of all keys, in no order.
#[macro_export]
macro_rules! find {
    ($db:expr, $row:ty, $find:expr, $rows:expr) => {
        match $db {
            $crate::db::Db::Lite(c) => {
                let mut all = Vec::new();
                for row in $rows {
                    all.extend(
                        $crate::db::Verbs::all($crate::db::find::OneFind::<$row>::new($find, row), &mut **c).await?,
                    );
                }
                Ok(all)
            }
            $crate::db::Db::Pg(_) if $rows.is_empty() => Ok(Vec::new()),
            $crate::db::Db::Pg(c) if $rows.len() == 1 => {
                let row = $rows.first().map_or(&[][..], Vec::as_slice);
                $crate::db::Verbs::all($crate::db::find::OneFind::<$row>::new($find, row), &mut &**c).await
            }
            $crate::db::Db::Pg(c) => {
                $crate::db::Verbs::all($crate::db::find::PgFind::<$row>::new($find, $rows), &mut &**c).await
            }
        }
    };
}

/// How a query is run, alike on both engines.
pub trait Verbs<'q, C>: Sized {
    /// All rows.
    fn all<U>(self, c: &mut C) -> impl Future<Output = QueryResult<Vec<U>>>
    where
        U: Send + 'q,
        Self: Loads<'q, C, U>,
    {
        self.loads(c)
    }

    /// The first row, if there is one.
    fn first_row<U>(self, c: &mut C) -> impl Future<Output = QueryResult<Option<U>>>
    where
        U: Send + 'q,
        Self: Loads<'q, C, U>,
    {
        async { Ok(self.loads(c).await?.into_iter().next()) }
    }

    /// How many rows it touched.
    fn run(self, c: &mut C) -> impl Future<Output = QueryResult<usize>>
    where
        Self: Runs<C>,
    {
        self.runs(c)
    }
}

impl<Q, C> Verbs<'_, C> for Q {}

/// A query that returns rows on connection `C`.
pub trait Loads<'q, C, U> {
    /// All rows.
    fn loads(self, c: &mut C) -> impl Future<Output = QueryResult<Vec<U>>>;
}

/// A query that only has an effect on connection `C`.
pub trait Runs<C> {
    /// How many rows it touched.
    fn runs(self, c: &mut C) -> impl Future<Output = QueryResult<usize>>;
}

impl<'q, Q, U> Loads<'q, SqliteConnection, U> for Q
where
    Q: diesel::query_dsl::LoadQuery<'q, SqliteConnection, U>,
{
    async fn loads(self, c: &mut SqliteConnection) -> QueryResult<Vec<U>> {
        self.internal_load(c)?.collect()
    }
}

impl<'q, 'p, Q, U: Send> Loads<'q, &'p AsyncPgConnection, U> for Q
where
    Q: diesel_async::methods::LoadQuery<'q, &'p AsyncPgConnection, U> + 'q,
{
    async fn loads(self, c: &mut &'p AsyncPgConnection) -> QueryResult<Vec<U>> {
        use futures_util::TryStreamExt;
        limited(async { self.internal_load(c).await?.try_collect().await }).await
    }
}

impl<Q> Runs<SqliteConnection> for Q
where
    Q: diesel::query_dsl::methods::ExecuteDsl<SqliteConnection>,
{
    async fn runs(self, c: &mut SqliteConnection) -> QueryResult<usize> {
        Q::execute(self, c)
    }
}

impl<'p, Q> Runs<&'p AsyncPgConnection> for Q
where
    Q: diesel_async::methods::ExecuteDsl<&'p AsyncPgConnection>,
{
    async fn runs(self, c: &mut &'p AsyncPgConnection) -> QueryResult<usize> {
        limited(Q::execute(self, c)).await
    }
}

/// How long a call to PostgreSQL may take, by our own clock: a little more than by that of its session. Reads have less
/// for all their calls together.
const CALL_LIMIT: Duration = Duration::from_secs(12);

/// Ends a call that PostgreSQL does not answer. Its connection is of no use afterwards.
async fn limited<T>(call: impl Future<Output = QueryResult<T>>) -> QueryResult<T> {
    let no_answer = |_| Err(connect::cannot_connect("no answer within 12 s"));
    tokio::time::timeout(CALL_LIMIT, call).await.unwrap_or_else(no_answer)
}

impl Db<'_> {
    /// The same connection for a shorter time.
    pub fn again(&mut self) -> Db<'_> {
        match self {
            Db::Lite(c) => Db::Lite(c),
            Db::Pg(c) => Db::Pg(c),
        }
    }
}
