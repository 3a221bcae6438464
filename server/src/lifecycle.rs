//! How a server starts and ends.
//!
//! Owns the order. Starting: listen, migrate, open, work, answer. Ending: stop accepting, finish
//! what was accepted, stop the workers, stop the built-in processor, close the database. The
//! processor listens on a loopback port of its own, so that a payment under way is still answered
//! after the front door has closed.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use app::ssr::PaymentsMode;
use axum::Router;
use billing::{Billing, GatewaySettings};
use clap::Args;
use sandbox::Sandbox;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::{
    DatabaseConfig, GateConfig, GatewayChoice, GatewayConfig, ListenConfig, PublicUrl,
    RefundConfig, SiteConfig, reachable,
};
use crate::parts::{
    Parts, SANDBOX_PATH, SandboxAddresses, WebOptions, open_billing_within, open_sandbox,
    payments_mode, stripe_settings,
};
use crate::web::site::Site;
use crate::{descriptors, listener, rates, router, worker};

/// All of the ending together. Longer than any answer may take, so nothing that was accepted is cut
/// off; what the workers have under way by then goes on after the next start.
const LONGEST_GOODBYE: Duration = Duration::from_secs(35);

/// Each of the two databases: what is still written when the doors have closed takes far less.
const LONGEST_CLOSE: Duration = Duration::from_secs(5);

/// Everything that `serve` can be told.
#[derive(Debug, Clone, Args)]
pub struct ServeConfig {
    #[command(flatten)]
    pub listen: ListenConfig,
    #[command(flatten)]
    pub database: DatabaseConfig,
    #[command(flatten)]
    pub site: SiteConfig,
    #[command(flatten)]
    pub gateway: GatewayConfig,
    #[command(flatten)]
    pub gate: GateConfig,
    #[command(flatten)]
    pub refunds: RefundConfig,
}

/// A server that answers.
pub struct Server {
    /// Where it listens.
    pub addr: SocketAddr,
    pub public_url: PublicUrl,
    /// The domain, for whoever started the server in its own process.
    pub billing: Billing,
    pub sandbox: Option<Sandbox>,
    front_door: Task,
    workers: Task,
    sandbox_door: Option<Task>,
}

/// Something that runs until it is told to stop.
struct Task {
    stop: CancellationToken,
    done: JoinHandle<()>,
}

impl Task {
    async fn end(mut self, name: &'static str, deadline: Instant) {
        self.stop.cancel();
        match tokio::time::timeout_at(deadline, &mut self.done).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "{name} ended badly"),
            Err(_) => {
                tracing::error!("{name} did not end in time");
                // It would keep its connection to the database, which is closed next.
                self.done.abort();
            }
        }
    }
}

impl Server {
    /// Starts a server: when this returns, it answers.
    ///
    /// # Errors
    /// When the settings do not fit together or a part cannot be opened.
    pub async fn start(config: &ServeConfig) -> anyhow::Result<Self> {
        crate::install_crypto();
        let choice = config.gateway.choose()?;
        let site = Site::load(config.site.site.as_deref(), config.site.caching())?;
        let places = places();
        let asked = config.listen.address.addr;
        let listener = TcpListener::bind(asked).await.with_context(|| {
            format!("cannot listen on {asked}; choose another address or port with --addr")
        })?;
        let addr = listener.local_addr()?;
        let public_url = config.listen.address.public_url(addr)?;
        warn_of_doubts(config, &choice, addr, &public_url);
        let (gateway, sandbox) = open_gateway(config, &choice, addr, &public_url).await?;
        let window = config.refunds.window();
        let billing = open_billing_within(&config.database, gateway, window).await?;
        billing
            .migrate()
            .await
            .context("the migrations cannot be applied")?;
        rates::load_built_in(&billing).await?;

        let web = WebOptions {
            secure_cookies: config.listen.cookies_are_secure(&public_url),
            public_url: public_url.clone(),
            dev: config.site.dev,
            client_address_header: config.listen.client_address_header.clone(),
            stripe_script: matches!(choice, GatewayChoice::Stripe(_)),
            payments: payments_mode(&choice),
        };
        let (sandbox, sandbox_listener) = sandbox.unzip();
        let parts = Parts::new(billing.clone(), sandbox.clone(), site, web, addr)
            .refusing_with(config.gate.quota_status.code());
        let sandbox_door = sandbox_listener
            .zip(sandbox.clone())
            .map(|(listener, sandbox)| {
                let routes = Router::new().nest(SANDBOX_PATH, sandbox.router());
                listen(listener, routes, descriptors::MOST_CONNECTIONS)
            });
        let workers = start_workers(&parts);
        let front_door = listen(listener, router::router(parts)?, places);
        tracing::info!(
            "{} answers at {}",
            config.database.label(),
            public_url.origin()
        );
        Ok(Self {
            addr,
            public_url,
            billing,
            sandbox,
            front_door,
            workers,
            sandbox_door,
        })
    }

    /// Ends in order. Nothing that was accepted is lost.
    pub async fn stop(self) {
        tracing::info!("stopping: finishing what was accepted");
        let deadline = Instant::now() + LONGEST_GOODBYE;
        self.front_door.end("the front door", deadline).await;
        self.workers.end("a worker", deadline).await;
        if let Some(door) = self.sandbox_door {
            door.end("the sandbox", deadline).await;
        }
        // What did not end in time may still hold a connection.
        if let Some(sandbox) = self.sandbox {
            let closed = tokio::time::timeout(LONGEST_CLOSE, sandbox.close()).await;
            if closed.is_err() {
                tracing::warn!("the sandbox's store was not closed in time");
            }
        }
        let closed = tokio::time::timeout(LONGEST_CLOSE, self.billing.close()).await;
        if closed.is_err() {
            tracing::warn!("the database was not closed in time: what is committed is kept");
        }
        tracing::info!("stopped");
    }
}

/// The gateway's settings, and the sandbox with its own door when it is the gateway.
async fn open_gateway(
    config: &ServeConfig,
    choice: &GatewayChoice,
    addr: SocketAddr,
    public_url: &PublicUrl,
) -> anyhow::Result<(GatewaySettings, Option<(Sandbox, TcpListener)>)> {
    match choice {
        GatewayChoice::Stripe(keys) => Ok((stripe_settings(keys, public_url), None)),
        GatewayChoice::Sandbox => {
            config.database.prepare_directory()?;
            let listener = TcpListener::bind(("127.0.0.1", 0))
                .await
                .context("no loopback port is free for the sandbox")?;
            let (sandbox, settings) = open_sandbox(&SandboxAddresses {
                store: config.database.sandbox_store(),
                internal: listener.local_addr()?,
                public_url: public_url.clone(),
                webhooks: reachable(addr),
            })
            .await?;
            Ok((settings, Some((sandbox, listener))))
        }
    }
}

/// What an operator must not find out from their customers.
fn warn_of_doubts(
    config: &ServeConfig,
    choice: &GatewayChoice,
    addr: SocketAddr,
    public_url: &PublicUrl,
) {
    for doubt in config.listen.doubts(addr, public_url) {
        tracing::warn!("{}", doubt.words());
    }
    match (payments_mode(choice), public_url.is_https()) {
        (PaymentsMode::Live, _) => tracing::info!("payments are made by Stripe and move money"),
        (PaymentsMode::Test, false) => {
            tracing::info!("payments are made with test cards: no money moves");
        }
        (PaymentsMode::Test, true) => tracing::warn!(
            "payments are made with test cards and no money moves: whoever signs in here gives \
             themselves credit for nothing; set --stripe-secret-key and the two beside it to be paid"
        ),
    }
}

/// How many connections the front door has room for.
fn places() -> usize {
    let limit = descriptors::raise_limit();
    let places = descriptors::room_for_connections(limit);
    if places < descriptors::MOST_CONNECTIONS {
        tracing::warn!(
            "at most {places} connections at a time instead of {}: this process may open no more \
             than {limit} files; raise that (`LimitNOFILE` of a systemd unit, `ulimit -n` of a \
             shell)",
            descriptors::MOST_CONNECTIONS
        );
    }
    places
}

fn listen(listener: TcpListener, routes: Router, places: usize) -> Task {
    let stop = CancellationToken::new();
    let done = tokio::spawn(listener::serve(listener, routes, places, stop.clone()));
    Task { stop, done }
}

fn start_workers(parts: &Parts) -> Task {
    let stop = CancellationToken::new();
    let done = tokio::spawn(worker::run(parts.clone(), stop.clone()));
    Task { stop, done }
}
