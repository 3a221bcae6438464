//! Owns the SQLite file: opening it, the one writing connection, the readers, and objects as rows.
//! Does not own what an object means.
//!
//! All writing goes through one connection behind a mutex, so two calls with one idempotency key
//! can never both be the first.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, QueryBuilder, Sqlite};

use crate::SandboxError;
use crate::errors::ApiError;

/// Reads are short; a few at once are enough for one machine.
const MAX_READERS: u32 = 4;

pub(crate) struct Store {
    /// One connection: who has it may write.
    pub(crate) writer: SqlitePool,
    pub(crate) readers: SqlitePool,
}

impl Store {
    pub(crate) async fn open(path: &Path) -> Result<Self, SandboxError> {
        if let Some(folder) = path.parent() {
            tokio::fs::create_dir_all(folder).await?;
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10))
            .disable_statement_logging();
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            // A full disk ends a transaction behind the driver's back, which then takes it for
            // open for ever: such a connection is not used again.
            .after_release(|connection, _| {
                Box::pin(async move {
                    connection.ping().await?;
                    Ok(!connection.is_in_transaction())
                })
            })
            .connect_with(options.clone())
            .await?;
        sqlx::migrate!("./migrations").run(&writer).await?;
        let pool = SqlitePoolOptions::new().max_connections(MAX_READERS);
        let readers = pool
            .connect_with(options.read_only(true).create_if_missing(false))
            .await?;
        Ok(Self { writer, readers })
    }

    /// The writer last: whoever closes a database last puts its log away, and a reader may not.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// A thing with an id in the API.
pub(crate) trait Object: Serialize + DeserializeOwned + Send + Sync {
    /// Stripe's name for it, also the noun in "No such …".
    const KIND: &'static str;
    /// What lists leave out, as a condition that ends the `where`.
    const LISTED: &'static str = "";
    fn id(&self) -> &str;
    fn created(&self) -> i64;
    fn owners(&self) -> Owners<'_>;
    /// As the API answers it.
    fn render(&self, view: &View<'_>) -> Value;
}

/// What an answer depends on besides the object.
pub(crate) struct View<'a> {
    /// Where the sandbox's own pages are.
    pub(crate) public_url: &'a str,
    pub(crate) now: i64,
}

/// What an object is listed by.
#[derive(Default)]
pub(crate) struct Owners<'a> {
    pub(crate) customer: Option<&'a str>,
    pub(crate) payment_intent: Option<&'a str>,
    pub(crate) charge: Option<&'a str>,
}

pub(crate) async fn insert<T: Object>(
    db: &mut SqliteConnection,
    object: &T,
) -> Result<(), ApiError> {
    let owners = object.owners();
    sqlx::query(
        "insert into objects (id, kind, customer, payment_intent, charge, created, state)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(object.id())
    .bind(T::KIND)
    .bind(owners.customer)
    .bind(owners.payment_intent)
    .bind(owners.charge)
    .bind(object.created())
    .bind(serde_json::to_string(object)?)
    .execute(db)
    .await?;
    Ok(())
}

pub(crate) async fn update<T: Object>(
    db: &mut SqliteConnection,
    object: &T,
) -> Result<(), ApiError> {
    let owners = object.owners();
    let done = sqlx::query(
        "update objects set customer = $1, payment_intent = $2, charge = $3, state = $4
         where id = $5 and kind = $6",
    )
    .bind(owners.customer)
    .bind(owners.payment_intent)
    .bind(owners.charge)
    .bind(serde_json::to_string(object)?)
    .bind(object.id())
    .bind(T::KIND)
    .execute(db)
    .await?;
    if done.rows_affected() == 1 {
        Ok(())
    } else {
        Err(sqlx::Error::RowNotFound.into())
    }
}

pub(crate) async fn find<T: Object>(
    db: &mut SqliteConnection,
    id: &str,
) -> Result<Option<T>, ApiError> {
    let state: Option<String> =
        sqlx::query_scalar("select state from objects where id = $1 and kind = $2")
            .bind(id)
            .bind(T::KIND)
            .fetch_optional(db)
            .await?;
    Ok(state
        .map(|state| serde_json::from_str(&state))
        .transpose()?)
}

/// Which objects of a kind, and which page of them.
#[derive(Default)]
pub(crate) struct Selection {
    pub(crate) customer: Option<String>,
    pub(crate) payment_intent: Option<String>,
    pub(crate) charge: Option<String>,
    pub(crate) created_from: Option<i64>,
    pub(crate) created_to: Option<i64>,
    /// Positions, exclusive on both sides.
    pub(crate) before: Option<i64>,
    pub(crate) after: Option<i64>,
    pub(crate) limit: i64,
}

/// The position of an object, for cursors.
pub(crate) async fn position_of(
    db: &mut SqliteConnection,
    kind: &str,
    id: &str,
) -> Result<Option<i64>, ApiError> {
    let found = sqlx::query_scalar("select position from objects where id = $1 and kind = $2");
    Ok(found.bind(id).bind(kind).fetch_optional(db).await?)
}

/// Newest first. With `after` set, the page right after (newer than) that position.
pub(crate) async fn list<T: Object>(
    db: &mut SqliteConnection,
    selection: &Selection,
) -> Result<Vec<T>, ApiError> {
    let mut query = QueryBuilder::new("select state from objects where kind = ");
    query.push_bind(T::KIND).push(T::LISTED);
    // Only what is asked for, so that the owner's index serves it.
    for (condition, value) in [
        (" and customer = ", &selection.customer),
        (" and payment_intent = ", &selection.payment_intent),
        (" and charge = ", &selection.charge),
    ] {
        if let Some(value) = value {
            query.push(condition).push_bind(value);
        }
    }
    push_page(&mut query, &selection.page());
    let mut states: Vec<String> = query.build_query_scalar().fetch_all(db).await?;
    if selection.after.is_some() {
        states.reverse();
    }
    states
        .iter()
        .map(|state| Ok(serde_json::from_str(state)?))
        .collect()
}

/// A page of a table with `created` and `position`.
pub(crate) struct Page {
    pub(crate) created_from: Option<i64>,
    pub(crate) created_to: Option<i64>,
    pub(crate) before: Option<i64>,
    pub(crate) after: Option<i64>,
    pub(crate) limit: i64,
}

impl Selection {
    fn page(&self) -> Page {
        Page {
            created_from: self.created_from,
            created_to: self.created_to,
            before: self.before,
            after: self.after,
            limit: self.limit,
        }
    }
}

/// Ends a query with the page's conditions, order and limit: newest first, or, towards newer rows,
/// oldest first (the caller turns those round).
pub(crate) fn push_page(query: &mut QueryBuilder<Sqlite>, page: &Page) {
    for (condition, value) in [
        (" and created >= ", page.created_from),
        (" and created <= ", page.created_to),
        (" and position < ", page.before),
        (" and position > ", page.after),
    ] {
        if let Some(value) = value {
            query.push(condition).push_bind(value);
        }
    }
    let order = if page.after.is_some() { "asc" } else { "desc" };
    query
        .push(" order by position ")
        .push(order)
        .push(" limit ")
        .push_bind(page.limit);
}

pub(crate) async fn setting(
    db: &mut SqliteConnection,
    name: &str,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar("select value from settings where name = $1")
        .bind(name)
        .fetch_optional(db)
        .await
}

pub(crate) async fn set_setting(
    db: &mut SqliteConnection,
    name: &str,
    value: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into settings (name, value) values ($1, $2)
         on conflict (name) do update set value = excluded.value",
    )
    .bind(name)
    .bind(value)
    .execute(db)
    .await?;
    Ok(())
}
