//! What pays and is no card, such as Stripe's Link: nobody sees it here, so it must not stay
//! chargeable. The sandbox has cards alone; between it and us stands somebody who calls them Link.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::response::Response;
use billing::{Billing, StartTopUp};
use serde_json::Value;
use types::ids::TopUpId;
use types::money::Cents;
use types::top_up::{PayWith, TopUpState};

use crate::gateway_side::{VISA, attached};
use crate::world::World;

/// Hands requests on, and takes the card out of every answer that is about a payment.
async fn hand_on(State(to): State<String>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let url = format!("{to}{}", parts.uri);
    let mut headers = parts.headers;
    headers.remove(CONTENT_LENGTH);
    let answer = reqwest::Client::new()
        .request(parts.method, url)
        .headers(headers)
        .body(body)
        .send()
        .await
        .unwrap();
    let status = answer.status();
    let mut object: Value = answer.json().await.unwrap();
    if object["object"] == "payment_intent" && object["payment_method"].is_object() {
        let method = object["payment_method"].as_object_mut().unwrap();
        method.remove("card");
        method.insert("type".to_owned(), "link".into());
    }
    Response::builder()
        .status(status)
        .body(Body::from(object.to_string()))
        .unwrap()
}

async fn behind_somebody(world: &World) -> Billing {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new()
        .fallback(hand_on)
        .with_state(world.gateway_url.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let mut settings = world.settings.clone();
    settings.gateway.base_url = format!("http://{address}");
    let clock = Arc::new(world.clock.clone());
    Billing::open(settings, clock).await.unwrap()
}

#[tokio::test]
async fn what_paid_and_is_no_card_is_credited_and_then_forgotten_at_the_gateway() {
    let world = World::new().await;
    let billing = behind_somebody(&world).await;
    let request = StartTopUp {
        id: TopUpId::generate(),
        amount: Cents::new(2_500),
        pay_with: PayWith::NewCard(world.token(VISA).await),
    };
    let paid = billing
        .top_ups()
        .start(&world.owner, request)
        .await
        .unwrap();
    assert!(
        matches!(paid.state, TopUpState::Succeeded { .. }),
        "{paid:?}"
    );
    assert_eq!(paid.card, None);
    assert_eq!(world.balance().await, "25.00");
    let methods = billing.payment_methods();
    let shown = methods.list(world.owner.organization).await.unwrap();
    assert_eq!(shown, []);
    assert_eq!(attached(&world).await.len(), 1);
    assert_eq!(billing.housekeeping().run().await.unwrap().cards, 1);
    assert_eq!(attached(&world).await, Vec::<String>::new());
    billing.close().await;
    world.finish().await;
}
