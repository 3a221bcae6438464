//! Where the books are kept.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use secrecy::{ExposeSecret, SecretString};

/// What stands for something else in an address: all but a path's usual letters. A directory of
/// the name `what?` is one, however.
const NOT_OF_A_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'.')
    .remove(b'-')
    .remove(b'_');

/// Which database, and the directory for what lies beside it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Storage")]
pub struct DatabaseConfig {
    /// Directory for the SQLite file and the sandbox's store; made when it is missing
    #[arg(
        long,
        value_name = "DIR",
        env = "BILLING_DATA",
        default_value = "./data"
    )]
    pub data: PathBuf,

    /// PostgreSQL instead of the SQLite file, such as postgres://billing@db.internal/billing
    #[arg(
        long,
        value_name = "URL",
        env = "BILLING_DATABASE_URL",
        hide_env_values = true
    )]
    pub database_url: Option<SecretString>,
}

/// There is nothing where the books should be.
#[derive(Debug, thiserror::Error)]
#[error("there are no books at {file}; name their directory with --data, or --database-url")]
pub struct NoBooks {
    file: PathBuf,
}

/// There is no directory for the books, and none can be made.
#[derive(Debug, thiserror::Error)]
#[error("the data directory {directory} cannot be made; name another one with --data")]
pub struct NoDirectory {
    directory: PathBuf,
    source: io::Error,
}

impl DatabaseConfig {
    /// The address that the database is opened with. It may hold a password: never print it.
    #[must_use]
    pub fn url(&self) -> SecretString {
        match &self.database_url {
            Some(url) => url.clone(),
            None => {
                let file = self.sqlite_file();
                let path = percent_encode(file.as_os_str().as_encoded_bytes(), NOT_OF_A_PATH);
                format!("sqlite://{path}?mode=rwc").into()
            }
        }
    }

    fn sqlite_file(&self) -> PathBuf {
        self.data.join("billing.sqlite3")
    }

    /// Refuses where there is nothing to read: opening a mistyped directory would make empty books
    /// in it.
    ///
    /// # Errors
    /// When the SQLite file is not there. PostgreSQL says so itself.
    pub fn expect_books(&self) -> Result<(), NoBooks> {
        let file = self.sqlite_file();
        if self.database_url.is_some() || file.exists() {
            Ok(())
        } else {
            Err(NoBooks { file })
        }
    }

    /// The built-in processor's own store.
    #[must_use]
    pub fn sandbox_store(&self) -> PathBuf {
        self.data.join("sandbox.sqlite3")
    }

    /// What the demo's second run needs to know again; see the `seed` command.
    #[must_use]
    pub fn demo_file(&self) -> PathBuf {
        self.data.join("demo.json")
    }

    /// `SQLite in ./data` or `PostgreSQL`: for logs, without anything secret.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.database_url {
            Some(_) if self.is_postgres() => "PostgreSQL".to_owned(),
            Some(_) => "the database that was given".to_owned(),
            None => format!("SQLite in {}", self.data.display()),
        }
    }

    /// How an error begins where the database cannot be opened: which, and what mends it.
    #[must_use]
    pub fn cannot_be_opened(&self) -> String {
        let remedy = match &self.database_url {
            Some(_) => "see that it runs and that --database-url is right",
            None => "name another directory with --data",
        };
        format!("{} cannot be opened; {remedy}", self.label())
    }

    fn is_postgres(&self) -> bool {
        let url = self.database_url.as_ref();
        url.is_some_and(|url| url.expose_secret().starts_with("postgres"))
    }

    /// Makes the data directory where the books are kept in it: PostgreSQL needs none.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn prepare_books(&self) -> Result<(), NoDirectory> {
        if self.is_postgres() {
            return Ok(());
        }
        self.prepare_directory()
    }

    /// Makes the data directory, for this user alone: for what lies beside the books.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn prepare_directory(&self) -> Result<(), NoDirectory> {
        make_private_directory(&self.data).map_err(|source| NoDirectory {
            directory: self.data.clone(),
            source,
        })
    }
}

fn make_private_directory(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_a_file_in_the_data_directory() {
        let config = DatabaseConfig {
            data: "/srv/billing".into(),
            database_url: None,
        };
        assert_eq!(
            config.url().expose_secret(),
            "sqlite:///srv/billing/billing.sqlite3?mode=rwc"
        );
        assert_eq!(config.label(), "SQLite in /srv/billing");
    }

    #[test]
    fn a_directorys_name_means_itself_in_the_address() {
        let config = DatabaseConfig {
            data: "what? 100%".into(),
            database_url: None,
        };
        assert_eq!(
            config.url().expose_secret(),
            "sqlite://what%3F%20100%25/billing.sqlite3?mode=rwc"
        );
    }

    #[test]
    fn books_that_are_not_there_are_not_made_by_reading_them() {
        let nowhere = std::env::temp_dir().join("no-such-directory-of-books");
        let config = DatabaseConfig {
            data: nowhere.clone(),
            database_url: None,
        };
        let refused = config.expect_books().unwrap_err().to_string();
        assert!(refused.contains("--data"), "{refused}");
        assert!(!nowhere.exists());
    }

    #[test]
    fn a_password_in_the_address_is_neither_in_the_label_nor_in_debug_output() {
        let config = DatabaseConfig {
            data: "./data".into(),
            database_url: Some("postgres://billing:hunter2@db/billing".to_owned().into()),
        };
        assert_eq!(config.label(), "PostgreSQL");
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
