use leptos::prelude::*;
use types::payment::CardBrand;

/// A card brand's mark, 32 by 20. The brand's name stands beside it in words.
#[component]
pub fn BrandMark(brand: CardBrand) -> impl IntoView {
    let drawing = match brand {
        CardBrand::Visa => word("VISA", "brand-visa").into_any(),
        CardBrand::Amex => word("AMEX", "brand-amex").into_any(),
        CardBrand::Jcb => word("JCB", "brand-jcb").into_any(),
        CardBrand::Mastercard => {
            circles("brand-mastercard-left", "brand-mastercard-right").into_any()
        }
        CardBrand::Diners => circles("brand-diners-left", "brand-diners-right").into_any(),
        CardBrand::Unionpay => stripes().into_any(),
        CardBrand::Discover => discover().into_any(),
        CardBrand::Other => plain().into_any(),
    };
    view! {
        <svg class="brand-mark" viewBox="0 0 32 20" width="32" height="20" aria-hidden="true">
            {drawing}
        </svg>
    }
    .into_any()
}

fn word(text: &'static str, class: &'static str) -> impl IntoView {
    view! {
        <g class=class>
            <rect class="brand-card" width="32" height="20" rx="3"/>
            <text x="16" y="13.6" text-anchor="middle" font-size="9.5" textLength="23">{text}</text>
        </g>
    }
    .into_any()
}

fn circles(left: &'static str, right: &'static str) -> impl IntoView {
    view! {
        <rect class="brand-card" width="32" height="20" rx="3"/>
        <circle class=left cx="12.6" cy="10" r="5.6"/>
        <circle class=right cx="19.4" cy="10" r="5.6"/>
    }
    .into_any()
}

fn stripes() -> impl IntoView {
    view! {
        <rect class="brand-card" width="32" height="20" rx="3"/>
        <path class="brand-unionpay-red" d="M8.4 4.4h6l-2.2 11.2h-6Z"/>
        <path class="brand-unionpay-blue" d="M14.4 4.4h6l-2.2 11.2h-6Z"/>
        <path class="brand-unionpay-green" d="M20.4 4.4h5.4l-2.2 11.2h-5.4Z"/>
    }
    .into_any()
}

fn discover() -> impl IntoView {
    view! {
        <g class="brand-discover">
            <rect class="brand-card" width="32" height="20" rx="3"/>
            <path class="brand-discover-band" d="M13 20c8-1.4 14-4.2 19-8v5a3 3 0 0 1-3 3Z"/>
            <text x="14.6" y="9.6" text-anchor="middle" font-size="5.4" textLength="24">"DISCOVER"</text>
        </g>
    }
    .into_any()
}

fn plain() -> impl IntoView {
    view! {
        <rect class="brand-card" width="32" height="20" rx="3"/>
        <path class="brand-plain" d="M0 6h32v3.4H0ZM4 13h8v1.6H4Z"/>
    }
    .into_any()
}
