//! The parts of a running server, put together in one place.
//!
//! Owns which part gets which setting. Does not own their life: see `lifecycle`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::extract::FromRef;
use billing::{Billing, BillingSettings, GatewaySettings, SystemClock};
use http::HeaderName;
use leptos::config::LeptosOptions;
use metrics_exporter_prometheus::PrometheusHandle;
use sandbox::{Sandbox, SandboxConfig};
use secrecy::ExposeSecret;
use types::payment::TokenizerView;
use types::top_up::TopUpLimits;

use crate::config::{DatabaseConfig, GatewayChoice, PublicUrl, StripeKeys};
use crate::telemetry;
use crate::web::confirmed;
use crate::web::site::Site;

/// Where the built-in processor is mounted.
pub(crate) const SANDBOX_PATH: &str = "/sandbox";
/// A gateway that has not answered by then is asked again by reconciliation. Below the limit that
/// our own answers have, so that the person is told.
const GATEWAY_TIMEOUT: Duration = Duration::from_secs(20);

/// What every handler can reach.
#[derive(Clone)]
pub(crate) struct Parts {
    pub billing: Billing,
    pub sandbox: Option<Sandbox>,
    pub site: Arc<Site>,
    pub web: Arc<WebOptions>,
    pub metrics: PrometheusHandle,
    pub leptos: LeptosOptions,
}

/// How pages are served.
#[derive(Debug)]
pub(crate) struct WebOptions {
    pub public_url: PublicUrl,
    pub secure_cookies: bool,
    pub dev: bool,
    pub client_address_header: Option<HeaderName>,
    /// Where the browser may send card fields and show the bank's page, beside ourselves.
    pub gateway_origins: Vec<String>,
}

impl FromRef<Parts> for LeptosOptions {
    fn from_ref(parts: &Parts) -> Self {
        parts.leptos.clone()
    }
}

impl Parts {
    pub(crate) fn new(
        billing: Billing,
        sandbox: Option<Sandbox>,
        site: Site,
        web: WebOptions,
        addr: SocketAddr,
    ) -> Self {
        let leptos = LeptosOptions::builder()
            .output_name(site.names.output_name.clone())
            .site_pkg_dir(site.names.pkg_dir.clone())
            .site_root(site.root.to_string_lossy().into_owned())
            .site_addr(addr)
            .build();
        let metrics = telemetry::metrics();
        Self {
            billing,
            sandbox,
            site: Arc::new(site),
            web: Arc::new(web),
            metrics,
            leptos,
        }
    }
}

/// Opens the domain on a database with a gateway.
pub(crate) async fn open_billing(
    database: &DatabaseConfig,
    gateway: GatewaySettings,
) -> anyhow::Result<Billing> {
    database.prepare_directory().with_context(|| {
        format!(
            "the data directory {} cannot be made",
            database.data.display()
        )
    })?;
    let settings = BillingSettings {
        database_url: database.url().expose_secret().to_owned(),
        gateway,
        top_up_limits: TopUpLimits::default(),
    };
    Billing::open(settings, Arc::new(SystemClock))
        .await
        .with_context(|| format!("{} cannot be opened", database.label()))
}

/// The domain for a command that moves no money: its gateway is an address that refuses.
pub(crate) async fn open_offline(database: &DatabaseConfig) -> anyhow::Result<Billing> {
    let gateway = GatewaySettings {
        base_url: "http://127.0.0.1:9".to_owned(),
        secret_key: "not-used".to_owned().into(),
        webhook_secrets: Vec::new(),
        tokenizer: TokenizerView {
            url: String::new(),
            publishable_key: String::new(),
        },
        return_url: None,
        timeout: GATEWAY_TIMEOUT,
    };
    open_billing(database, gateway).await
}

/// The built-in processor, reached at `internal` by us and at `public_url` by browsers.
pub(crate) struct SandboxAddresses {
    pub store: PathBuf,
    pub internal: SocketAddr,
    pub public_url: PublicUrl,
    /// Where its notices go.
    pub webhooks: SocketAddr,
}

pub(crate) async fn open_sandbox(
    addresses: &SandboxAddresses,
) -> anyhow::Result<(Sandbox, GatewaySettings)> {
    let sandbox = Sandbox::open(SandboxConfig {
        store: addresses.store.clone(),
        webhook_url: Some(format!("http://{}/webhooks/stripe", addresses.webhooks)),
        base_path: SANDBOX_PATH.to_owned(),
        public_url: format!("{}{SANDBOX_PATH}", addresses.public_url.origin()),
    })
    .await
    .with_context(|| {
        format!(
            "the sandbox at {} cannot be opened",
            addresses.store.display()
        )
    })?;
    let settings = GatewaySettings {
        base_url: format!("http://{}{SANDBOX_PATH}", addresses.internal),
        secret_key: sandbox.secret_key().to_owned().into(),
        webhook_secrets: vec![sandbox.webhook_secret().to_owned().into()],
        tokenizer: TokenizerView {
            url: format!("{SANDBOX_PATH}/v1/payment_methods"),
            publishable_key: sandbox.publishable_key().to_owned(),
        },
        return_url: Some(return_url(&addresses.public_url)),
        timeout: GATEWAY_TIMEOUT,
    };
    Ok((sandbox, settings))
}

/// Stripe's settings as the domain takes them.
pub(crate) fn stripe_settings(keys: &StripeKeys, public_url: &PublicUrl) -> GatewaySettings {
    GatewaySettings {
        base_url: keys.base_url.clone(),
        secret_key: keys.secret_key.clone(),
        webhook_secrets: keys.webhook_secrets.clone(),
        tokenizer: TokenizerView {
            url: format!("{}/v1/payment_methods", keys.base_url),
            publishable_key: keys.publishable_key.clone(),
        },
        return_url: Some(return_url(public_url)),
        timeout: GATEWAY_TIMEOUT,
    }
}

/// Where a bank's page leads back to.
fn return_url(public_url: &PublicUrl) -> String {
    format!("{}{}", public_url.origin(), confirmed::PATH)
}

/// The origins that pages may talk to for this gateway.
pub(crate) fn gateway_origins(choice: &GatewayChoice) -> Vec<String> {
    match choice {
        GatewayChoice::Sandbox => Vec::new(),
        GatewayChoice::Stripe(keys) => vec![
            keys.base_url.clone(),
            // The bank's page of a 3-D Secure payment.
            "https://hooks.stripe.com".to_owned(),
        ],
    }
}
