//! What stands around every page: the document, the frame with its sidebar, the theme.

pub mod document;
pub mod frame;
mod page_change;
pub mod payments_mode;
mod sidebar;
pub mod stripe_script;
mod theme_switch;
