//! An organization of a story.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use types::ids::{OrganizationId, ProjectId, TopUpId, UserId};
use types::tenancy::Role;

use super::{Browser, TestServer, client};

pub const PASSWORD: &str = "willow-anchor-basalt-9";
pub const GOOD_CARD: &str = "4242424242424242";

pub struct Tenant {
    pub name: String,
    pub email: String,
    pub user: UserId,
    pub organization: OrganizationId,
    pub project: ProjectId,
    pub api_key: String,
    url: String,
}

impl Tenant {
    pub async fn create(test: &TestServer, name: &str) -> Self {
        let billing = &test.server.billing;
        let email = format!("{}@example.com", name.to_lowercase());
        let user = billing
            .tenancy()
            .create_user(&email, PASSWORD)
            .await
            .expect("a user");
        let tenancy = billing.tenancy();
        let organization = tenancy
            .create_organization(name, user)
            .await
            .expect("an organization");
        let project = billing
            .operator()
            .create_project(organization, "Main")
            .await
            .expect("a project");
        let (_, api_key) = billing
            .operator()
            .create_key(organization, project, "gateway")
            .await
            .expect("a key");
        let name = name.to_owned();
        Self {
            name,
            email,
            user,
            organization,
            project,
            api_key,
            url: test.url.clone(),
        }
    }

    /// The owner's browser, signed in.
    pub async fn browser(&self) -> Browser {
        let mut browser = Browser::new(&self.url);
        let response = browser.sign_in(&self.email, PASSWORD).await;
        assert!(
            browser.session.is_some(),
            "signing in failed: {}",
            response.status()
        );
        browser
    }

    /// Another person of the organization, signed in.
    pub async fn colleague(&self, test: &TestServer, role: Role) -> Browser {
        let billing = &test.server.billing;
        let email = format!("{}-{}", role.as_str(), self.email);
        let user = billing
            .tenancy()
            .create_user(&email, PASSWORD)
            .await
            .expect("a user");
        billing
            .operator()
            .add_member(self.organization, user, role)
            .await
            .expect("a member");
        let mut browser = Browser::new(&self.url);
        browser.sign_in(&email, PASSWORD).await;
        assert!(browser.session.is_some(), "{role:?} cannot sign in");
        browser
    }

    pub fn events_url(&self) -> String {
        format!("{}/v1/events", self.url)
    }

    /// Reports usage; `body` as it goes over the wire.
    pub async fn report(&self, content_type: &str, body: impl Into<reqwest::Body>) -> Response {
        client()
            .post(self.events_url())
            .header("x-api-key", &self.api_key)
            .header(CONTENT_TYPE, content_type)
            .body(body)
            .send()
            .await
            .expect("an answer")
    }

    /// Reports usage as plain JSON.
    pub async fn report_json(&self, body: &Value) -> Response {
        self.report("application/json", body.to_string()).await
    }

    /// `balance` of `GET /v1/balance`.
    pub async fn balance(&self) -> String {
        let body: Value = client()
            .get(format!("{}/v1/balance", self.url))
            .header("x-api-key", &self.api_key)
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        body["balance"].as_str().expect("a string").to_owned()
    }

    /// Gives a card to the processor, as the page does.
    pub async fn token(&self, browser: &Browser, number: &str) -> String {
        let page = browser.json("billing_page", &[]).await;
        let tokenizer = find(&page, "tokenizer").expect("the page knows the tokenizer");
        let url = tokenizer["url"].as_str().expect("an address");
        let body: Value = client()
            .post(format!("{}{url}", self.url))
            .bearer_auth(tokenizer["publishable_key"].as_str().expect("a key"))
            .form(&[
                ("type", "card"),
                ("card[number]", number),
                ("card[exp_month]", "12"),
                ("card[exp_year]", "2034"),
                ("card[cvc]", "123"),
                ("billing_details[address][country]", "US"),
            ])
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        body["id"]
            .as_str()
            .unwrap_or_else(|| panic!("no token: {body}"))
            .to_owned()
    }

    /// Adds credit with a new card and returns the top-up.
    pub async fn add_credit(&self, amount: &str) -> Value {
        let browser = self.browser().await;
        let token = self.token(&browser, GOOD_CARD).await;
        let id = TopUpId::generate().to_string();
        let fields = [
            ("id", id.as_str()),
            ("amount", amount),
            ("method", ""),
            ("token", token.as_str()),
        ];
        let top_up = browser.json("start_top_up", &fields).await;
        assert_eq!(top_up["state"]["state"], "succeeded", "{top_up}");
        top_up
    }
}

/// The README's example request, under an id.
pub fn event(id: &str) -> Value {
    json!({
        "specversion": "1.0",
        "id": id,
        "source": "/gateway/test",
        "type": "inference.request",
        "data": { "model": "gpt-oss-120b", "input_tokens": 112, "output_tokens": 44 }
    })
}

/// A member of a JSON value, wherever it is.
pub fn find<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(members) => members
            .get(name)
            .or_else(|| members.values().find_map(|member| find(member, name))),
        Value::Array(list) => list.iter().find_map(|item| find(item, name)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// Status and body of an answer.
pub async fn told(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = response.text().await.expect("a body");
    (
        status,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}
