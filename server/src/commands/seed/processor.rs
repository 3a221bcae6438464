//! The sandbox behind a loopback port, for as long as a command needs it.

use std::future::IntoFuture;
use std::net::SocketAddr;

use anyhow::{Context, bail};
use axum::Router;
use billing::GatewaySettings;
use sandbox::Sandbox;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{AddressConfig, DatabaseConfig, reachable};
use crate::parts::{SANDBOX_PATH, SandboxAddresses, open_sandbox};

/// Charged without questions.
pub(super) const GOOD_CARD: &str = "4242424242424242";
/// Can be saved; its bank declines every charge.
pub(super) const DECLINED_CARD: &str = "4000000000000341";

/// Far enough ahead that the demo's card does not expire under it.
const EXPIRY_YEAR: &str = "2034";

/// A payment processor that answers.
pub(in crate::commands) struct Processor {
    pub gateway: GatewaySettings,
    sandbox: Sandbox,
    base_url: String,
    stop: CancellationToken,
    done: JoinHandle<()>,
}

#[derive(Deserialize)]
struct Token {
    id: String,
}

impl Processor {
    /// Opens the same store that `serve` will open; its notices wait for the server at `addr`.
    pub(in crate::commands) async fn start(
        database: &DatabaseConfig,
        addr: SocketAddr,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let internal = listener.local_addr()?;
        let here = AddressConfig {
            addr: internal,
            public_url: None,
        };
        let (sandbox, gateway) = open_sandbox(&SandboxAddresses {
            store: database.sandbox_store(),
            internal,
            public_url: here.public_url(internal)?,
            webhooks: reachable(addr),
        })
        .await?;
        let stop = CancellationToken::new();
        let routes = Router::new().nest(SANDBOX_PATH, sandbox.router());
        let serving = axum::serve(listener, routes)
            .with_graceful_shutdown(stop.clone().cancelled_owned())
            .into_future();
        let done = tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the sandbox stopped answering");
            }
        });
        let base_url = gateway.base_url.clone();
        Ok(Self {
            gateway,
            sandbox,
            base_url,
            stop,
            done,
        })
    }

    /// Gives a card to the processor as a browser does, and gets the token for it.
    pub(super) async fn tokenize(&self, number: &str) -> anyhow::Result<String> {
        let card = [
            ("type", "card"),
            ("card[number]", number),
            ("card[exp_month]", "12"),
            ("card[exp_year]", EXPIRY_YEAR),
            ("card[cvc]", "123"),
            ("billing_details[address][country]", "US"),
        ];
        let response = reqwest::Client::new()
            .post(format!("{}/v1/payment_methods", self.base_url))
            .bearer_auth(self.sandbox.publishable_key())
            .form(&card)
            .send()
            .await
            .context("the sandbox did not answer")?;
        if !response.status().is_success() {
            bail!(
                "the sandbox refused a test card: {}",
                response.text().await?
            );
        }
        Ok(response.json::<Token>().await?.id)
    }

    pub(in crate::commands) async fn stop(self) {
        self.stop.cancel();
        // A listener that panicked was logged; the demo is made by then.
        let _ = self.done.await;
        self.sandbox.close().await;
    }
}
