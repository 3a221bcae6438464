//! One connection before there is a pool of them.
//!
//! A pool tries again and again, and in the end says only that it took too long. One connection says
//! at once what is wrong, and here it is said where.

use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, SqliteConnection};

use super::{ACQUIRE_TIMEOUT, OpenError};

/// SQLite's `SQLITE_NOTADB`.
const NOT_A_DATABASE: &str = "26";

/// The server must take a connection.
pub(super) async fn postgres(url: &str) -> Result<(), OpenError> {
    let options = PgConnectOptions::from_str(url).map_err(|_| OpenError::Url)?;
    let place = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let attempt = PgConnection::connect_with(&options);
    let reached = match tokio::time::timeout(ACQUIRE_TIMEOUT, attempt).await {
        Ok(Ok(connection)) => connection.close().await,
        Ok(Err(error)) => Err(error),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer").into()),
    };
    reached.map_err(|error| unreachable(place, &error))
}

/// The file must be a database: a new one, or one that has our tables.
pub(super) async fn sqlite(url: &str) -> Result<(), OpenError> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|_| OpenError::Url)?
        .disable_statement_logging();
    let path = options.get_filename().to_owned();
    match is_new_or_ours(&options).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(OpenError::NotOurs { path }),
        Err(error) => Err(told(path, error)),
    }
}

async fn is_new_or_ours(options: &SqliteConnectOptions) -> Result<bool, sqlx::Error> {
    let mut connection = SqliteConnection::connect_with(options).await?;
    let (tables, ours): (i64, i64) = sqlx::query_as(
        "select count(*), coalesce(sum(name = '_sqlx_migrations'), 0) from sqlite_schema
         where type = 'table'",
    )
    .fetch_one(&mut connection)
    .await?;
    connection.close().await?;
    Ok(tables == 0 || ours == 1)
}

fn told(path: PathBuf, reason: sqlx::Error) -> OpenError {
    let code = reason
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    if code.is_some_and(|code| code == NOT_A_DATABASE) {
        return OpenError::NotOurs { path };
    }
    unreachable(path.display().to_string(), &reason)
}

/// The database's or the system's own words: the driver's around them say less.
fn unreachable(place: String, error: &sqlx::Error) -> OpenError {
    let reason = if let sqlx::Error::Io(cause) = error {
        cause.to_string()
    } else if let Some(answer) = error.as_database_error() {
        answer.message().to_owned()
    } else {
        error.to_string()
    };
    OpenError::Unreachable { place, reason }
}
