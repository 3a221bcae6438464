use leptos::prelude::*;
use types::money::Dollars;

/// How an amount is written where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoneyStyle {
    /// `$12.50`
    Plain,
    /// `+$12.50`: a movement.
    Signed,
    /// `$24.99` of 24.9999568: a balance never shows more than there is.
    RoundedDown,
    /// `$0.01`: what a card is charged, in cents however little it is.
    Cents,
}

/// An amount: short to the eye, exact on hover and in `value`, for scripts.
///
/// A minus is also said in words: most screen readers pass over the hyphen.
#[component]
pub fn Money(
    amount: Dollars,
    #[prop(default = MoneyStyle::Plain)] style: MoneyStyle,
) -> impl IntoView {
    let short = match style {
        MoneyStyle::Plain => amount.to_string(),
        MoneyStyle::Signed => amount.signed(),
        MoneyStyle::RoundedDown => amount.rounded_down(),
        MoneyStyle::Cents => amount.exact_label(),
    };
    let (minus, digits) = match short.strip_prefix('-') {
        Some(digits) => (true, digits.to_owned()),
        None => (false, short),
    };
    view! {
        <data class="money" value=amount.exact() title=amount.exact_label()>
            {minus.then(|| view! {
                <span class="visually-hidden">"minus "</span>
                <span aria-hidden="true">"-"</span>
            })}
            {digits}
        </data>
    }
    .into_any()
}
