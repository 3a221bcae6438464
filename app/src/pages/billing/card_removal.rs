use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use types::payment::PaymentMethodView;

use crate::components::dialog::Dialog;
use crate::components::notice::{Notice, NoticeKind};
use crate::server_fns::payment_method::RemovePaymentMethod;

/// Asks before a card is forgotten.
#[component]
pub fn RemovalDialog(
    removing: RwSignal<Option<PaymentMethodView>>,
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
                    {method.card.label()}
                    " will no longer be offered for payments. You can add it again at any time."
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

/// The same question in the page, for a browser without script.
#[component]
pub fn PlainRemoval(method: PaymentMethodView) -> impl IntoView {
    view! {
        <form class="plain-removal" method="post" action=RemovePaymentMethod::url()>
            <input type="hidden" name="id" value=method.id.to_string()/>
            <p>"Remove " {method.card.label()} "? It will no longer be offered for payments."</p>
            <div class="dialog-buttons">
                <a class="button" href="/billing" rel="external">"Keep it"</a>
                <button type="submit" class="button button-danger">"Remove card"</button>
            </div>
        </form>
    }
    .into_any()
}
