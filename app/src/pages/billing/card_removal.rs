use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use types::payment::PaymentMethodView;

use crate::components::dialog::Dialog;
use crate::components::notice::{Notice, NoticeKind};
use crate::server_fns::billing_page::BillingPage as Page;
use crate::server_fns::payment_method::RemovePaymentMethod;

/// Asks before a card is forgotten.
#[component]
pub fn RemovalDialog(
    removing: RwSignal<Option<PaymentMethodView>>,
    page: RwSignal<Page>,
    refresh: Callback<()>,
) -> impl IntoView {
    let remove = ServerAction::<RemovePaymentMethod>::new();
    let open = RwSignal::new(false);
    Effect::new(move || {
        // What was said of another card does not hold for this one.
        remove.clear();
        open.set(removing.with(Option::is_some));
    });
    Effect::new(move || {
        if remove.value().with(|value| matches!(value, Some(Ok(())))) {
            open.set(false);
            refresh.run(());
        }
    });
    let method = move || removing.get();
    view! {
        <Dialog open title="Remove this card?" heading_id="removal-title">
            {move || method().map(|method| view! {
                <p class="dialog-text">
                    {page.with_untracked(|page| consequence(&method, &page.payment_methods))}
                    " You can add it again at any time."
                </p>
                {move || remove.value().get().and_then(Result::err).map(|error| view! {
                    <Notice kind=NoticeKind::Bad>{error.to_string()}</Notice>
                })}
                <div class="dialog-buttons">
                    <button type="button" class="button" on:click=move |_| open.set(false)>
                        "Keep it"
                    </button>
                    <button
                        type="button"
                        class="button button-danger"
                        disabled=move || remove.pending().get()
                        on:click=move |_| {
                            remove.dispatch(RemovePaymentMethod { id: method.id });
                        }
                    >
                        "Remove card"
                    </button>
                </div>
            })}
        </Dialog>
    }
    .into_any()
}

/// What is no longer so once a card is removed.
fn consequence(method: &PaymentMethodView, all: &[PaymentMethodView]) -> String {
    let label = method.card.label();
    // As the server chooses it: the newest of the others, which is the first of them here.
    let next = all.iter().find(|other| other.id != method.id);
    match next {
        None => format!(
            "{label} is the only saved card. Without it, adding credit asks for a new card each time."
        ),
        Some(next) if method.is_default => format!(
            "{label} will no longer be offered for payments. {} becomes the default.",
            next.card.label()
        ),
        Some(_) => format!("{label} will no longer be offered for payments."),
    }
}

/// The same question in the page, for a browser without script.
#[component]
pub fn PlainRemoval(method: PaymentMethodView, all: Vec<PaymentMethodView>) -> impl IntoView {
    let words = consequence(&method, &all);
    view! {
        <form class="plain-removal" method="post" action=RemovePaymentMethod::url()>
            <input type="hidden" name="id" value=method.id.to_string()/>
            <p>"Remove this card? " {words}</p>
            <div class="dialog-buttons">
                <a class="button" href="/billing" rel="external">"Keep it"</a>
                <button type="submit" class="button button-danger">"Remove card"</button>
            </div>
        </form>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use types::ids::PaymentMethodId;
    use types::payment::{Card, CardBrand};

    use super::*;

    fn card(last4: &str, is_default: bool) -> PaymentMethodView {
        PaymentMethodView {
            id: PaymentMethodId::generate(),
            card: Card {
                brand: CardBrand::Visa,
                last4: last4.to_owned(),
                expiry_month: 4,
                expiry_year: 2031,
                country: None,
            },
            is_default,
            is_expired: false,
            expires_soon: false,
        }
    }

    #[test]
    fn it_is_said_what_a_removal_changes() {
        let cards = [card("0001", true), card("0002", false), card("0003", false)];
        let words = |index: usize| consequence(&cards[index], &cards);
        assert!(
            words(0).ends_with("Visa ···· 0002 becomes the default."),
            "{}",
            words(0)
        );
        assert!(
            words(1).ends_with("no longer be offered for payments."),
            "{}",
            words(1)
        );
        let alone = consequence(&cards[0], &cards[..1]);
        assert!(alone.contains("the only saved card"), "{alone}");
    }
}
