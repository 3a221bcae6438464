use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos::task::spawn_local;
use types::payment::PaymentMethodView;

use super::card_news::CardNews;
use super::methods_card::METHODS_TITLE;
use crate::browser;
use crate::components::dialog::Dialog;
use crate::components::problem::{GeneralProblem, Problem, Problems, explained};
use crate::server_fns::billing_page::BillingPage as Page;
use crate::server_fns::payment_method::{RemovePaymentMethod, remove_payment_method};

/// The dialog's state.
#[derive(Clone, Copy)]
struct Removal {
    /// The card that the dialog asks about, or asked about last.
    asked: RwSignal<Option<PaymentMethodView>>,
    open: RwSignal<bool>,
    working: RwSignal<bool>,
    problems: Problems,
    news: CardNews,
    refresh: Callback<()>,
}

impl Removal {
    fn remove(self, method: PaymentMethodView) {
        if self.working.get_untracked() {
            return;
        }
        self.working.set(true);
        self.problems.clear();
        spawn_local(async move {
            let id = method.id;
            // The dialog may have been closed meanwhile, and ask about another card by now.
            let is_asked = move || {
                let asked = self.asked.try_get_untracked().flatten();
                asked.is_some_and(|asked| asked.id == id)
            };
            match remove_payment_method(id).await {
                Ok(()) => {
                    self.news
                        .say(format!("{} was removed.", method.card.label()));
                    if is_asked() {
                        self.open.try_set(false);
                        // What opened the dialog goes with the card.
                        browser::focus_after_render(METHODS_TITLE);
                    }
                    self.refresh.run(());
                }
                Err(error) => {
                    let problem = Problem::from(&explained(error).await);
                    if is_asked() && self.open.try_get_untracked() == Some(true) {
                        self.problems.show(vec![problem.above_button()]);
                    } else {
                        self.news.refuse(problem);
                    }
                }
            }
            self.working.try_set(false);
        });
    }
}

/// Asks before a card is forgotten.
#[component]
pub fn RemovalDialog(
    removing: RwSignal<Option<PaymentMethodView>>,
    page: RwSignal<Page>,
    news: CardNews,
    refresh: Callback<()>,
) -> impl IntoView {
    let open = RwSignal::new(false);
    let removal = Removal {
        asked: removing,
        open,
        working: RwSignal::new(false),
        problems: Problems::new("removal-problem"),
        news,
        refresh,
    };
    let working = removal.working;
    Effect::new(move || {
        // What was said of another card does not hold for this one.
        removal.problems.clear();
        open.set(removing.with(Option::is_some));
    });
    let method = move || removing.get();
    view! {
        <Dialog open title="Remove this card?" heading_id="removal-title">
            {move || method().map(|method| view! {
                <p class="dialog-text">
                    {page.with_untracked(|page| consequence(&method, &page.payment_methods))}
                    " You can add it again at any time."
                </p>
                <GeneralProblem problems=removal.problems/>
                <div class="dialog-buttons">
                    <button type="button" class="button" on:click=move |_| open.set(false)>
                        "Keep it"
                    </button>
                    <button
                        type="button"
                        class="button button-danger"
                        disabled=move || working.get()
                        class:working=move || working.get()
                        on:click=move |_| removal.remove(method.clone())
                    >
                        <span>"Remove card"</span>
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
