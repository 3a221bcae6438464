//! A server of its own for every story.

#![allow(dead_code, reason = "each test target uses a part of it")]

pub mod browser;
pub mod database;
pub mod directory;
pub mod program;
pub mod tenant;

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use server::config::{
    AddressConfig, DatabaseConfig, GateConfig, GatewayConfig, ListenConfig, RefundConfig,
    SiteConfig,
};
use server::lifecycle::{ServeConfig, Server};

pub use browser::Browser;
pub use database::TestDatabase;
pub use directory::TestDirectory;
pub use tenant::Tenant;

/// A server that answers, with a site, a database and a directory of its own.
pub struct TestServer {
    pub url: String,
    pub server: Server,
    pub directory: TestDirectory,
    /// PostgreSQL's; nothing for SQLite.
    pub database_url: Option<String>,
}

/// Runs a story on a server with the usual settings.
pub async fn with_server(story: impl AsyncFnOnce(&TestServer)) {
    with_config(|_| {}, story).await;
}

/// Runs a story, then proves the books and ends the server.
pub async fn with_config(
    change: impl FnOnce(&mut ServeConfig),
    story: impl AsyncFnOnce(&TestServer),
) {
    let database = TestDatabase::create().await;
    let directory = TestDirectory::with_site();
    let mut config = config(&directory, &database);
    change(&mut config);
    let server = Server::start(&config).await.expect("the server starts");
    let test = TestServer {
        url: format!("http://{}", server.addr),
        server,
        directory,
        database_url: database.url(),
    };
    let told = AssertUnwindSafe(story(&test)).catch_unwind().await;
    let proof = test.server.billing.prove().await;
    test.server.stop().await;
    database.drop().await;
    if let Err(panic) = told {
        std::panic::resume_unwind(panic);
    }
    let proof = proof.expect("the books can be read");
    let differences: Vec<_> = proof.checks.iter().filter(|check| !check.holds()).collect();
    assert!(proof.holds(), "the books do not prove: {differences:?}");
}

/// Port 0, the temporary directory, the sandbox.
pub fn config(directory: &TestDirectory, database: &TestDatabase) -> ServeConfig {
    ServeConfig {
        listen: ListenConfig {
            address: AddressConfig {
                addr: "127.0.0.1:0".parse().expect("an address"),
                public_url: None,
            },
            secure_cookies: None,
            client_address_header: None,
        },
        database: DatabaseConfig {
            data: directory.path().join("data"),
            database_url: database.url().map(Into::into),
        },
        site: SiteConfig {
            site: Some(directory.path().join("site")),
            dev: false,
        },
        gateway: GatewayConfig::default(),
        gate: GateConfig::default(),
        refunds: RefundConfig::default(),
    }
}

impl TestServer {
    /// An organization with an owner, a project and a key.
    pub async fn tenant(&self, name: &str) -> Tenant {
        Tenant::create(self, name).await
    }

    /// Someone with a browser, not signed in.
    pub fn browser(&self) -> Browser {
        Browser::new(&self.url)
    }

    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

/// A client that follows no redirects and keeps no cookies.
pub fn client() -> reqwest::Client {
    server::install_crypto();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client")
}
