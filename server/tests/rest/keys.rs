//! Who may call the machine API.

use reqwest::StatusCode;

use crate::support::tenant::{event, told};
use crate::support::{client, with_server};

/// Every path that takes a key in `x-api-key`.
const KEYED: [&str; 4] = [
    "/v1/balance",
    "/v1/events",
    "/v1/transactions",
    "/v1/transactions/01932f6e-7c1a-7000-8000-0123456789ab",
];

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_that_is_known_nothing_is_answered_or_taken() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let cases = [
            (None, "missing_api_key"),
            (Some(String::new()), "invalid_api_key"),
            (Some("zgpu-unknown".to_owned()), "invalid_api_key"),
            (Some(format!("{}x", tenant.api_key)), "invalid_api_key"),
            (Some("x".repeat(4_000)), "invalid_api_key"),
        ];
        for (key, code) in cases {
            for path in KEYED {
                let mut request = match path {
                    "/v1/events" => client().post(test.at(path)).json(&event("1")),
                    _ => client().get(test.at(path)),
                };
                if let Some(key) = &key {
                    request = request.header("x-api-key", key);
                }
                let response = request.send().await.unwrap();
                assert!(response.headers().contains_key("www-authenticate"));
                let (status, body) = told(response).await;
                assert_eq!(status, StatusCode::UNAUTHORIZED, "{path} {key:?}");
                assert_eq!(body["error"]["type"], "authentication_error");
                assert_eq!(body["error"]["code"], code, "{path} {key:?}");
            }
        }
        assert_eq!(tenant.balance().await, "0.00");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_like_one_that_never_was() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let keys = test.server.billing.api_keys();
        let key = keys.list(tenant.organization).await.unwrap().remove(0);
        let tenancy = test.server.billing.tenancy();
        let owner = tenancy.viewer(tenant.user, tenant.organization).await;
        keys.revoke(&owner.unwrap().unwrap(), key.id).await.unwrap();
        let (status, body) = told(tenant.report_json(&event("1")).await).await;
        assert_eq!(
            (status, &body["error"]["code"]),
            (StatusCode::UNAUTHORIZED, &"invalid_api_key".into())
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_sent_twice_is_refused() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let response = client()
            .get(test.at("/v1/balance"))
            .header("x-api-key", &tenant.api_key)
            .header("x-api-key", "zgpu-other")
            .send()
            .await
            .unwrap();
        let (status, body) = told(response).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(body["error"]["param"], "x-api-key");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_route_is_told_in_the_apis_own_shape() {
    with_server(async |test| {
        let (status, body) = told(client().get(test.at("/v1/nothing")).send().await.unwrap()).await;
        assert_eq!(
            (status, &body["error"]["code"]),
            (StatusCode::NOT_FOUND, &"no_such_route".into())
        );
        let response = client().delete(test.at("/v1/events")).send().await.unwrap();
        assert_eq!(response.headers()["allow"], "POST");
        let (status, body) = told(response).await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(body["error"]["code"], "method_not_allowed");
    })
    .await;
}
