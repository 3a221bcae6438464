//! What the browser may ask of the server, one file per noun. Every function is a POST under
//! `/api/`, takes a form's fields, and does nothing but hand over to the domain. Those that are about
//! an organization are called by the [`page_client::PageClient`].

pub mod billing_page;
pub mod history;
pub mod models;
pub mod page_client;
pub mod payment_method;
pub mod refund;
pub mod refusal;
pub mod session;
pub mod theme;
pub mod top_up;
