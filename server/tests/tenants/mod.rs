//! One organization never sees or touches what is another's, on any route.

use reqwest::StatusCode;
use serde_json::{Value, json};
use types::ids::TopUpId;

use crate::support::tenant::{GOOD_CARD, event, told};
use crate::support::{Browser, Tenant, client, with_server};

/// Every server function. A new one must be tried here too.
const SERVER_FUNCTIONS: [&str; 12] = [
    "add_payment_method",
    "billing_page",
    "history_page",
    "models",
    "remove_payment_method",
    "set_default_payment_method",
    "set_theme",
    "sign_in",
    "sign_out",
    "start_top_up",
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
        let refused: [(&str, &[(&str, &str)]); 4] = [
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
        let mut answers = Vec::new();
        for path in ["/billing", "/billing/history", "/models", "/"] {
            answers.push((
                path.to_owned(),
                browser.get(path).await.text().await.unwrap(),
            ));
        }
        for function in ["viewer", "billing_page", "history_page", "models"] {
            let body = browser.call(function, &[]).await.text().await.unwrap();
            answers.push((function.to_owned(), body));
        }
        for (place, answer) in answers {
            for secret in &secrets {
                assert!(!answer.contains(secret), "{place} holds {secret}");
            }
        }
    })
    .await;
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
        let response = bob
            .browser()
            .await
            .call("history_page", &[("after", &cursor)])
            .await;
        let (status, body) = told(response).await;
        let is_empty = body["rows"].as_array().is_some_and(Vec::is_empty);
        assert!(status.is_client_error() || is_empty, "{status} {body}");
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
        for path in ["/v1/balance", "/v1/events"] {
            let request = match path {
                "/v1/events" => client().post(test.at(path)).json(&event("theirs")),
                _ => client().get(test.at(path)),
            };
            let response = request
                .header("x-api-key", &bob.api_key)
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
