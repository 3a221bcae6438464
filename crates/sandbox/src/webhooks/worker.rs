//! Owns sending events to the receiver until told to stop. Does not own what is due
//! (`deliveries`).
//!
//! One event at a time and in order of due time, which is kinder to a receiver than Stripe is;
//! disorder is there for the asking (`control`). No lock and no transaction is held while the
//! receiver works, since it may well call back.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use super::deliveries::{self, Arrival, Due};
use super::{events, signature};
use crate::Processor;
use crate::clock::system_now;
use crate::errors::ApiError;

/// A receiver that takes longer has not received it, as at Stripe.
const RECEIVER_TIMEOUT: Duration = Duration::from_secs(10);
/// Even when nothing rings: back-off ends and outcomes come due with time.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

pub(crate) async fn run(processor: &Processor, shutdown: impl Future<Output = ()>) {
    let client = match client() {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "webhooks are not delivered: no HTTP client");
            return shutdown.await;
        }
    };
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => return,
            () = processor.work.notified() => {}
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
        // Between two deliveries there is a moment to stop.
        loop {
            // A failing store has been logged where it failed; the next look may find it well.
            match run_once(processor, &client, 1).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
            if is_ready(shutdown.as_mut()).await {
                return;
            }
        }
    }
}

async fn is_ready(shutdown: impl Future<Output = ()>) -> bool {
    tokio::time::timeout(Duration::ZERO, shutdown).await.is_ok()
}

/// Lets happen what is due and sends what is due, at most `limit` deliveries; returns how many.
pub(crate) async fn run_once(
    processor: &Processor,
    client: &reqwest::Client,
    limit: i64,
) -> Result<usize, ApiError> {
    processor.catch_up().await?;
    let Some(url) = &processor.config.webhook_url else {
        return Ok(0);
    };
    let _sending = processor.sending.lock().await;
    let due = {
        let mut reader = processor.store.readers.acquire().await?;
        deliveries::due(&mut reader, processor.clock.now(), limit).await?
    };
    for delivery in &due {
        send(processor, client, url, delivery).await?;
    }
    Ok(due.len())
}

async fn send(
    processor: &Processor,
    client: &reqwest::Client,
    url: &str,
    delivery: &Due,
) -> Result<(), ApiError> {
    let event = {
        let mut reader = processor.store.readers.acquire().await?;
        events::find(&mut reader, &delivery.event).await?
    };
    let Some(event) = event else { return Ok(()) };
    let body = event.to_string();
    let signature = signature::header(&processor.keys.webhook, system_now(), &body);
    let request = client
        .post(url)
        .header("content-type", "application/json; charset=utf-8")
        .header("stripe-signature", signature)
        .body(body);
    let arrival = match request.send().await {
        Ok(answer) if answer.status().is_success() => Arrival::Accepted {
            status: answer.status().as_u16(),
        },
        Ok(answer) => Arrival::Refused {
            status: answer.status().as_u16(),
        },
        Err(error) => Arrival::NoAnswer {
            error: error.without_url().to_string(),
        },
    };
    match &arrival {
        Arrival::Accepted { .. } => tracing::debug!(event = delivery.event, "webhook delivered"),
        Arrival::Refused { status } => {
            tracing::warn!(
                event = delivery.event,
                status,
                "webhook refused; it is sent again"
            );
        }
        Arrival::NoAnswer { error } => {
            tracing::warn!(
                event = delivery.event,
                error,
                "webhook unanswered; it is sent again"
            );
        }
    }
    let mut writer = processor.store.writer.acquire().await?;
    deliveries::record(&mut writer, delivery, &arrival, processor.clock.now()).await
}

/// A client that neither follows redirects nor waits long.
pub(crate) fn client() -> Result<reqwest::Client, reqwest::Error> {
    // A receiver behind TLS needs a cryptography provider; whoever set one first is right.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(RECEIVER_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent("Sandbox/1.0")
        .build()
}
