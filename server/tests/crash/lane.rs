//! One installation that dies again and again, and what must be so each time it is back.

use std::time::{Duration, Instant};

use serde_json::Value;
use types::ids::{RefundId, TopUpId};

use super::far_side::{FarSide, Hearing};
use super::our_side::OurSide;
use super::story::{Afterwards, Case, Story};
use crate::process::{Installation, Running, Seeded};
use crate::support::Browser;
use crate::support::tenant::find;

const CARD: &str = "4242424242424242";
const OTHER_CARD: &str = "5555555555554444";
/// Its bank asks each time.
const ASKS: &str = "4000002760003184";
const CENTS: i64 = 1_000;
const REFUNDED_CENTS: i64 = 400;
const PASSWORD: &str = "a long enough passphrase";
/// A click, with what it leads to.
const AT_ONCE: Duration = Duration::from_secs(20);
/// Reconciliation asks about a payment that has been pending for ten seconds, every five, and a
/// second time as much later; the machine may be busy.
const BY_ITSELF: Duration = Duration::from_secs(60);

pub struct Lane {
    installation: Installation,
    seeded: Seeded,
    running: Option<Running>,
    browser: Browser,
    strangers: u32,
}

/// What is clicked: the server function with its fields.
struct Click {
    function: &'static str,
    fields: Vec<(&'static str, String)>,
}

impl Lane {
    pub async fn open() -> Self {
        let installation = Installation::create().await;
        let seeded = installation.seed().await;
        let running = installation.start().await;
        let browser = Browser::new(&running.url);
        Self {
            installation,
            seeded,
            running: Some(running),
            browser,
            strangers: 0,
        }
    }

    /// Both sides agree about everything that happened here, and the books prove.
    pub async fn close(mut self) {
        self.running.take().expect("it runs").terminate().await;
        self.installation.reconcile().await;
        self.installation.prove().await;
        self.installation.remove().await;
    }

    pub async fn go_through(&mut self, case: &Case) {
        self.sign_in(case.story).await;
        self.act(case).await;
        if case.afterwards == Afterwards::Unheard {
            self.far_side().await.hear(Hearing::Well).await;
        }
    }

    async fn act(&mut self, case: &Case) {
        let subject = match case.story {
            Story::FirstTopUp | Story::TopUp => self.top_up(case, CARD).await,
            Story::Cancel => self.cancel(case).await,
            Story::AskedAbout => self.asked_about(case).await,
            Story::Noticed => self.noticed(case).await,
            Story::AddCard => return self.add_card(case).await,
            Story::RemoveCard => return self.remove_card(case).await,
            Story::Refund => return self.refund(case).await,
        };
        self.check_top_up(case, &subject).await;
    }

    async fn top_up(&mut self, case: &Case, number: &str) -> String {
        let (id, click) = self.new_top_up(number).await;
        self.die_of(case, &click).await;
        if case.afterwards == Afterwards::ClickedAgain {
            let answer = self.click(&click).await.expect("an answer");
            assert_eq!(answer["id"], *id, "{case:?}");
        }
        id
    }

    async fn cancel(&mut self, case: &Case) -> String {
        let (id, _) = self.waiting_top_up().await;
        let click = Click {
            function: "cancel_top_up",
            fields: vec![("id", id.clone())],
        };
        self.die_of(case, &click).await;
        if case.afterwards == Afterwards::ClickedAgain {
            let answer = self.click(&click).await.expect("an answer");
            assert_eq!(answer["state"]["state"], "canceled", "{case:?} {answer}");
        }
        id
    }

    /// The first death leaves a payment that nobody asked for; the second comes when it is asked
    /// about.
    async fn asked_about(&mut self, case: &Case) -> String {
        let (id, click) = self.new_top_up(CARD).await;
        self.quiet().await;
        self.installation.die_at("charge-before-call");
        assert!(self.click(&click).await.is_none(), "{case:?}");
        self.dead(case, AT_ONCE).await;
        self.installation.die_at(case.point.name());
        self.start().await;
        self.dead(case, BY_ITSELF).await;
        self.start().await;
        if case.afterwards == Afterwards::ClickedAgain {
            self.click(&click).await.expect("an answer");
        }
        id
    }

    async fn noticed(&mut self, case: &Case) -> String {
        let (id, page) = self.waiting_top_up().await;
        self.quiet().await;
        let far_side = self.far_side().await;
        self.installation.die_at(case.point.name());
        far_side.confirm(&page).await;
        self.dead(case, AT_ONCE).await;
        self.start().await;
        if case.afterwards == Afterwards::ClickedAgain {
            // The page, which comes back from the bank, asks how it stands.
            let status = self.browser.json("top_up_status", &[("id", &id)]).await;
            assert_eq!(status["state"]["state"], "succeeded", "{case:?}");
        }
        id
    }

    /// Whatever happened, both sides end alike: at most one attempt to be paid, one credit for each
    /// charge; and one of them exactly, where the person clicked again.
    async fn check_top_up(&mut self, case: &Case, id: &str) {
        let deadline = Instant::now() + BY_ITSELF;
        let far_side = self.far_side().await;
        let mut our_side = OurSide::of(&self.installation).await;
        loop {
            let (ours, theirs) = (our_side.state(id).await, far_side.payments(id).await);
            assert!(theirs.len() <= 1, "{case:?}: asked for twice: {theirs:?}");
            if ours.as_deref() == theirs.first().map(String::as_str) {
                break;
            }
            assert!(
                Instant::now() < deadline,
                "{case:?}: {ours:?} here, {theirs:?} there"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let charged = far_side.charged_cents(id).await;
        assert_eq!(our_side.credited_cents(id).await, charged, "{case:?}");
        let is_paid_in_the_end =
            case.afterwards == Afterwards::ClickedAgain && case.story != Story::Cancel;
        if is_paid_in_the_end {
            assert_eq!(charged, [CENTS], "{case:?}");
        }
        our_side.close().await;
    }

    async fn add_card(&mut self, case: &Case) {
        let far_side = self.far_side().await;
        let token = far_side.token(OTHER_CARD).await;
        let click = Click {
            function: "add_payment_method",
            fields: vec![("token", token.clone())],
        };
        self.die_of(case, &click).await;
        if case.afterwards == Afterwards::ClickedAgain {
            let answer = self.click(&click).await.expect("an answer");
            assert!(find(&answer, "last4").is_some(), "{case:?}: {answer}");
        }
        let mut our_side = OurSide::of(&self.installation).await;
        let (saved, is_to_be_forgotten) = our_side.card(&token).await;
        // One of the two, never both and never neither: it can always be told what it is.
        assert_eq!(
            (saved, is_to_be_forgotten),
            (1 - i64::from(is_to_be_forgotten), saved == 0)
        );
        if case.afterwards == Afterwards::ClickedAgain {
            assert_eq!(saved, 1, "{case:?}");
        }
        our_side.close().await;
    }

    async fn remove_card(&mut self, case: &Case) {
        let far_side = self.far_side().await;
        let token = far_side.token(OTHER_CARD).await;
        let added = self
            .browser
            .json("add_payment_method", &[("token", &token)])
            .await;
        let id = find(&added, "id")
            .expect("a card")
            .as_str()
            .expect("its id");
        let click = Click {
            function: "remove_payment_method",
            fields: vec![("id", id.to_owned())],
        };
        self.die_of(case, &click).await;
        if case.afterwards == Afterwards::ClickedAgain {
            // It is removed already, and says so.
            self.click(&click).await.expect("an answer");
        }
        let deadline = Instant::now() + BY_ITSELF;
        let mut our_side = OurSide::of(&self.installation).await;
        while our_side.card(&token).await != (0, false) || far_side.is_attached(&token).await {
            assert!(Instant::now() < deadline, "{case:?}: it is not forgotten");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        our_side.close().await;
    }

    async fn refund(&mut self, case: &Case) {
        let (top_up, paying) = self.new_top_up(CARD).await;
        self.click(&paying).await.expect("an answer");
        let id = RefundId::generate().to_string();
        let click = Click {
            function: "refund_top_up",
            fields: vec![
                ("id", id.clone()),
                ("top_up", top_up.clone()),
                ("amount", (REFUNDED_CENTS / 100).to_string()),
            ],
        };
        self.die_of(case, &click).await;
        if case.afterwards == Afterwards::ClickedAgain {
            let answer = self.click(&click).await.expect("an answer");
            assert_eq!(answer["id"], *id, "{case:?}: {answer}");
        }
        let deadline = Instant::now() + BY_ITSELF;
        let far_side = self.far_side().await;
        let mut our_side = OurSide::of(&self.installation).await;
        while our_side.refund_state(&id).await.as_deref() == Some("processing") {
            assert!(Instant::now() < deadline, "{case:?}: it is not settled");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let refunded = far_side.refunded_cents(&top_up).await;
        let ours = our_side.refunded_cents(&top_up).await;
        assert_eq!(ours, refunded.iter().sum::<i64>(), "{case:?}");
        // Unless it was never started, which a person who clicks again does not leave at that.
        let is_started = our_side.refund_state(&id).await.is_some();
        assert!(is_started || case.afterwards != Afterwards::ClickedAgain);
        let expected: &[i64] = if is_started { &[REFUNDED_CENTS] } else { &[] };
        assert_eq!(refunded, expected, "{case:?}");
        our_side.close().await;
    }

    /// Clicks, and the server dies of it, at the case's point; then it is back.
    async fn die_of(&mut self, case: &Case, click: &Click) {
        self.quiet().await;
        if case.afterwards == Afterwards::Unheard {
            self.far_side().await.hear(Hearing::Nothing).await;
        }
        self.installation.die_at(case.point.name());
        assert!(
            self.click(click).await.is_none(),
            "{case:?}: it was answered"
        );
        self.dead(case, AT_ONCE).await;
        self.start().await;
    }

    async fn dead(&mut self, case: &Case, within: Duration) {
        self.running.take().expect("it runs").dies(within).await;
        assert!(self.installation.has_died(), "{case:?}: at another point");
    }

    async fn start(&mut self) {
        self.running = Some(self.installation.start().await);
    }

    /// Waits until nothing that happened before can come by the next point.
    async fn quiet(&self) {
        let far_side = self.far_side().await;
        let deadline = Instant::now() + AT_ONCE;
        while !far_side.has_told_everything().await {
            assert!(Instant::now() < deadline, "the processor goes on telling");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn new_top_up(&self, number: &str) -> (String, Click) {
        let id = TopUpId::generate().to_string();
        let token = self.far_side().await.token(number).await;
        let dollars = (CENTS / 100).to_string();
        let fields = vec![
            ("id", id.clone()),
            ("amount", dollars),
            ("method", String::new()),
            ("token", token),
        ];
        let function = "start_top_up";
        (id, Click { function, fields })
    }

    /// One that waits for its bank, and the bank's page.
    async fn waiting_top_up(&self) -> (String, String) {
        let (id, click) = self.new_top_up(ASKS).await;
        let started = self.click(&click).await.expect("an answer");
        let page = find(&started, "url").and_then(Value::as_str);
        (id, page.unwrap_or_else(|| panic!("{started}")).to_owned())
    }

    /// The answer, or nothing when the server died of it.
    async fn click(&self, click: &Click) -> Option<Value> {
        let request = self
            .browser
            .request(reqwest::Method::POST, &format!("/api/{}", click.function))
            .header("accept", "application/json")
            .form(&click.fields);
        let response = request.send().await.ok()?;
        let body = response.text().await.ok()?;
        Some(serde_json::from_str(&body).unwrap_or(Value::String(body)))
    }

    async fn far_side(&self) -> FarSide {
        let running = self.running.as_ref().expect("it runs");
        FarSide::of(&self.installation, &running.url).await
    }

    /// As the demo's owner; for the first top-up as somebody new.
    async fn sign_in(&mut self, story: Story) {
        let (email, password) = if story == Story::FirstTopUp {
            self.strangers += 1;
            let email = format!("stranger-{}@example.com", self.strangers);
            self.installation.add_owner(&email, PASSWORD).await;
            (email, PASSWORD.to_owned())
        } else {
            (self.seeded.email.clone(), self.seeded.password.clone())
        };
        self.browser.sign_in(&email, &password).await;
        assert!(self.browser.session.is_some(), "{email} is signed in");
    }
}
