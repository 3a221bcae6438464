use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use types::dispute::{DisputeNotice, DisputeSum};
use types::ids::TopUpId;
use types::money::Cents;
use types::tenancy::Role;
use types::top_up::{TopUpState, TopUpView};

use super::add_credit::{Settling, TopUpForm};
use crate::browser;
use crate::components::money::{Money, MoneyStyle};
use crate::components::notice::{Notice, NoticeKind};
use crate::server_fns::top_up::{CancelTopUp, status_page};

/// How a top-up stands that no dialog shows, in words.
#[component]
pub fn ResultNotice(top_up: TopUpView, role: Role) -> impl IntoView {
    let amount = top_up.amount.dollars();
    let page = status_page(top_up.id);
    match top_up.state {
        TopUpState::Succeeded { .. } => view! {
            <Notice kind=NoticeKind::Good>
                <Money amount/>
                " was added. Your balance is "
                <Money amount=top_up.balance.dollars() style=MoneyStyle::RoundedDown/>
                "."
            </Notice>
        }
        .into_any(),
        TopUpState::Failed { reason } => {
            view! { <Notice kind=NoticeKind::Bad>{reason.message()}</Notice> }.into_any()
        }
        TopUpState::Canceled => view! {
            <Notice kind=NoticeKind::Bad>"The payment was canceled. Nothing was charged."</Notice>
        }
        .into_any(),
        TopUpState::Processing => view! {
            <Notice kind=NoticeKind::Waiting>
                <Money amount/>
                " is still processing, no need to pay again. "
                <a href=page rel="external">"Look again"</a>
            </Notice>
        }
        .into_any(),
        TopUpState::RequiresAction { url } => {
            view! { <Asked id=top_up.id amount page url role/> }.into_any()
        }
    }
}

/// The bank's question, where no script shows it in a dialog.
#[component]
fn Asked(
    id: TopUpId,
    amount: types::money::Dollars,
    page: String,
    url: Option<String>,
    role: Role,
) -> impl IntoView {
    if !role.may_change_money() {
        return view! {
            <Notice kind=NoticeKind::Waiting>
                <Money amount/>
                " waits for an owner or billing admin to confirm it at the bank."
            </Notice>
        }
        .into_any();
    }
    view! {
        <Notice kind=NoticeKind::Waiting>
            "Your bank wants you to confirm "
            <Money amount/>
            ". Nothing is charged before. "
            {match url {
                Some(url) => view! {
                    <a href=url rel="external noopener" target="_blank">"Confirm at your bank"</a>
                    ", then "
                    <a href=page rel="external">"look again"</a>
                    "."
                }
                .into_any(),
                // The gateway's script asks, in the dialog that takes this notice's place.
                None => view! {
                    "Confirming it needs script: switch it on in your browser and reload this page. "
                    <a href=page rel="external">"Look again"</a>
                }
                .into_any(),
            }}
            <form class="notice-form" method="post" action=CancelTopUp::url()>
                <input type="hidden" name="id" value=id.to_string()/>
                <button type="submit" class="button">"Cancel this payment"</button>
            </form>
        </Notice>
    }
    .into_any()
}

/// What waits for the person at their bank, whichever device it began on.
#[component]
pub fn WaitingNotice(
    #[prop(into)] waiting: Signal<Option<(TopUpId, Cents)>>,
    form: TopUpForm,
) -> impl IntoView {
    let unseen = move || {
        let shown = form.notice.get().map(|top_up| top_up.id);
        waiting.get().filter(|(id, _)| shown != Some(*id))
    };
    move || {
        unseen().map(|(id, amount)| {
            view! {
                <Notice kind=NoticeKind::Waiting>
                    "Your bank wants you to confirm "
                    <Money amount=amount.dollars()/>
                    ". Nothing is charged before. "
                    <a href=status_page(id) rel="external">"Confirm it now"</a>
                </Notice>
            }
        })
    }
}

/// What banks hold, and what they took, because a card's owner complained.
#[component]
pub fn DisputeBanner(dispute: DisputeNotice) -> impl IntoView {
    view! {
        <DisputesAlike
            sum=dispute.awaited
            kind=NoticeKind::Waiting
            of_one=(
                "A payment is disputed at the bank, which holds back ",
                " until it decides. If that is a mistake, ask your bank to withdraw the dispute.",
            )
            of_many=(
                "Payments are disputed at their banks, which hold back ",
                " until they decide. If that is a mistake, ask your bank to withdraw the disputes.",
            )
            of_nothing="A bank asks about one of your payments. No money has moved."
        />
        <DisputesAlike
            sum=dispute.lost
            kind=NoticeKind::Bad
            of_one=(
                "The bank decided a dispute for the card's owner. Of your credit, ",
                " was taken back.",
            )
            of_many=(
                "The banks decided disputes for the cards' owners. Of your credit, ",
                " was taken back.",
            )
            of_nothing="A bank decided a dispute for the card's owner. None of your credit was taken back."
        />
    }
    .into_any()
}

/// The disputes of one kind, with the words around their amount.
#[component]
fn DisputesAlike(
    sum: DisputeSum,
    kind: NoticeKind,
    of_one: (&'static str, &'static str),
    of_many: (&'static str, &'static str),
    of_nothing: &'static str,
) -> impl IntoView {
    if sum.count == 0 {
        return ().into_any();
    }
    let words = if sum.amount > Cents::new(0) {
        let (before, after) = if sum.count > 1 { of_many } else { of_one };
        view! { {before} <Money amount=sum.amount.dollars() style=MoneyStyle::Cents/> {after} }
            .into_any()
    } else {
        of_nothing.into_any()
    };
    view! {
        <Notice kind>
            {words}
            " "
            <a href="/billing/history">"See it in the history"</a>
        </Notice>
    }
    .into_any()
}

/// More was used, or taken back by a bank, than there was credit for: somebody has to add credit.
#[component]
pub fn OwedBanner(settling: Settling, role: Role, form: TopUpForm) -> impl IntoView {
    let how = if settling.by_any {
        "The next top-up settles it. "
    } else {
        "Adding that much settles it. "
    };
    let way_on = if role.may_change_money() {
        view! {
            <a
                href="/billing?add=1"
                on:click=move |event| browser::instead_of_following(&event, || form.open())
            >
                "Add credit"
            </a>
        }
        .into_any()
    } else {
        "Owners and billing admins add credit.".into_any()
    };
    view! {
        <Notice kind=NoticeKind::Waiting>
            "Your credit did not cover everything. "
            <Money amount=settling.amount.dollars() style=MoneyStyle::Cents/>
            " is owed, and requests are refused until it is settled. "
            {how}
            {way_on}
        </Notice>
    }
    .into_any()
}

/// Nothing came of a payment that the address names.
#[component]
pub fn NotStartedNotice() -> impl IntoView {
    view! {
        <Notice kind=NoticeKind::Waiting>
            "The payment was not started. Nothing was charged."
        </Notice>
    }
    .into_any()
}

/// It could not be found out how the payment stands.
#[component]
pub fn UnknownNotice() -> impl IntoView {
    view! {
        <Notice kind=NoticeKind::Waiting>
            "We cannot say yet how your payment stands. It is not lost and cannot be charged twice. "
            <a href="" rel="external">"Look again"</a>
        </Notice>
    }
    .into_any()
}
