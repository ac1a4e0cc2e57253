//! Reads on PostgreSQL: single statements on shared connections, transactions on a pool.

use super::{Failure, READ_LIMIT, is_lost};
use crate::db::connect::{CONNECT_LIMIT, READ_SETTINGS, cannot_connect, open_postgres};
use crate::db::{Db, DbError, engine};
use diesel_async::pooled_connection::bb8::{Pool, PooledConnection};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, PoolableConnection};
use diesel_async::{AsyncPgConnection, TransactionManager};
use futures_util::FutureExt;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

/// The most PostgreSQL connections that one worker reads on, for transactions; single statements share two more.
const TRANSACTIONS_A_WORKER: u32 = 6;
/// PostgreSQL connections for single statements, a worker: two, so that a slow one does not stop all.
const SHARED_A_WORKER: usize = 2;

/// PostgreSQL: shared, pipelined connections for single statements, a small pool for transactions.
pub struct PgReads {
    url: String,
    shared: RefCell<Vec<SharedConnection>>,
    /// Whose turn it is.
    turn: Cell<usize>,
    /// Held by who opens a shared connection: all others wait for that one.
    opening: tokio::sync::Mutex<()>,
    pool: Pool<AsyncPgConnection>,
}

#[derive(Clone)]
struct SharedConnection {
    connection: Rc<AsyncPgConnection>,
    opened: Instant,
}

impl PgReads {
    pub(super) fn new(url: &str) -> Self {
        let mut config = ManagerConfig::default();
        config.custom_setup = Box::new(|url| {
            async move {
                let opened = open_postgres(url, READ_SETTINGS).await;
                opened.map_err(|error| diesel::ConnectionError::BadConnection(error.to_string()))
            }
            .boxed()
        });
        let manager = AsyncDieselConnectionManager::new_with_config(url, config);
        let pool = Pool::builder()
            .max_size(TRANSACTIONS_A_WORKER)
            .test_on_check_out(false)
            .connection_timeout(CONNECT_LIMIT)
            .build_unchecked(manager);
        PgReads {
            url: url.to_owned(),
            shared: RefCell::default(),
            turn: Cell::new(0),
            opening: tokio::sync::Mutex::default(),
            pool,
        }
    }

    pub(super) async fn single<T, E: Failure>(&self, work: impl AsyncFn(&mut Db<'_>) -> Result<T, E>) -> Result<T, E> {
        let used: RefCell<Option<SharedConnection>> = RefCell::default();
        let tries = async {
            let begun = Instant::now();
            let first = self.shared(None).await?;
            used.replace(Some(first.clone()));
            let answer = work(&mut Db::Pg(&first.connection)).await;
            if !is_lost(&answer) {
                return answer;
            }
            // It was only read: once more, on a connection that was opened after this began.
            self.forget(&first);
            let second = self.shared(Some(begun)).await?;
            used.replace(Some(second.clone()));
            let answer = work(&mut Db::Pg(&second.connection)).await;
            if is_lost(&answer) {
                self.forget(&second);
            }
            answer
        };
        match tokio::time::timeout(READ_LIMIT, tries).await {
            Ok(answer) => answer,
            Err(_) => {
                // What comes next must not wait behind an answer that does not come.
                if let Some(used) = used.take() {
                    self.forget(&used);
                }
                Err(no_answer().into())
            }
        }
    }

    pub(super) async fn snapshot<T, E: From<DbError>>(
        &self,
        work: impl AsyncFnOnce(&mut Db<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let read = async {
            let mut connection = self.begin().await?;
            let answer = work(&mut Db::Pg(&connection)).await;
            // Nothing was written; when even this fails the pool throws the connection away.
            let end = Manager::rollback_transaction(&mut *connection).await;
            if answer.is_ok() {
                end?;
            }
            answer
        };
        // One that is cut off here goes back in the middle of its transaction: the pool throws it away.
        tokio::time::timeout(READ_LIMIT, read).await.unwrap_or_else(|_| Err(no_answer().into()))
    }

    /// A connection of the pool in a read-only transaction. Those that were lost while nobody used them are passed
    /// over: nothing was done on them.
    async fn begin(&self) -> Result<PooledConnection<'_, AsyncPgConnection>, DbError> {
        let mut lost = 0;
        loop {
            let mut connection = self.pool.get().await.map_err(|error| cannot_connect(error.to_string()))?;
            let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
            match Manager::begin_transaction_sql(&mut *connection, begin).await {
                Ok(()) => return Ok(connection),
                Err(error) if engine::is_connection_lost(&error) && lost < TRANSACTIONS_A_WORKER => lost += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// A shared connection, one after another; one that was opened after a moment, where that is asked for.
    async fn shared(&self, after: Option<Instant>) -> Result<SharedConnection, DbError> {
        if let Some(open) = self.opened(after) {
            return Ok(open);
        }
        let _one = self.opening.lock().await;
        if let Some(open) = self.opened(after) {
            return Ok(open);
        }
        let connection = Rc::new(open_postgres(&self.url, READ_SETTINGS).await?);
        let opened = SharedConnection { connection, opened: Instant::now() };
        let mut shared = self.shared.borrow_mut();
        if shared.len() >= SHARED_A_WORKER {
            // The oldest; who uses it keeps it as long.
            shared.remove(0);
        }
        shared.push(opened.clone());
        Ok(opened)
    }

    fn opened(&self, after: Option<Instant>) -> Option<SharedConnection> {
        let mut shared = self.shared.borrow_mut();
        // One that was closed is noticed here, unless it is used just now.
        shared.retain_mut(|one| Rc::get_mut(&mut one.connection).is_none_or(|connection| !connection.is_broken()));
        if let Some(after) = after {
            return shared.iter().find(|one| one.opened > after).cloned();
        }
        if shared.len() < SHARED_A_WORKER {
            return None;
        }
        self.turn.set(self.turn.get().wrapping_add(1));
        shared.get(self.turn.get() % shared.len()).cloned()
    }

    fn forget(&self, lost: &SharedConnection) {
        self.shared.borrow_mut().retain(|one| !Rc::ptr_eq(&one.connection, &lost.connection));
    }
}

type Manager = <AsyncPgConnection as diesel_async::AsyncConnection>::TransactionManager;

fn no_answer() -> DbError {
    cannot_connect("no answer within 5 s")
}
