//! Who moves the money: Stripe when its keys are set, the built-in sandbox when not.

use clap::{ArgAction, Args};
use secrecy::SecretString;

const STRIPE_URL: &str = "https://api.stripe.com";

/// The payment gateway's keys and address.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Payments")]
pub struct GatewayConfig {
    /// Stripe's secret key; without it the built-in sandbox takes test cards at /sandbox
    #[arg(
        long,
        value_name = "KEY",
        env = "BILLING_STRIPE_SECRET_KEY",
        hide_env_values = true
    )]
    pub stripe_secret_key: Option<SecretString>,

    /// Stripe's publishable key, for the browser
    #[arg(long, value_name = "KEY", env = "BILLING_STRIPE_PUBLISHABLE_KEY")]
    pub stripe_publishable_key: Option<String>,

    /// Signing secret of the webhook endpoint; several, separated by commas, while one is rolled
    #[arg(
        long,
        value_name = "SECRET",
        env = "BILLING_STRIPE_WEBHOOK_SECRET",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub stripe_webhook_secret: Vec<SecretString>,

    /// Whether Stripe's Link is offered beside cards; Stripe refuses it where the account lacks it [default: true]
    #[arg(long, value_name = "BOOL", env = "BILLING_STRIPE_LINK", action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub stripe_link: Option<bool>,

    /// Another address for Stripe's API, such as a proxy
    #[arg(long, value_name = "URL", env = "BILLING_GATEWAY_URL")]
    pub gateway_url: Option<String>,
}

/// The settings, found to fit together.
#[derive(Debug, Clone)]
pub enum GatewayChoice {
    Sandbox,
    Stripe(StripeKeys),
}

/// Everything that talking to Stripe takes.
#[derive(Debug, Clone)]
pub struct StripeKeys {
    pub base_url: String,
    pub secret_key: SecretString,
    pub publishable_key: String,
    pub webhook_secrets: Vec<SecretString>,
    /// Whether Link is offered beside cards.
    pub takes_link: bool,
}

/// Half of the keys is worse than none: it would fail at the first payment.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum GatewayConfigError {
    #[error("--{0} is set but --stripe-secret-key is not; set both, or neither for the sandbox")]
    SecretKeyMissing(&'static str),
    #[error("--stripe-secret-key is set but --{0} is not; Stripe needs both")]
    Missing(&'static str),
    #[error("--gateway-url must start with https:// or http://")]
    NotAnAddress,
}

impl GatewayConfig {
    /// # Errors
    /// When a part of Stripe's settings is missing.
    pub fn choose(&self) -> Result<GatewayChoice, GatewayConfigError> {
        let Some(secret_key) = &self.stripe_secret_key else {
            return self.sandbox();
        };
        let publishable_key = self
            .stripe_publishable_key
            .clone()
            .ok_or(GatewayConfigError::Missing("stripe-publishable-key"))?;
        if self.stripe_webhook_secret.is_empty() {
            return Err(GatewayConfigError::Missing("stripe-webhook-secret"));
        }
        let base_url = self
            .gateway_url
            .as_deref()
            .unwrap_or(STRIPE_URL)
            .trim_end_matches('/');
        if !base_url.starts_with("https://") && !base_url.starts_with("http://") {
            return Err(GatewayConfigError::NotAnAddress);
        }
        Ok(GatewayChoice::Stripe(StripeKeys {
            base_url: base_url.to_owned(),
            secret_key: secret_key.clone(),
            publishable_key,
            webhook_secrets: self.stripe_webhook_secret.clone(),
            takes_link: self.stripe_link.unwrap_or(true),
        }))
    }

    fn sandbox(&self) -> Result<GatewayChoice, GatewayConfigError> {
        let set_alone = [
            (
                "stripe-publishable-key",
                self.stripe_publishable_key.is_some(),
            ),
            (
                "stripe-webhook-secret",
                !self.stripe_webhook_secret.is_empty(),
            ),
            ("stripe-link", self.stripe_link.is_some()),
            ("gateway-url", self.gateway_url.is_some()),
        ];
        match set_alone.into_iter().find(|(_, is_set)| *is_set) {
            Some((name, _)) => Err(GatewayConfigError::SecretKeyMissing(name)),
            None => Ok(GatewayChoice::Sandbox),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripe() -> GatewayConfig {
        GatewayConfig {
            stripe_secret_key: Some("sk_test_1".to_owned().into()),
            stripe_publishable_key: Some("pk_test_1".to_owned()),
            stripe_webhook_secret: vec!["whsec_1".to_owned().into()],
            stripe_link: None,
            gateway_url: None,
        }
    }

    #[test]
    fn without_keys_the_sandbox_is_chosen() {
        assert!(matches!(
            GatewayConfig::default().choose(),
            Ok(GatewayChoice::Sandbox)
        ));
    }

    #[test]
    fn all_of_stripes_keys_choose_stripe() {
        let Ok(GatewayChoice::Stripe(keys)) = stripe().choose() else {
            panic!("not Stripe")
        };
        assert_eq!(keys.base_url, "https://api.stripe.com");
    }

    #[test]
    fn link_is_offered_until_it_is_switched_off() {
        for (setting, expected) in [(None, true), (Some(true), true), (Some(false), false)] {
            let config = GatewayConfig {
                stripe_link: setting,
                ..stripe()
            };
            let Ok(GatewayChoice::Stripe(keys)) = config.choose() else {
                panic!("not Stripe")
            };
            assert_eq!(keys.takes_link, expected, "{setting:?}");
        }
    }

    #[test]
    fn half_of_the_keys_are_refused_with_the_name_of_the_missing_one() {
        let no_secret = GatewayConfig {
            stripe_secret_key: None,
            ..stripe()
        };
        let no_webhook = GatewayConfig {
            stripe_webhook_secret: vec![],
            ..stripe()
        };
        let no_publishable = GatewayConfig {
            stripe_publishable_key: None,
            ..stripe()
        };
        assert_eq!(
            no_secret.choose().unwrap_err(),
            GatewayConfigError::SecretKeyMissing("stripe-publishable-key")
        );
        assert_eq!(
            no_webhook.choose().unwrap_err(),
            GatewayConfigError::Missing("stripe-webhook-secret")
        );
        assert_eq!(
            no_publishable.choose().unwrap_err(),
            GatewayConfigError::Missing("stripe-publishable-key")
        );
    }

    #[test]
    fn keys_do_not_appear_in_debug_output() {
        let written = format!("{:?}", stripe());
        assert!(
            !written.contains("sk_test_1") && !written.contains("whsec_1"),
            "{written}"
        );
    }
}
