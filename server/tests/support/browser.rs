//! A person with a browser: cookies are kept, redirects are looked at and not followed.

use reqwest::header::{ACCEPT, COOKIE, SET_COOKIE};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;

#[derive(Clone)]
pub struct Browser {
    base: String,
    client: reqwest::Client,
    pub session: Option<String>,
}

impl Browser {
    pub fn new(base: &str) -> Self {
        Self {
            base: base.to_owned(),
            client: super::client(),
            session: None,
        }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.session {
            Some(session) => request.header(COOKIE, session),
            None => request,
        }
    }

    /// Opens a page.
    pub async fn get(&self, path: &str) -> Response {
        let request = self.request(Method::GET, path).header(ACCEPT, "text/html");
        request.send().await.expect("an answer")
    }

    /// Calls a server function as the page's script does.
    pub async fn call(&self, function: &str, fields: &[(&str, &str)]) -> Response {
        self.request(Method::POST, &format!("/api/{function}"))
            .header(ACCEPT, "application/json")
            .header("sec-fetch-site", "same-origin")
            .form(fields)
            .send()
            .await
            .expect("an answer")
    }

    /// Posts a form as a browser without script does.
    pub async fn post(&self, address: &str, fields: &[(&str, &str)]) -> Response {
        self.request(Method::POST, &format!("/api/{address}"))
            .header(ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8")
            .header("sec-fetch-site", "same-origin")
            .form(fields)
            .send()
            .await
            .expect("an answer")
    }

    /// Calls one that must succeed.
    pub async fn json(&self, function: &str, fields: &[(&str, &str)]) -> Value {
        let response = self.call(function, fields).await;
        let status = response.status();
        let body = response.text().await.expect("a body");
        assert_eq!(status, StatusCode::OK, "{function}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }

    /// Signs in; the answer, with its cookie kept.
    pub async fn sign_in(&mut self, email: &str, password: &str) -> Response {
        let fields = [
            ("email", email),
            ("password", password),
            ("next", "/billing"),
        ];
        let response = self.call("sign_in", &fields).await;
        if let Some(cookie) = session_cookie(&response) {
            let pair = cookie.split(';').next().expect("a pair").to_owned();
            self.session = Some(pair);
        }
        response
    }
}

/// The session cookie as the server wrote it.
pub fn session_cookie(response: &Response) -> Option<String> {
    response
        .headers()
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .find(|cookie| cookie.starts_with("session=") || cookie.starts_with("__Host-session="))
        .map(str::to_owned)
}
