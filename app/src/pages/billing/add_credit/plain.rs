use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use types::ids::TopUpId;
use types::payment::PaymentMethodView;
use types::top_up::{DEFAULT_PRESET, PRESETS, TopUpLimits};

use super::dialog::exact;
use crate::components::brand_mark::BrandMark;
use crate::components::notice::{Notice, NoticeKind};
use crate::pages::billing::methods_card::Expiry;
use crate::server_fns::refusal::Refusal;
use crate::server_fns::top_up::StartTopUp;

/// Adding credit without script, with a saved card: the server makes the id when it renders the
/// form, so that posting the same form twice is one payment.
#[component]
pub fn PlainTopUp(
    methods: Vec<PaymentMethodView>,
    limits: TopUpLimits,
    refusal: Option<Refusal>,
) -> impl IntoView {
    let usable: Vec<_> = methods
        .into_iter()
        .filter(|method| !method.is_expired)
        .collect();
    let body = if usable.is_empty() {
        view! {
            <p class="dialog-text">
                "Adding a card needs script: its number goes straight from your browser to the payment processor. Switch script on and reload this page."
            </p>
        }
        .into_any()
    } else {
        view! { <PlainForm methods=usable limits refusal/> }.into_any()
    };
    view! {
        <section class="card plain-top-up" aria-labelledby="plain-title">
            <h2 id="plain-title">"Add to credit balance"</h2>
            {body}
        </section>
    }
    .into_any()
}

#[component]
fn PlainForm(
    methods: Vec<PaymentMethodView>,
    limits: TopUpLimits,
    refusal: Option<Refusal>,
) -> impl IntoView {
    let typed = |name: &str| refusal.as_ref().and_then(|refusal| refusal.typed(name));
    let amount = typed("amount").map_or_else(|| DEFAULT_PRESET.to_string(), str::to_owned);
    let is_preset = PRESETS.iter().any(|preset| preset.to_string() == amount);
    let other = if is_preset {
        String::new()
    } else {
        amount.clone()
    };
    let chosen = typed("method")
        .and_then(|id| methods.iter().find(|method| method.id.to_string() == id))
        .or_else(|| methods.iter().find(|method| method.is_default))
        .or_else(|| methods.first())
        .map(|method| method.id);
    let presets = PRESETS.map(|preset| {
        view! {
            <label class="preset">
                <input
                    type="radio"
                    name="amount"
                    value=preset.to_string()
                    checked=preset.to_string() == amount
                />
                {format!("${}", preset.get() / 100)}
            </label>
        }
    });
    let message = refusal.as_ref().map(|refusal| refusal.message.clone());
    let rows = methods.into_iter().map(|method| {
        view! {
            <label class="method-option">
                <input
                    type="radio"
                    name="method"
                    value=method.id.to_string()
                    checked=Some(method.id) == chosen
                />
                <BrandMark brand=method.card.brand/>
                <span class="method-label">{method.card.label()}</span>
                <Expiry method/>
            </label>
        }
    });
    let hint = format!(
        "From {} to {}",
        exact(limits.minimum.dollars()),
        exact(limits.maximum.dollars())
    );
    view! {
        <form class="form" method="post" action=StartTopUp::url()>
            {message.map(|message| view! {
                <Notice kind=NoticeKind::Bad>{message}</Notice>
            })}
            <input type="hidden" name="id" value=TopUpId::generate().to_string()/>
            <fieldset class="amount-field">
                <legend>"Amount (USD)"</legend>
                <div class="presets">
                    {presets.collect_view()}
                    <label class="preset">
                        <input type="radio" name="amount" value="" checked=!is_preset/>
                        "Other"
                    </label>
                </div>
                <div class="field">
                    <label for="other-amount">"Other amount"</label>
                    <div class="input-box">
                        <span class="input-before" aria-hidden="true">"$"</span>
                        <input
                            id="other-amount"
                            name="other_amount"
                            inputmode="decimal"
                            autocomplete="transaction-amount"
                            value=other
                            aria-describedby="other-amount-hint"
                        />
                    </div>
                    <p class="field-hint" id="other-amount-hint">{hint}</p>
                </div>
            </fieldset>
            <fieldset class="method-choice">
                <legend>"Payment method"</legend>
                <div class="method-options">{rows.collect_view()}</div>
            </fieldset>
            <div class="dialog-buttons">
                <a class="button" href="/billing" rel="external">"Cancel"</a>
                <button type="submit" class="button button-primary"><span>"Add credit"</span></button>
            </div>
        </form>
    }
    .into_any()
}
