use leptos::prelude::*;
use types::top_up::{TopUpState, TopUpView};

use crate::components::notice::{Notice, NoticeKind};

/// How a top-up that was posted without script stands, in words.
#[component]
pub fn ResultNotice(top_up: TopUpView) -> impl IntoView {
    let amount = top_up.amount.dollars();
    match top_up.state {
        TopUpState::Succeeded { .. } => view! {
            <Notice kind=NoticeKind::Good>
                {format!(
                    "{amount} was added. Your balance is {}.",
                    top_up.balance.dollars().rounded_down(),
                )}
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
                {format!("{amount} is still processing, no need to pay again. ")}
                <a href="" rel="external">"Look again"</a>
            </Notice>
        }
        .into_any(),
        TopUpState::RequiresAction { url } => view! {
            <Notice kind=NoticeKind::Waiting>
                {format!("Your bank wants you to confirm {amount}. Nothing is charged before. ")}
                {url.map(|url| view! {
                    <a href=url rel="external" target="_blank">"Confirm at your bank"</a>
                    ", then "
                })}
                <a href="" rel="external">"look again"</a>
                "."
            </Notice>
        }
        .into_any(),
    }
}
