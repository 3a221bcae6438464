use leptos::prelude::*;

/// The icons of the interface: 16 px, one stroke, drawn in the text's colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glyph {
    Alert,
    ArrowLeft,
    ArrowRight,
    Check,
    Close,
    CreditCard,
    Cube,
    Lock,
    Menu,
    Monitor,
    Moon,
    More,
    Plus,
    Receipt,
    SignOut,
    Sun,
    Wallet,
}

impl Glyph {
    const fn path(self) -> &'static str {
        match self {
            Self::Alert => {
                "M8 5.2v3.4M8 11v.1M8 1.8 1.3 13.4a.6.6 0 0 0 .5.8h12.4a.6.6 0 0 0 .5-.8Z"
            }
            Self::ArrowLeft => "M9.8 3.2 5 8l4.8 4.8",
            Self::ArrowRight => "M6.2 3.2 11 8l-4.8 4.8",
            Self::Check => "m3 8.6 3.4 3.4L13 4.8",
            Self::Close => "m3.8 3.8 8.4 8.4m0-8.4-8.4 8.4",
            Self::CreditCard => {
                "M2.7 3.2h10.6c.7 0 1.2.5 1.2 1.2v7.2c0 .7-.5 1.2-1.2 1.2H2.7c-.7 0-1.2-.5-1.2-1.2V4.4c0-.7.5-1.2 1.2-1.2ZM1.5 6.5h13M4 10.2h2.4"
            }
            Self::Cube => {
                "M8 1.6 13.6 4.8v6.4L8 14.4l-5.6-3.2V4.8ZM2.4 4.8 8 8m0 0 5.6-3.2M8 8v6.4"
            }
            Self::Lock => {
                "M4.2 7.2h7.6c.6 0 1 .4 1 1v4.6c0 .6-.4 1-1 1H4.2c-.6 0-1-.4-1-1V8.2c0-.6.4-1 1-1ZM5.2 7V4.9a2.8 2.8 0 0 1 5.6 0V7"
            }
            Self::Menu => "M2.2 4.5h11.6M2.2 8h11.6M2.2 11.5h11.6",
            Self::Monitor => {
                "M2.8 2.6h10.4c.6 0 1 .4 1 1v6.6c0 .6-.4 1-1 1H2.8c-.6 0-1-.4-1-1V3.6c0-.6.4-1 1-1ZM8 11.4v2.2M5.4 13.8h5.2"
            }
            Self::Moon => "M13.6 9.6A6 6 0 0 1 6.4 2.4a6 6 0 1 0 7.2 7.2Z",
            Self::More => "M3.4 8h.1M8 8h.1M12.6 8h.1",
            Self::Plus => "M8 3v10M3 8h10",
            Self::Receipt => {
                "M3.2 1.8v12.4l1.9-1.2 1.9 1.2 1.9-1.2 1.9 1.2 2-1.2V1.8M2.4 1.8h11.2M5.8 5.2h4.6M5.8 8.4h4.6"
            }
            Self::SignOut => {
                "M6.2 2.4H3.4c-.6 0-1 .4-1 1v9.2c0 .6.4 1 1 1h2.8M10.4 5l3 3-3 3M13.2 8H6.2"
            }
            Self::Sun => {
                "M8 5.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6ZM8 1.2v1.2M8 13.6v1.2M1.2 8h1.2M13.6 8h1.2M3.2 3.2l.8.8M12 12l.8.8M12.8 3.2l-.8.8M4 12l-.8.8"
            }
            Self::Wallet => {
                "M2 4.6c0-.9.7-1.6 1.6-1.6h8.2v2.2M2 4.6c0 .9.7 1.4 1.6 1.4h9.2c.7 0 1.2.5 1.2 1.2v5c0 .7-.5 1.2-1.2 1.2H3.2C2.5 13.4 2 12.9 2 12.2ZM11 9.7h.1"
            }
        }
    }
}

/// Decoration beside words, hidden from screen readers: a control without words labels itself.
#[component]
pub fn Icon(glyph: Glyph) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
            <path d=glyph.path()/>
        </svg>
    }
    .into_any()
}

/// The product's mark.
#[component]
pub fn Mark() -> impl IntoView {
    view! {
        <svg class="mark" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">
            <rect width="24" height="24" rx="6"/>
            <path d="M8 7.6h8.2L8 16.4h8.2"/>
        </svg>
    }
    .into_any()
}
