//! The parts of a running server, put together in one place.
//!
//! Owns which part gets which setting. Does not own their life: see `lifecycle`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use app::ssr::PaymentsMode;
use axum::extract::FromRef;
use billing::{Billing, BillingSettings, GatewaySettings, SystemClock};
use chrono::TimeDelta;
use http::{HeaderName, StatusCode};
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
/// A gateway that has not answered by then is asked again by reconciliation. One call is below the
/// limit that our own answers have; where an answer takes two, the browser asks how it stands.
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
    /// What a request without credit is refused with.
    pub quota_status: StatusCode,
}

/// How pages are served.
#[derive(Debug)]
pub(crate) struct WebOptions {
    pub public_url: PublicUrl,
    pub secure_cookies: bool,
    pub dev: bool,
    pub client_address_header: Option<HeaderName>,
    /// Stripe's script draws the card fields, on the pages that pay.
    pub stripe_script: bool,
    /// Whether payments move money.
    pub payments: PaymentsMode,
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
            quota_status: StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// The same, refusing requests without credit with this status.
    pub(crate) fn refusing_with(self, quota_status: StatusCode) -> Self {
        Self {
            quota_status,
            ..self
        }
    }
}

/// Opens the domain on a database with a gateway.
pub(crate) async fn open_billing(
    database: &DatabaseConfig,
    gateway: GatewaySettings,
) -> anyhow::Result<Billing> {
    open_billing_within(database, gateway, billing::USUAL_REFUND_WINDOW).await
}

/// The same, giving unused credit back for so long.
pub(crate) async fn open_billing_within(
    database: &DatabaseConfig,
    gateway: GatewaySettings,
    refund_window: TimeDelta,
) -> anyhow::Result<Billing> {
    database.prepare_books()?;
    let settings = BillingSettings {
        database_url: database.url().expose_secret().to_owned(),
        gateway,
        top_up_limits: TopUpLimits::default(),
        refund_window,
    };
    Billing::open(settings, Arc::new(SystemClock))
        .await
        .with_context(|| database.cannot_be_opened())
}

/// The domain for a command that only reads: what is not there is not made.
pub(crate) async fn open_existing(database: &DatabaseConfig) -> anyhow::Result<Billing> {
    database.expect_books()?;
    let billing = open_offline(database).await?;
    ensure!(
        billing.is_ready().await,
        "there are no books of this version in {} yet: run `zerogpu-billing migrate`, or start \
         `zerogpu-billing serve`",
        database.label()
    );
    Ok(billing)
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
            takes_link: false,
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
            "{} is not usable; name another directory with --data",
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
            takes_link: false,
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
            url: TokenizerView::STRIPE_SCRIPT.to_owned(),
            publishable_key: keys.publishable_key.clone(),
            takes_link: keys.takes_link,
        },
        return_url: Some(return_url(public_url)),
        timeout: GATEWAY_TIMEOUT,
    }
}

/// Where a bank's page leads back to.
fn return_url(public_url: &PublicUrl) -> String {
    format!("{}{}", public_url.origin(), confirmed::PATH)
}

/// Whether payments move money: the sandbox's never do, Stripe's do with a live key.
pub(crate) fn payments_mode(choice: &GatewayChoice) -> PaymentsMode {
    match choice {
        GatewayChoice::Stripe(keys) if !keys.publishable_key.starts_with("pk_test_") => {
            PaymentsMode::Live
        }
        GatewayChoice::Sandbox | GatewayChoice::Stripe(_) => PaymentsMode::Test,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripe(base_url: &str, publishable_key: &str) -> GatewayChoice {
        GatewayChoice::Stripe(StripeKeys {
            base_url: base_url.to_owned(),
            secret_key: "sk_1".to_owned().into(),
            publishable_key: publishable_key.to_owned(),
            webhook_secrets: Vec::new(),
            takes_link: true,
        })
    }

    #[test]
    fn only_a_live_key_of_stripes_moves_money() {
        let url = "https://api.stripe.com";
        assert_eq!(payments_mode(&GatewayChoice::Sandbox), PaymentsMode::Test);
        assert_eq!(payments_mode(&stripe(url, "pk_test_1")), PaymentsMode::Test);
        assert_eq!(payments_mode(&stripe(url, "pk_live_1")), PaymentsMode::Live);
    }
}
