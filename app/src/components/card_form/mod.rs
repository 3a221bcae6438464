//! A new card, entered by the person and given from the browser to the gateway: no form of ours
//! ever holds it. One interface, [`CardDraft`], and two ways to draw it.
//!
//! | | the sandbox | Stripe |
//! | --- | --- | --- |
//! | drawn by | our fields: they reformat themselves while typed (`format`) | Stripe's Payment Element, in a frame (`element`) |
//! | judged by | `check`, before they leave | the Element |
//! | made a token by | the sandbox's tokenizer | Stripe's script |
//! | the bank's question, where it has no page | does not happen | Stripe's script |

mod check;
mod countries;
mod element;
mod format;

use leptos::prelude::*;
use types::payment::{CardBrand, PaymentField, TokenizerView};
use web_sys::HtmlInputElement;

use self::check::TypedCard;
use self::countries::{COUNTRIES, FIRST};
use self::element::StripeElement;
use super::brand_mark::BrandMark;
use super::field::{FieldProblem, InputKind, PaymentInput};
use super::icon::{Glyph, Icon};
use super::problem::{Problem, Problems, input_id};
use crate::browser;
use crate::browser::stripe::Purpose;
use crate::layout::payments_mode::PaymentsMode;
use crate::server_fns::billing_page::BillingPage as Page;

/// A card while it is typed. It stays as it is when a payment fails.
#[derive(Clone, Copy)]
pub struct CardDraft {
    tokenizer: StoredValue<TokenizerView>,
    number: RwSignal<String>,
    expiry: RwSignal<String>,
    security_code: RwSignal<String>,
    country: RwSignal<String>,
    /// Whether the gateway's script asks the person at this moment, in the page.
    script_asks: RwSignal<bool>,
}

impl CardDraft {
    pub fn new(tokenizer: TokenizerView) -> Self {
        Self {
            tokenizer: StoredValue::new(tokenizer),
            number: RwSignal::new(String::new()),
            expiry: RwSignal::new(String::new()),
            security_code: RwSignal::new(String::new()),
            country: RwSignal::new(String::new()),
            script_asks: RwSignal::new(false),
        }
    }

    /// Where problems are shown. Stripe's fields take no message of ours: what concerns one of them
    /// stands above the button.
    pub fn place(self, problems: Vec<Problem>) -> Vec<Problem> {
        if !self.is_stripes() {
            return problems;
        }
        let place = |problem: Problem| match problem.field {
            Some(
                PaymentField::CardNumber
                | PaymentField::Expiry
                | PaymentField::SecurityCode
                | PaymentField::Country,
            ) => problem.above_button(),
            Some(PaymentField::Amount | PaymentField::PaymentMethod) | None => problem,
        };
        problems.into_iter().map(place).collect()
    }

    /// Whether nothing has been typed yet.
    pub fn is_empty(self) -> bool {
        if self.is_stripes() {
            return browser::stripe::is_empty();
        }
        [self.number, self.expiry, self.security_code]
            .iter()
            .all(|field| field.with_untracked(String::is_empty))
    }

    /// Forgets the card, once it is saved or was paid with.
    pub fn clear(self) {
        for field in [self.number, self.expiry, self.security_code] {
            field.try_set(String::new());
        }
    }

    /// Judges the card and gives it to the gateway; the token, or what to mend and where. Without
    /// a problem to show, the gateway's own fields show it.
    pub async fn tokenize(self) -> Result<String, Vec<Problem>> {
        if self.is_stripes() {
            let token = browser::stripe::token().await;
            return token.map_err(|problem| vec![problem])?.ok_or_else(Vec::new);
        }
        let fields = check::check(&self.typed(), browser::current_month())?;
        browser::tokenizer::tokenize(&self.tokenizer.get_value(), &fields)
            .await
            .map_err(|problem| vec![problem])
    }

    /// Has the gateway's script ask what the card's bank asks, where the bank has no page. It asks
    /// once at a time.
    pub async fn ask(self, client_secret: &str) -> Result<(), Problem> {
        if !self.is_stripes() || self.script_asks.get_untracked() {
            return Ok(());
        }
        self.script_asks.set(true);
        let asked = browser::stripe::ask(&self.tokenizer.get_value(), client_secret).await;
        self.script_asks.try_set(false);
        asked
    }

    /// Whether it asks at this moment: what is modal must stand beside it.
    pub fn script_asks(self) -> Signal<bool> {
        self.script_asks.into()
    }

    /// Says at a field that it is wrong as soon as the person goes on. To leave it empty is no
    /// mistake yet.
    fn judge(self, problems: Problems, field: PaymentField, value: RwSignal<String>) {
        if value.with_untracked(|value| value.trim().is_empty()) {
            return;
        }
        let mut found = self.problems().into_iter();
        if let Some(problem) = found.find(|problem| problem.field == Some(field)) {
            problems.say(problem);
        }
    }

    /// Whether Stripe's own fields stand for ours.
    fn is_stripes(self) -> bool {
        self.tokenizer.with_value(TokenizerView::is_script)
    }

    /// What is wrong as far as can be known without asking anyone.
    pub fn problems(self) -> Vec<Problem> {
        if self.is_stripes() {
            return Vec::new();
        }
        check::check(&self.typed(), browser::current_month())
            .err()
            .unwrap_or_default()
    }

    fn typed(self) -> TypedCard {
        TypedCard {
            number: self.number.get_untracked(),
            expiry: self.expiry.get_untracked(),
            security_code: self.security_code.get_untracked(),
            country: self.country.get_untracked(),
        }
    }

    fn brand(self) -> CardBrand {
        self.number
            .with(|number| format::brand_of(&format::digits(number)))
    }
}

/// A new card, by whichever fields this installation has.
#[component]
pub fn CardFieldset(
    draft: CardDraft,
    problems: Problems,
    /// What the card is entered for.
    #[prop(into)]
    purpose: Signal<Purpose>,
) -> impl IntoView {
    let fields = if draft.is_stripes() {
        view! { <StripeElement tokenizer=draft.tokenizer.get_value() purpose/> }.into_any()
    } else {
        view! { <OwnFields draft problems/> }.into_any()
    };
    view! {
        <fieldset class="card-fields">
            <legend class="visually-hidden">"New card"</legend>
            {fields}
            {(PaymentsMode::of_site() == PaymentsMode::Test).then(|| view! { <TestCardHint/> })}
        </fieldset>
    }
    .into_any()
}

#[component]
fn OwnFields(draft: CardDraft, problems: Problems) -> impl IntoView {
    let brand = Memo::new(move |_| draft.brand());
    let judge = move |field, value| Callback::new(move |()| draft.judge(problems, field, value));
    // A code that is longer than this brand's was another card's.
    Effect::new(move || {
        let longest = format::security_code_length(brand.get());
        draft.security_code.update(|code| code.truncate(longest));
    });
    view! {
        <PaymentInput
            field=PaymentField::CardNumber
            label="Card number"
            kind=InputKind {
                autocomplete: "cc-number",
                inputmode: "numeric",
                placeholder: "1234 1234 1234 1234",
            }
            value=draft.number
            problems
            on_input=Box::new(type_number)
            on_leave=judge(PaymentField::CardNumber, draft.number)
            after=view! { <span class="input-after">{move || view! { <BrandMark brand=brand.get()/> }}</span> }.into_any()
        />
        <div class="field-row">
            <PaymentInput
                field=PaymentField::Expiry
                label="Expiration date"
                kind=InputKind { autocomplete: "cc-exp", inputmode: "numeric", placeholder: "MM / YY" }
                value=draft.expiry
                problems
                on_input=Box::new(type_expiry)
                on_leave=Callback::new(move |()| {
                    draft.expiry.update(|expiry| *expiry = format::expiry(expiry, ""));
                    draft.judge(problems, PaymentField::Expiry, draft.expiry);
                })
            />
            <PaymentInput
                field=PaymentField::SecurityCode
                label="Security code"
                kind=InputKind { autocomplete: "cc-csc", inputmode: "numeric", placeholder: "CVC" }
                value=draft.security_code
                problems
                on_input=Box::new(move |input, value| {
                    let longest = format::security_code_length(brand.get_untracked());
                    type_security_code(input, value, longest);
                })
                on_leave=judge(PaymentField::SecurityCode, draft.security_code)
            />
        </div>
        <CountrySelect draft problems/>
    }
    .into_any()
}

#[component]
fn CountrySelect(draft: CardDraft, problems: Problems) -> impl IntoView {
    let id = input_id(PaymentField::Country);
    let message = problems.message(PaymentField::Country);
    if draft.country.with_untracked(String::is_empty) {
        let region = browser::region();
        let known = region.filter(|region| COUNTRIES.iter().any(|(code, _)| code == region));
        draft.country.set(known.unwrap_or_else(|| FIRST.to_owned()));
    }
    let chosen = draft.country.get_untracked();
    let first = COUNTRIES.iter().filter(|(code, _)| *code == FIRST);
    let rest = COUNTRIES.iter().filter(|(code, _)| *code != FIRST);
    let options = first.chain(rest).map(|(code, name)| {
        view! { <option value=*code selected=*code == chosen>{*name}</option> }
    });
    view! {
        <div class="field">
            <label for=id>"Country"</label>
            <select
                id=id
                autocomplete="billing country"
                aria-invalid=move || message.get().is_some().then_some("true")
                aria-describedby=move || message.get().map(|_| format!("{id}-problem"))
                on:change=move |event| {
                    draft.country.set(event_target_value(&event));
                    problems.clear_at(PaymentField::Country);
                }
            >
                {options.collect_view()}
            </select>
            {move || message.get().map(|message| view! { <FieldProblem id=format!("{id}-problem") message/> })}
        </div>
    }
    .into_any()
}

/// A gateway in test mode takes test cards alone; say so where someone might type a real one.
#[component]
fn TestCardHint() -> impl IntoView {
    view! {
        <p class="test-card-hint">
            "No real card is charged here. Use "
            <span class="mono">"4242 4242 4242 4242"</span>
            ", any future date and any code."
        </p>
    }
    .into_any()
}

/// Where a card goes, for whoever is about to pay with one. Stands beside the button.
#[component]
pub fn SecureLine(
    page: RwSignal<Page>,
    /// What the card is entered for.
    purpose: Purpose,
) -> impl IntoView {
    let words = page.with_untracked(|page| where_a_card_goes(&page.tokenizer, purpose));
    view! {
        <p class="secure-line">
            <Icon glyph=Glyph::Lock/>
            <span>{words}</span>
        </p>
    }
    .into_any()
}

/// The sandbox is a part of this server: there it would be untrue that no card comes to us.
fn where_a_card_goes(tokenizer: &TokenizerView, purpose: Purpose) -> &'static str {
    match (tokenizer.is_script(), purpose) {
        (true, Purpose::Pay(_)) if tokenizer.takes_link => {
            "Secure, fast checkout with Link. Card details go straight to Stripe and never touch our servers."
        }
        // A card is saved without Link.
        (true, Purpose::Pay(_) | Purpose::Save) => {
            "Card details go straight to Stripe and never touch our servers."
        }
        (false, Purpose::Pay(_) | Purpose::Save) => {
            "Test mode. Cards go to this server's own sandbox."
        }
    }
}

fn type_number(input: &HtmlInputElement, value: RwSignal<String>) {
    let typed = format::number(&input.value(), browser::caret(input));
    browser::rewrite(input, &typed.text, typed.caret);
    value.set(typed.text);
}

fn type_expiry(input: &HtmlInputElement, value: RwSignal<String>) {
    let text = input.value();
    let at_end = browser::caret(input) >= text.len();
    let formatted = value.with_untracked(|previous| format::expiry(&text, previous));
    let caret = if at_end {
        formatted.len()
    } else {
        browser::caret(input)
    };
    browser::rewrite(input, &formatted, caret);
    value.set(formatted);
}

fn type_security_code(input: &HtmlInputElement, value: RwSignal<String>, longest: usize) {
    let code: String = format::digits(&input.value())
        .chars()
        .take(longest)
        .collect();
    let caret = browser::caret(input).min(code.len());
    browser::rewrite(input, &code, caret);
    value.set(code);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_where_cards_go_to_another_server_is_it_said_that_none_comes_to_ours() {
        for purpose in [PAY, Purpose::Save] {
            let own = words("/sandbox/v1/payment_methods", true, purpose);
            assert!(own.contains("sandbox") && !own.contains("never"), "{own}");
            let stripes = words(TokenizerView::STRIPE_SCRIPT, true, purpose);
            assert!(stripes.contains("never touch our servers"), "{stripes}");
        }
    }

    #[test]
    fn link_is_named_only_where_it_can_pay() {
        let names_link = |takes_link, purpose| {
            words(TokenizerView::STRIPE_SCRIPT, takes_link, purpose).contains("Link")
        };
        assert!(names_link(true, PAY));
        assert!(!names_link(false, PAY));
        assert!(!names_link(true, Purpose::Save));
    }

    const PAY: Purpose = Purpose::Pay(types::money::Cents::new(2_500));

    fn words(url: &str, takes_link: bool, purpose: Purpose) -> &'static str {
        let tokenizer = TokenizerView {
            url: url.to_owned(),
            publishable_key: String::new(),
            takes_link,
        };
        where_a_card_goes(&tokenizer, purpose)
    }
}
