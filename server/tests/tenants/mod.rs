//! One organization never sees or touches what is another's, on any route.

use reqwest::StatusCode;
use serde_json::{Value, json};
use types::ids::TopUpId;

use crate::support::tenant::{GOOD_CARD, event, told};
use crate::support::{Browser, Tenant, client, with_server};

/// Every server function. A new one must be tried here too.
const SERVER_FUNCTIONS: [&str; 20] = [
    "add_payment_method",
    "billing_page",
    "cancel_top_up",
    "finish_payment_method",
    "history_page",
    "models",
    "organizations",
    "refund_offer",
    "refund_status",
    "refund_top_up",
    "remove_payment_method",
    "set_default_payment_method",
    "set_theme",
    "sign_in",
    "sign_out",
    "start_top_up",
    "switch_organization",
    "top_up_secret",
    "top_up_status",
    "viewer",
];

#[test]
fn every_server_function_is_known_to_these_tests() {
    // Naming the app links its server functions in.
    let _ = app::App;
    let mut paths: Vec<String> = leptos::server_fn::axum::server_fn_paths()
        .map(|(path, method)| format!("{method} {path}"))
        .collect();
    paths.sort();
    let known: Vec<_> = SERVER_FUNCTIONS
        .iter()
        .map(|name| format!("POST /api/{name}"))
        .collect();
    assert_eq!(paths, known);
}

/// Its bank asks before it is saved, and before every payment.
const ASKING_CARD: &str = "4000002760003184";

/// What waits for its person at the bank: with an id of it nobody else learns the secret that
/// answers for them, nor gets the card.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_bank_asks_one_is_no_business_of_the_others() {
    with_server(async |test| {
        let (ada, bob) = (test.tenant("Ada").await, test.tenant("Bob").await);
        let (ada_browser, bob_browser) = (ada.browser().await, bob.browser().await);
        furnish(&bob, &bob_browser).await;
        let token = ada.token(&ada_browser, ASKING_CARD).await;
        let question = ada_browser
            .json("add_payment_method", &[("token", &token)])
            .await;
        let setup = question["setup"].as_str().unwrap();
        let fields: &[(&str, &str)] = &[("setup", setup)];
        let refused = bob_browser.call("finish_payment_method", fields).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
        let known = ada_browser.json("finish_payment_method", fields).await;
        assert_eq!(known["state"], "requires_action", "{known}");

        let id = TopUpId::generate().to_string();
        let token = ada.token(&ada_browser, ASKING_CARD).await;
        let pay: &[(&str, &str)] = &[
            ("id", &id),
            ("amount", "25"),
            ("method", ""),
            ("token", &token),
        ];
        ada_browser.json("start_top_up", pay).await;
        let fields: &[(&str, &str)] = &[("id", &id)];
        let theirs = bob_browser.json("top_up_secret", fields).await;
        assert_eq!(theirs, Value::Null);
        let own = ada_browser.json("top_up_secret", fields).await;
        assert!(own.as_str().unwrap().contains("_secret_"), "{own}");
        // Answered, there is nothing left to ask.
        ada_browser.json("cancel_top_up", fields).await;
        let answered = ada_browser.json("top_up_secret", fields).await;
        assert_eq!(answered, Value::Null);
    })
    .await;
}

/// What Ada has, and what Bob must not reach.
struct Owned {
    method: String,
    top_up: String,
}

async fn furnish(tenant: &Tenant, browser: &Browser) -> Owned {
    let token = tenant.token(browser, GOOD_CARD).await;
    let method = browser
        .json("add_payment_method", &[("token", &token)])
        .await;
    let method = method["id"].as_str().unwrap().to_owned();
    let top_up = TopUpId::generate().to_string();
    let fields = [
        ("id", top_up.as_str()),
        ("amount", "25"),
        ("method", &method),
        ("token", ""),
    ];
    browser.json("start_top_up", &fields).await;
    assert_eq!(
        tenant.report_json(&event("shared-id")).await.status(),
        StatusCode::NO_CONTENT
    );
    Owned { method, top_up }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_organizations_ids_are_like_ids_that_are_not_there() {
    with_server(async |test| {
        let (ada, bob) = (test.tenant("Ada").await, test.tenant("Bob").await);
        let (ada_browser, bob_browser) = (ada.browser().await, bob.browser().await);
        let owned = furnish(&ada, &ada_browser).await;
        let fresh = TopUpId::generate().to_string();

        let status = bob_browser
            .json("top_up_status", &[("id", &owned.top_up)])
            .await;
        assert_eq!(status, Value::Null, "a top-up of Ada's");
        let canceled = bob_browser
            .json("cancel_top_up", &[("id", &owned.top_up)])
            .await;
        assert_eq!(canceled, Value::Null, "a top-up of Ada's");
        let organization = ada.organization.to_string();
        let refused: [(&str, &[(&str, &str)]); 5] = [
            ("switch_organization", &[("id", &organization)]),
            ("set_default_payment_method", &[("id", &owned.method)]),
            ("remove_payment_method", &[("id", &owned.method)]),
            (
                "start_top_up",
                &[
                    ("id", &fresh),
                    ("amount", "25"),
                    ("method", &owned.method),
                    ("token", ""),
                ],
            ),
            (
                "start_top_up",
                &[
                    ("id", &owned.top_up),
                    ("amount", "25"),
                    ("method", &owned.method),
                    ("token", ""),
                ],
            ),
        ];
        for (function, fields) in refused {
            let (status, body) = told(bob_browser.call(function, fields).await).await;
            assert!(
                status.is_client_error(),
                "{function} {fields:?}: {status} {body}"
            );
        }
        let page = ada_browser.json("billing_page", &[]).await;
        assert_eq!(page["payment_methods"].as_array().unwrap().len(), 1);
        assert_eq!(ada.balance().await, "24.9999568");
        assert_eq!(bob.balance().await, "0.00");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_and_no_answer_of_one_holds_anything_of_the_other() {
    with_server(async |test| {
        let (ada, bob) = (test.tenant("Ada").await, test.tenant("Bob").await);
        let ada_browser = ada.browser().await;
        let owned = furnish(&ada, &ada_browser).await;
        let browser = bob.browser().await;
        let secrets = [
            ada.email.clone(),
            ada.organization.to_string(),
            ada.project.to_string(),
            ada.user.to_string(),
            owned.method.clone(),
            owned.top_up.clone(),
        ];
        // Where they are looked for they can be found: by their owner.
        let theirs = everything_shown_to(&ada_browser).await;
        for secret in secrets.iter().filter(|it| **it != ada.project.to_string()) {
            let is_there = theirs.iter().any(|(_, answer)| answer.contains(secret));
            assert!(is_there, "{secret} is on no page of Ada's either");
        }
        for (place, answer) in everything_shown_to(&browser).await {
            for secret in &secrets {
                assert!(!answer.contains(secret), "{place} holds {secret}");
            }
        }
    })
    .await;
}

/// Every page and every answer that shows something, each with its name.
async fn everything_shown_to(browser: &Browser) -> Vec<(String, String)> {
    let mut answers = Vec::new();
    for path in ["/billing", "/billing/history", "/models"] {
        let response = browser.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        answers.push((path.to_owned(), response.text().await.unwrap()));
    }
    for function in [
        "viewer",
        "organizations",
        "billing_page",
        "history_page",
        "models",
    ] {
        let response = browser.call(function, &[]).await;
        assert_eq!(response.status(), StatusCode::OK, "{function}");
        answers.push((function.to_owned(), response.text().await.unwrap()));
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_one_shows_the_other_only_their_own_rows() {
    with_server(async |test| {
        let (ada, bob) = (test.tenant("Ada").await, test.tenant("Bob").await);
        let ada_browser = ada.browser().await;
        furnish(&ada, &ada_browser).await;
        let page = test
            .server
            .billing
            .history()
            .page(ada.organization, None, 1)
            .await
            .unwrap();
        let cursor = page.next.expect("Ada has two rows").0;
        let after = [("after", cursor.as_str())];
        let rows = async |browser: &Browser| {
            let page = browser.json("history_page", &after).await;
            page["rows"].as_array().unwrap().len()
        };
        assert_eq!(rows(&ada_browser).await, 1, "it leads Ada to her other row");
        assert_eq!(rows(&bob.browser().await).await, 0);
    })
    .await;
}

/// Every route that takes a key. A new one must be tried here too.
const MACHINE_ROUTES: [(&str, &str); 12] = [
    ("POST", "/v1/events"),
    ("POST", "/api/v1/events"),
    ("POST", "/v1/holds"),
    ("GET", "/v1/holds/{id}"),
    ("POST", "/v1/holds/{id}/capture"),
    ("POST", "/v1/holds/{id}/release"),
    ("POST", "/v1/holds/{id}/heartbeat"),
    ("GET", "/v1/limits"),
    ("GET", "/v1/balance"),
    ("GET", "/v1/transactions"),
    ("GET", "/v1/transactions/{id}"),
    ("GET", "/v1/usage"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_route_that_takes_a_key_is_known_to_these_tests() {
    with_server(async |test| {
        let response = client().get(test.at("/openapi.json")).send().await.unwrap();
        let (_, api) = told(response).await;
        let mut described = Vec::new();
        for (path, item) in api["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                if operation["security"].is_array() {
                    described.push((method.to_uppercase(), path.clone()));
                }
            }
        }
        described.sort();
        let mut known = MACHINE_ROUTES.map(|(method, path)| (method.to_owned(), path.to_owned()));
        known.sort();
        assert_eq!(described, known);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_of_one_is_not_there_for_the_other() {
    with_server(async |test| {
        let (ada, bob) = (test.tenant("Ada").await, test.tenant("Bob").await);
        furnish(&ada, &ada.browser().await).await;
        let read = async |tenant: &Tenant, path: &str| {
            let request = client().get(test.at(path));
            let request = request.header("x-api-key", &tenant.api_key);
            told(request.send().await.unwrap()).await
        };
        let (_, list) = read(&ada, "/v1/transactions?limit=1").await;
        let id = list["transactions"][0]["id"].as_str().unwrap();
        let path = format!("/v1/transactions/{id}");
        assert_eq!(read(&ada, &path).await.0, StatusCode::OK);
        let (status, body) = read(&bob, &path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{body}");
        let next = list["next"].as_str().unwrap();
        for path in [
            "/v1/transactions",
            &format!("/v1/transactions?after={next}"),
        ] {
            let (_, body) = read(&bob, path).await;
            assert_eq!(body, json!({ "transactions": [], "next": null }), "{path}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_of_one_is_not_there_for_the_other() {
    with_server(async |test| {
        let (ada, bob) = (test.tenant("Ada").await, test.tenant("Bob").await);
        furnish(&ada, &ada.browser().await).await;
        let asked = json!({ "id": "shared-id", "model": "gpt-oss-120b", "input_tokens": 112 });
        let call = async |tenant: &Tenant, method: reqwest::Method, path: &str, body: &Value| {
            let request = client().request(method, test.at(path)).json(body);
            let request = request.header("x-api-key", &tenant.api_key);
            told(request.send().await.unwrap()).await
        };
        let (status, hold) = call(&ada, reqwest::Method::POST, "/v1/holds", &asked).await;
        assert_eq!(status, StatusCode::OK, "{hold}");
        let path = format!("/v1/holds/{}", hold["id"].as_str().unwrap());
        let used = json!({ "input_tokens": 112, "output_tokens": 44 });
        for (method, path) in [
            (reqwest::Method::GET, path.clone()),
            (reqwest::Method::POST, format!("{path}/capture")),
            (reqwest::Method::POST, format!("{path}/release")),
            (reqwest::Method::POST, format!("{path}/heartbeat")),
        ] {
            let (status, body) = call(&bob, method, &path, &used).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{path}: {body}");
        }
        // The same id is another request in another organization, and there is no credit for it.
        let (status, body) = call(&bob, reqwest::Method::POST, "/v1/holds", &asked).await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{body}");
        let (_, limits) = call(&bob, reqwest::Method::GET, "/v1/limits", &Value::Null).await;
        assert_eq!(limits["open_holds"]["used"], 0, "{limits}");
        assert_eq!(limits["credit"]["balance"], "0.00", "{limits}");
        let (_, hold) = call(&ada, reqwest::Method::GET, &path, &Value::Null).await;
        assert_eq!(hold["state"], "open");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_of_one_is_not_summed_up_for_the_other() {
    with_server(async |test| {
        let (ada, bob) = (test.tenant("Ada").await, test.tenant("Bob").await);
        furnish(&ada, &ada.browser().await).await;
        for path in [
            "/v1/usage?group_by=model,project,api_key".to_owned(),
            format!("/v1/usage?project_id={}", ada.project),
        ] {
            for (tenant, requests) in [(&ada, 1), (&bob, 0)] {
                let request = client().get(test.at(&path));
                let request = request.header("x-api-key", &tenant.api_key);
                let (_, body) = told(request.send().await.unwrap()).await;
                assert_eq!(body["total"]["requests"], requests, "{path}: {body}");
                assert_eq!(body["rows"].as_array().unwrap().len(), requests, "{path}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_reports_and_reads_for_its_own_organization_alone() {
    with_server(async |test| {
        let (ada, bob) = (test.tenant("Ada").await, test.tenant("Bob").await);
        furnish(&ada, &ada.browser().await).await;
        let ada_key = test
            .server
            .billing
            .api_keys()
            .list(ada.organization)
            .await
            .unwrap()
            .remove(0);

        // The same source and id are another event in another organization.
        let mut same_id = event("shared-id");
        same_id["data"]["output_tokens"] = 45.into();
        assert_eq!(
            bob.report_json(&same_id).await.status(),
            StatusCode::NO_CONTENT
        );
        assert_eq!(ada.balance().await, "24.9999568");

        let strangers = [
            ("project_id", ada.project.to_string(), "data.project_id"),
            ("api_key_id", ada_key.id.to_string(), "data.api_key_id"),
        ];
        for (name, id, param) in strangers {
            let mut theirs = event("theirs");
            theirs["data"][name] = id.into();
            let (status, body) = told(bob.report_json(&json!([theirs])).await).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{name}: {body}");
            assert_eq!(body["error"]["param"], format!("[0].{param}"), "{body}");
        }
        for (method, path) in MACHINE_ROUTES {
            let path = path.replace("{id}", "01932f6e-7c1a-7000-8000-0123456789ab");
            let request = match method {
                "POST" => client().post(test.at(&path)).json(&event("theirs")),
                _ => client().get(test.at(&path)),
            };
            let response = request
                .header("x-api-key", &bob.api_key)
                .bearer_auth(&bob.api_key)
                .header("x-project-id", ada.project.to_string())
                .send()
                .await
                .unwrap();
            let (status, body) = told(response).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{path}: {body}");
            assert_eq!(body["error"]["param"], "x-project-id", "{path}");
        }
        assert_eq!(ada.balance().await, "24.9999568");
    })
    .await;
}
