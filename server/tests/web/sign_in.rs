//! Signing in and out.

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, COOKIE};

use crate::support::browser::session_cookie;
use crate::support::tenant::{PASSWORD, told};
use crate::support::{with_config, with_server};

#[tokio::test(flavor = "multi_thread")]
async fn the_right_password_opens_a_session_that_only_the_browser_holds() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let mut browser = test.browser();
        let response = browser.sign_in(&tenant.email, PASSWORD).await;
        let cookie = session_cookie(&response).expect("a session");
        for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        // Plain http on loopback: a browser would drop a cookie that asks for TLS.
        assert!(
            cookie.starts_with("session=") && !cookie.contains("Secure"),
            "{cookie}"
        );
        let viewer = browser.json("viewer", &[]).await;
        assert_eq!(viewer["email"], tenant.email.as_str());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_the_cookie_is_secure_and_bound_to_the_host() {
    let over_tls = |config: &mut server::lifecycle::ServeConfig| {
        config.listen.address.public_url = Some("https://billing.example.com".to_owned());
    };
    with_config(over_tls, async |test| {
        let tenant = test.tenant("Ada").await;
        let response = test.browser().sign_in(&tenant.email, PASSWORD).await;
        let cookie = session_cookie(&response).expect("a session");
        assert!(cookie.starts_with("__Host-session="), "{cookie}");
        assert!(
            cookie.contains("Secure") && !cookie.contains("Domain"),
            "{cookie}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_an_unknown_person_get_the_same_answer() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let wrong = test
            .browser()
            .sign_in(&tenant.email, "not-the-password")
            .await;
        let unknown = test
            .browser()
            .sign_in("nobody@example.com", "not-the-password")
            .await;
        assert!(session_cookie(&wrong).is_none() && session_cookie(&unknown).is_none());
        let (wrong, unknown) = (told(wrong).await, told(unknown).await);
        assert_eq!(wrong.0, StatusCode::BAD_REQUEST);
        assert_eq!(wrong, unknown);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_throttled_and_then_even_the_right_password_waits() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let mut last = StatusCode::OK;
        for _ in 0..30 {
            last = test
                .browser()
                .sign_in(&tenant.email, "not-the-password")
                .await
                .status();
            if last == StatusCode::TOO_MANY_REQUESTS {
                break;
            }
        }
        assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
        let response = test.browser().sign_in(&tenant.email, PASSWORD).await;
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(session_cookie(&response).is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sign_in_makes_a_new_session_whatever_the_browser_had() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let mut browser = test.browser();
        browser.session = Some("session=chosen-by-someone-else".to_owned());
        browser.sign_in(&tenant.email, PASSWORD).await;
        let first = browser.session.clone().expect("a session");
        assert!(!first.contains("chosen-by-someone-else"));
        browser.sign_in(&tenant.email, PASSWORD).await;
        assert_ne!(browser.session, Some(first));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_sign_in_ends_the_session_that_the_browser_had() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let mut browser = tenant.browser().await;
        let earlier = browser.clone();
        browser.sign_in(&tenant.email, PASSWORD).await;
        let viewer = earlier.call("viewer", &[]).await;
        assert_eq!(viewer.status(), StatusCode::UNAUTHORIZED);
        let viewer = browser.call("viewer", &[]).await;
        assert_eq!(viewer.status(), StatusCode::OK);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_form_without_a_session_leads_to_the_sign_in_and_back() {
    with_server(async |test| {
        let id = "01932f6e-7c1a-7000-8000-0123456789ab";
        let fields = [("id", id), ("amount", "25"), ("method", id), ("token", "")];
        let response = test.browser().post("start_top_up", &fields).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        let location = response.headers()["location"].to_str().unwrap();
        let next = id.replace('-', "%2D");
        assert_eq!(location, format!("/login?next=%2Fbilling%3Fadd%3D{next}"));
        let cookies: Vec<_> = response
            .headers()
            .get_all("set-cookie")
            .iter()
            .map(|cookie| cookie.to_str().unwrap().to_owned())
            .collect();
        let kept = |name: &str| cookies.iter().any(|cookie| cookie.starts_with(name));
        assert!(kept("refused-sign_in="), "{cookies:?}");
        assert!(kept("refused-top_up="), "{cookies:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_session_for_whoever_kept_its_cookie() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let browser = tenant.browser().await;
        let answer = browser.call("sign_out", &[]).await;
        let cleared = session_cookie(&answer).expect("the cookie is cleared");
        assert!(cleared.contains("Max-Age=0"), "{cleared}");
        let response = browser.call("viewer", &[]).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_script_the_form_leads_to_the_page_that_was_wanted() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let post = |next: &str| {
            let form = [
                ("email", tenant.email.as_str()),
                ("password", PASSWORD),
                ("next", next),
            ];
            test.browser()
                .request(reqwest::Method::POST, "/api/sign_in")
                .header(ACCEPT, "text/html")
                .form(&form)
                .send()
        };
        let response = post("/billing/history").await.unwrap();
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        assert_eq!(response.headers()["location"], "/billing/history");
        let response = post("https://evil.example/").await.unwrap();
        assert_eq!(response.headers()["location"], "/billing");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_made_up_cookie_is_like_none() {
    with_server(async |test| {
        for cookie in [
            "session=",
            "session=x",
            "session=\u{ff}",
            "a=b; session=zz; session=y",
        ] {
            let response = test
                .browser()
                .request(reqwest::Method::POST, "/api/viewer")
                .header(COOKIE, cookie)
                .header(ACCEPT, "application/json")
                .form(&[("", "")])
                .send()
                .await
                .unwrap();
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{cookie:?}");
        }
    })
    .await;
}
