//! Pages are for those who are signed in, and requests must come from our own pages.

use reqwest::header::{ACCEPT, LOCATION, ORIGIN};
use reqwest::{Method, StatusCode};

use types::ids::TopUpId;
use types::tenancy::Role;

use crate::support::tenant::{GOOD_CARD, told};
use crate::support::{Browser, Tenant, TestServer, with_config, with_server};

#[tokio::test(flavor = "multi_thread")]
async fn signed_out_every_page_leads_to_the_sign_in_and_back() {
    with_server(async |test| {
        let cases = [
            ("/billing", "/login?next=%2Fbilling"),
            (
                "/billing/history?after=x",
                "/login?next=%2Fbilling%2Fhistory%3Fafter%3Dx",
            ),
            ("/models", "/login?next=%2Fmodels"),
            ("/", "/login"),
        ];
        for (path, location) in cases {
            let response = test.browser().get(path).await;
            assert_eq!(response.status(), StatusCode::SEE_OTHER, "{path}");
            assert_eq!(response.headers()[LOCATION], location, "{path}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_in_the_pages_open_and_the_sign_in_leads_on() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let browser = tenant.browser().await;
        for path in ["/billing", "/billing/history", "/models"] {
            let response = browser.get(path).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
        }
        let cases = [
            ("/login", "/billing"),
            ("/login?next=/models", "/models"),
            ("/login?next=//evil.example", "/billing"),
            ("/login?next=https://evil.example", "/billing"),
        ];
        for (path, location) in cases {
            let response = browser.get(path).await;
            assert_eq!(response.status(), StatusCode::SEE_OTHER, "{path}");
            assert_eq!(response.headers()[LOCATION], location, "{path}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_out_no_server_function_answers() {
    with_server(async |test| {
        let id = "01932f6e-7c1a-7000-8000-0123456789ab";
        let calls: [(&str, &[(&str, &str)]); 13] = [
            ("top_up_secret", &[("id", id)]),
            ("finish_payment_method", &[("setup", "seti_1")]),
            ("viewer", &[]),
            ("organizations", &[]),
            ("switch_organization", &[("id", id)]),
            ("cancel_top_up", &[("id", id)]),
            ("billing_page", &[]),
            ("history_page", &[]),
            (
                "start_top_up",
                &[("id", id), ("amount", "5"), ("method", id), ("token", "")],
            ),
            ("top_up_status", &[("id", id)]),
            ("add_payment_method", &[("token", "pm_1")]),
            ("set_default_payment_method", &[("id", id)]),
            ("remove_payment_method", &[("id", id)]),
        ];
        for (function, fields) in calls {
            let (status, body) = told(test.browser().call(function, fields).await).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{function}: {body}");
        }
    })
    .await;
}

/// Whoever may only look changes nothing, whatever they send.
#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_change_money_is_refused_by_every_server_function_that_does() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let owner = tenant.browser().await;
        let token = tenant.token(&owner, GOOD_CARD).await;
        let saved = owner.json("add_payment_method", &[("token", &token)]).await;
        let card = saved["id"].as_str().unwrap();
        let id = TopUpId::generate().to_string();
        let other = tenant.token(&owner, GOOD_CARD).await;
        let calls: [(&str, &[(&str, &str)]); 8] = [
            (
                "start_top_up",
                &[
                    ("id", &id),
                    ("amount", "25"),
                    ("method", card),
                    ("token", ""),
                ],
            ),
            (
                "start_top_up",
                &[
                    ("id", &id),
                    ("amount", "25"),
                    ("method", ""),
                    ("token", &other),
                ],
            ),
            ("cancel_top_up", &[("id", &id)]),
            ("top_up_secret", &[("id", &id)]),
            ("add_payment_method", &[("token", &other)]),
            ("finish_payment_method", &[("setup", "seti_1")]),
            ("set_default_payment_method", &[("id", card)]),
            ("remove_payment_method", &[("id", card)]),
        ];
        for role in [Role::Member, Role::Finance] {
            let browser = tenant.colleague(test, role).await;
            for (function, fields) in calls {
                let (status, body) = told(browser.call(function, fields).await).await;
                assert_eq!(status, StatusCode::FORBIDDEN, "{role:?} {function}: {body}");
            }
            let page = browser.json("billing_page", &[]).await;
            assert_eq!(page["payment_methods"].as_array().unwrap().len(), 1);
        }
        assert_eq!(tenant.balance().await, "0.00");
        // The same calls of somebody who may: the first is taken.
        let admin = tenant.colleague(test, Role::BillingAdmin).await;
        let (function, fields) = calls[0];
        admin.json(function, fields).await;
        assert_eq!(tenant.balance().await, "25.00");
    })
    .await;
}

/// All tabs of a browser share a session: a page that shows another organization than the one it is
/// for now must neither pay for it, nor read it, nor call a payment of its own unknown.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_organization_is_told_so_before_anything_is_done() {
    with_server(async |test| {
        let (ada, bob) = (test.tenant("Ada").await, test.tenant("Bob").await);
        let browser = ada.browser().await;
        let token = ada.token(&browser, GOOD_CARD).await;
        let id = TopUpId::generate().to_string();
        let pay: &[(&str, &str)] = &[
            ("id", &id),
            ("amount", "25"),
            ("method", ""),
            ("token", &token),
        ];
        let call = async |page_of: &Tenant, function: &str, fields: &[(&str, &str)]| {
            let request = browser.request(Method::POST, &format!("/api/{function}"));
            let request = request.header(ACCEPT, "application/json");
            let request = request.header("x-organization", page_of.organization.to_string());
            told(request.form(fields).send().await.unwrap()).await
        };
        let calls: [(&str, &[(&str, &str)]); 11] = [
            ("top_up_secret", &[("id", &id)]),
            ("finish_payment_method", &[("setup", "seti_1")]),
            ("start_top_up", pay),
            ("top_up_status", &[("id", &id)]),
            ("cancel_top_up", &[("id", &id)]),
            ("add_payment_method", &[("token", &token)]),
            ("set_default_payment_method", &[("id", &id)]),
            ("remove_payment_method", &[("id", &id)]),
            ("billing_page", &[]),
            ("history_page", &[]),
            ("organizations", &[]),
        ];
        for (function, fields) in calls {
            let (status, body) = call(&bob, function, fields).await;
            assert_eq!(status, StatusCode::CONFLICT, "{function}: {body}");
            assert_eq!(body, "other_organization", "{function}");
        }
        assert_eq!(ada.balance().await, "0.00");
        let (status, body) = call(&ada, "start_top_up", pay).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!(ada.balance().await, "25.00");
    })
    .await;
}

/// A server function called with headers that a browser adds by itself.
async fn call_with(browser: &Browser, headers: &[(&str, &str)]) -> StatusCode {
    let mut request = browser
        .request(Method::POST, "/api/viewer")
        .header(ACCEPT, "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.form(&[("", "")]).send().await.unwrap().status()
}

async fn signed_in(test: &TestServer) -> Browser {
    test.tenant("Ada").await.browser().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_from_another_site_is_refused_even_with_the_cookie() {
    with_server(async |test| {
        let browser = signed_in(test).await;
        let own = test.url.as_str();
        let refused: [&[(&str, &str)]; 4] = [
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[("origin", "https://evil.example")],
            &[("sec-fetch-site", "cross-site"), ("origin", "null")],
        ];
        for headers in refused {
            assert_eq!(
                call_with(&browser, headers).await,
                StatusCode::FORBIDDEN,
                "{headers:?}"
            );
        }
        let taken: [&[(&str, &str)]; 3] = [
            &[("sec-fetch-site", "same-origin")],
            &[("origin", own)],
            &[],
        ];
        for headers in taken {
            assert_eq!(
                call_with(&browser, headers).await,
                StatusCode::OK,
                "{headers:?}"
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_sign_in_is_refused_too() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let response = test
            .browser()
            .request(Method::POST, "/api/sign_in")
            .header(ORIGIN, "https://evil.example")
            .form(&[
                ("email", tenant.email.as_str()),
                ("password", "x"),
                ("next", "/"),
            ])
            .send()
            .await
            .unwrap();
        let (status, body) = told(response).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert_eq!(body["error"]["code"], "cross_site_request");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_the_public_address_is_our_own_site() {
    let behind_proxy = |config: &mut server::lifecycle::ServeConfig| {
        config.listen.address.public_url = Some("https://billing.example.com".to_owned());
        config.listen.secure_cookies = Some(false);
    };
    with_config(behind_proxy, async |test| {
        let browser = signed_in(test).await;
        let ours = [("origin", "https://billing.example.com")];
        assert_eq!(call_with(&browser, &ours).await, StatusCode::OK);
        let theirs = [("origin", "https://billing.example.com.evil.example")];
        assert_eq!(call_with(&browser, &theirs).await, StatusCode::FORBIDDEN);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_server_function_can_be_called_by_a_link() {
    with_server(async |test| {
        let browser = signed_in(test).await;
        for function in [
            "viewer",
            "sign_out",
            "start_top_up",
            "remove_payment_method",
        ] {
            let response = browser.get(&format!("/api/{function}")).await;
            assert!(
                response.status().is_client_error(),
                "{function}: {}",
                response.status()
            );
        }
        assert_eq!(
            call_with(&browser, &[]).await,
            StatusCode::OK,
            "still signed in"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_larger_than_any_of_ours_is_refused_before_it_is_read() {
    with_server(async |test| {
        let huge = "x".repeat(200_000);
        let response = test
            .browser()
            .call("sign_in", &[("email", &huge), ("password", "x")])
            .await;
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_with_a_slash_too_many_is_found() {
    with_server(async |test| {
        let browser = signed_in(test).await;
        let response = browser.get("/billing/?add=1").await;
        assert_eq!(response.status(), StatusCode::PERMANENT_REDIRECT);
        assert_eq!(response.headers()[LOCATION], "/billing?add=1");
    })
    .await;
}
